//! A stream to the supervisor that wakes its task only when there is something to read.
//!
//! ```text
//!  read  ── would block ──▶ wait until the socket is readable
//!  write ── would block ──▶ wait until a duplicate is writable, made then and dropped afterwards
//! ```
//!
//! tokio's own `UnixStream` listens for both all the time. But a unix socket becomes writable anew whenever its peer *reads*: each request would wake the
//! host once more for nothing, just when the session begins to work on it.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{SendFlags, Shutdown, send, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::pipe;
use tokio::time::{Sleep, sleep};

/// How long is waited before a process that had no descriptor left is tried again.
const SCARCITY: Duration = Duration::from_millis(10);

/// A connected unix stream socket, for [`Place::connect`](crate::Place::connect) where one can be shared.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use hibernaculum_engine::SocketStream;
/// use std::os::unix::net::UnixStream;
///
/// let (here, there) = UnixStream::pair()?;
/// let (_here, _there) = (SocketStream::new(here)?, SocketStream::new(there)?);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct SocketStream {
    /// The socket. tokio's name for a descriptor of which one only reads.
    reader: pipe::Receiver,
    /// There while a write waits for room.
    room: Option<tokio::net::UnixStream>,
    /// There while a write waits until this process may have one more descriptor.
    scarcity: Option<Pin<Box<Sleep>>>,
}

impl SocketStream {
    /// Takes the socket over.
    ///
    /// # Errors
    ///
    /// What the system says, and that there is no runtime.
    pub fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            reader: pipe::Receiver::from_owned_fd_unchecked(socket.into())?,
            room: None,
            scarcity: None,
        })
    }

    /// A duplicate that tells when there is room; `None` where this process has no descriptor left for it.
    fn duplicate(&self) -> io::Result<Option<tokio::net::UnixStream>> {
        match fcntl_dupfd_cloexec(self.reader.as_fd(), 0) {
            Ok(duplicate) => tokio::net::UnixStream::from_std(UnixStream::from(duplicate)).map(Some),
            Err(Errno::MFILE | Errno::NFILE) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn try_write(&self, data: &[u8]) -> Result<usize, Errno> {
        loop {
            match send(&self.reader, data, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Err(Errno::INTR) => {}
                done => return done,
            }
        }
    }
}

impl AsyncRead for SocketStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(context, buffer)
    }
}

impl AsyncWrite for SocketStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(scarcity) = &mut self.scarcity {
            ready!(scarcity.as_mut().poll(context));
            self.scarcity = None;
        }
        let mut room = match self.room.take() {
            Some(room) => room,
            None => match self.try_write(data) {
                Err(Errno::AGAIN) => {
                    let Some(room) = self.duplicate()? else {
                        let mut scarcity = Box::pin(sleep(SCARCITY));
                        // It is not over yet, and wakes this task when it is.
                        let _ = scarcity.as_mut().poll(context);
                        self.scarcity = Some(scarcity);
                        return Poll::Pending;
                    };
                    room
                }
                done => return Poll::Ready(done.map_err(io::Error::from)),
            },
        };
        let written = Pin::new(&mut room).poll_write(context, data);
        if written.is_pending() {
            self.room = Some(room);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(shutdown(&self.reader, Shutdown::Write)?))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn pair() -> (SocketStream, SocketStream) {
        let (one, other) = UnixStream::pair().unwrap();
        (SocketStream::new(one).unwrap(), SocketStream::new(other).unwrap())
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_the_end_is_an_end() {
        let (mut here, mut there) = pair();
        here.write_all(b"question").await.unwrap();
        let mut heard = [0; 8];
        there.read_exact(&mut heard).await.unwrap();
        there.write_all(b"answer").await.unwrap();
        there.shutdown().await.unwrap();
        let mut rest = Vec::new();
        here.read_to_end(&mut rest).await.unwrap();
        assert_eq!((&heard[..], &rest[..]), (&b"question"[..], &b"answer"[..]));
    }

    /// More than any socket holds: both sides wait for the other, again and again.
    #[tokio::test]
    async fn a_writer_waits_for_room_and_loses_nothing() {
        let (mut here, mut there) = pair();
        let sent: Vec<u8> = (0..8_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 4]).collect();
        let copy = sent.clone();
        let writing = tokio::spawn(async move {
            here.write_all(&copy).await.unwrap();
            here
        });
        let mut heard = vec![0; sent.len()];
        let mut done = 0;
        while done < heard.len() {
            done += there.read(&mut heard[done..]).await.unwrap();
        }
        let here = writing.await.unwrap();
        assert!(heard == sent, "the bytes came as they went");
        drop((here.room, there));
    }

    #[tokio::test]
    async fn a_write_to_nobody_is_an_error_and_no_signal() {
        let (mut here, there) = pair();
        drop(there);
        let error = here.write_all(b"anybody?").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    /// What this module is for.
    #[tokio::test]
    async fn a_peer_that_reads_does_not_wake() {
        let (mut here, mut there) = pair();
        let waking = std::sync::Arc::new(Wakes::default());
        let waker = Waker::from(std::sync::Arc::clone(&waking));
        let mut heard = [0];
        let waiting =
            Pin::new(&mut here).poll_read(&mut Context::from_waker(&waker), &mut ReadBuf::new(&mut heard));
        assert!(waiting.is_pending());
        here.write_all(b"?").await.unwrap();
        there.read_exact(&mut [0]).await.unwrap();
        sleep(Duration::from_millis(20)).await;
        assert_eq!(waking.count(), 0);
        there.write_all(b"!").await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), async {
            while waking.count() == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }

    #[derive(Default)]
    struct Wakes(std::sync::atomic::AtomicUsize);

    impl Wakes {
        fn count(&self) -> usize {
            self.0.load(std::sync::atomic::Ordering::Relaxed)
        }
    }

    impl std::task::Wake for Wakes {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
