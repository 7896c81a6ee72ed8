//! What a process in a container reads and writes, as the engine hands it on: one connection, stdout and stderr in chunks that say which they are.
//!
//! Never a terminal: it would change bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bollard::container::LogOutput;
use bytes::{Buf as _, Bytes};
use futures_util::Stream;
use hibernaculum_engine::Tail;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;
pub(crate) type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// The stdout of a process. Its stderr is put aside, for messages.
pub(crate) struct Stdout {
    output: Output,
    chunk: Bytes,
    stderr: Tail,
}

impl Stdout {
    pub(crate) fn new(output: Output, stderr: Tail) -> Self {
        Self { output, chunk: Bytes::new(), stderr }
    }
}

impl AsyncRead for Stdout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.chunk.is_empty() {
            match ready!(self.output.as_mut().poll_next(context)) {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                Some(Ok(LogOutput::StdOut { message } | LogOutput::Console { message })) => {
                    self.chunk = message;
                }
                Some(Ok(LogOutput::StdErr { message })) => self.stderr.push(&message),
                Some(Ok(LogOutput::StdIn { .. })) => {}
            }
        }
        let count = self.chunk.len().min(buffer.remaining());
        buffer.put_slice(self.chunk.get(..count).unwrap_or_default());
        self.chunk.advance(count);
        Poll::Ready(Ok(()))
    }
}

/// The stdin and stdout of a process, as one stream.
pub(crate) struct Duplex {
    pub(crate) input: Input,
    pub(crate) output: Stdout,
}

impl AsyncRead for Duplex {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(context, buffer)
    }
}

impl AsyncWrite for Duplex {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.input.as_mut().poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn stdout_is_read_and_stderr_is_put_aside() {
        let stdout = |bytes: &'static [u8]| Ok(LogOutput::StdOut { message: Bytes::from_static(bytes) });
        let stderr = Ok(LogOutput::StdErr { message: Bytes::from_static(b"warning\n") });
        let pieces = vec![stdout(b"one "), stderr, stdout(b""), stdout(b"two")];
        let tail = Tail::default();
        let mut read = Stdout::new(Box::pin(futures_util::stream::iter(pieces)), tail.clone());
        let mut text = String::new();
        read.read_to_string(&mut text).await.unwrap();
        assert_eq!((text.as_str(), tail.shown().as_str()), ("one two", "warning"));
    }
}
