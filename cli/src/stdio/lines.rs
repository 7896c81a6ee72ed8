//! Lines in and lines out, bounded, and without a thread in between where stdin and stdout are pipes.
//!
//! A pipe is opened anew by its name in `/proc`: what is opened so is non-blocking for us alone, and not for everybody who shares our stdio.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::sync::{Mutex, Notify};

/// The longest line, in bytes.
pub(super) const LONGEST: u64 = 16 << 20;

/// What came.
pub(super) enum Line {
    Text(Vec<u8>),
    /// A line of more than [`LONGEST`]; it was skipped.
    TooLong,
    End,
}

/// Stdin.
pub(super) struct Input {
    reader: BufReader<Pin<Box<dyn AsyncRead + Send>>>,
    line: Vec<u8>,
    /// Whether the rest of a line that is too long is being skipped.
    skips: bool,
}

impl Input {
    pub(super) fn stdin() -> Self {
        let pipe = pipe::OpenOptions::new().open_receiver("/proc/self/fd/0");
        let reader: Pin<Box<dyn AsyncRead + Send>> = match pipe {
            Ok(pipe) => Box::pin(pipe),
            // A file, a terminal or a socket: they are read by a thread.
            Err(_) => Box::pin(tokio::io::stdin()),
        };
        Self { reader: BufReader::with_capacity(1 << 16, reader), line: Vec::new(), skips: false }
    }

    /// The next line. A last one without an end is one, too.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what has been read of a line is kept.
    pub(super) async fn next(&mut self) -> Line {
        loop {
            let room = LONGEST + 1 - self.line.len() as u64;
            let read = (&mut self.reader).take(room).read_until(b'\n', &mut self.line).await;
            let is_end = !matches!(read, Ok(1..));
            let is_whole = self.line.last() == Some(&b'\n');
            if !is_end && !is_whole && (self.line.len() as u64) <= LONGEST {
                continue;
            }
            let line = std::mem::take(&mut self.line);
            if std::mem::replace(&mut self.skips, !is_whole && !is_end) {
                if is_whole || is_end {
                    return Line::TooLong;
                }
            } else if !self.skips && !line.trim_ascii().is_empty() {
                return Line::Text(line);
            }
            if is_end {
                return Line::End;
            }
        }
    }
}

/// Stdout: whole lines, one after the other.
pub(super) struct Writer {
    stream: Mutex<Pin<Box<dyn AsyncWrite + Send>>>,
    is_closed: AtomicBool,
    closing: Notify,
}

impl Writer {
    pub(super) fn stdout() -> Arc<Self> {
        let pipe = pipe::OpenOptions::new().open_sender("/proc/self/fd/1");
        let stream: Pin<Box<dyn AsyncWrite + Send>> = match pipe {
            Ok(pipe) => Box::pin(pipe),
            Err(_) => Box::pin(tokio::io::stdout()),
        };
        Arc::new(Self {
            stream: Mutex::new(stream),
            is_closed: AtomicBool::new(false),
            closing: Notify::new(),
        })
    }

    /// Writes a line; waits while nobody takes it. Where nobody ever will, [`Writer::closed`] tells.
    pub(super) async fn send(&self, message: &impl serde::Serialize) {
        // Maps have text keys here, and numbers are finite.
        let mut line = serde_json::to_vec(message).unwrap_or_default();
        line.push(b'\n');
        let mut stream = self.stream.lock().await;
        let written = async {
            stream.write_all(&line).await?;
            stream.flush().await
        };
        if written.await.is_err() && !self.is_closed.swap(true, Ordering::Relaxed) {
            self.closing.notify_one();
        }
    }

    /// Waits until nobody reads any more.
    pub(super) async fn closed(&self) {
        self.closing.notified().await;
    }
}
