//! Two connections that have become one.
//!
//! ```text
//!  client ──▶ reframe? ──▶ piece? delay? ──▶ sandbox
//!         ◀── piece? delay? ◀── reframe? ◀──
//!                 └ a close that is due: after so many bytes, between two frames or in the middle of one
//! ```

use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::faults::Fault;
use super::super::network::Manner;
use super::frames::{Part, Walk};
use super::reframe::Reframe;

/// How much is read at once.
const BUFFER: usize = 128 << 10;
/// The code of a connection that ends without a close frame.
const ABNORMAL: u16 = 1006;

/// How bytes travel, and how it ends.
#[derive(Debug)]
pub(super) struct Tunnel {
    manner: Manner,
    close: Option<Close>,
}

/// A close that is due.
#[derive(Debug, Clone)]
struct Close {
    code: u16,
    /// Bytes that come from the sandbox first.
    after: u64,
}

impl Tunnel {
    pub(super) fn new(manner: Manner, fault: Option<&Fault>) -> Self {
        let close = match fault {
            Some(&Fault::Close { code, after }) => Some(Close { code, after }),
            _ => None,
        };
        Self { manner, close }
    }

    /// Passes bytes on until both sides have ended, or one of them breaks.
    pub(super) async fn join(self, client: Upgraded, server: Upgraded) {
        let (Ok((client, from_client)), Ok((server, from_server))) = (open(client), open(server)) else {
            return;
        };
        let (client_read, client_write) = client.into_split();
        let (server_read, server_write) = server.into_split();
        let inward = Flow::new(self.manner, None).pass(from_client, client_read, server_write);
        let outward = Flow::new(self.manner, self.close).pass(from_server, server_read, client_write);
        // A direction that ends in order leaves the other one open; one that breaks ends both.
        let _ = tokio::try_join!(inward, outward);
    }
}

/// The connection below, and what was read of it already.
fn open(upgraded: Upgraded) -> Result<(TcpStream, Vec<u8>), Upgraded> {
    let parts = upgraded.downcast::<TokioIo<TcpStream>>()?;
    Ok((parts.io.into_inner(), parts.read_buf.to_vec()))
}

/// One direction.
struct Flow {
    piece: usize,
    delay: Duration,
    reframe: Option<Reframe>,
    close: Option<(Close, Walk)>,
}

/// It is over, on purpose.
struct Closed;

impl Flow {
    fn new(manner: Manner, close: Option<Close>) -> Self {
        Self {
            piece: manner.piece.unwrap_or(usize::MAX).max(1),
            delay: manner.delay,
            reframe: manner.frame.map(Reframe::new),
            close: close.map(|close| (close, Walk::default())),
        }
    }

    async fn pass(
        mut self,
        first: Vec<u8>,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> Result<(), Closed> {
        self.forward(first, &mut to).await?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = from.read(&mut buffer).await.map_err(|_| Closed)?;
            let read = buffer.get(..count).unwrap_or_default();
            if read.is_empty() {
                return to.shutdown().await.map_err(|_| Closed);
            }
            if self.reframe.is_none() && self.close.is_none() {
                self.write(read, &mut to).await?;
            } else {
                self.forward(read.to_vec(), &mut to).await?;
            }
        }
    }

    async fn forward(&mut self, bytes: Vec<u8>, to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Closed> {
        let bytes = match &mut self.reframe {
            Some(reframe) => reframe.pass(&bytes),
            None => bytes,
        };
        let Some(end) = self.close.as_mut().and_then(|(close, walk)| end_of(close, walk, &bytes)) else {
            return self.write(&bytes, to).await;
        };
        self.write(bytes.get(..end).unwrap_or_default(), to).await?;
        let code = self.close.as_ref().map_or(ABNORMAL, |(close, _)| close.code);
        if code != ABNORMAL {
            let [high, low] = code.to_be_bytes();
            self.write(&[0x88, 2, high, low], to).await?;
            // Said before the connection goes.
            let _ = to.shutdown().await;
        }
        Err(Closed)
    }

    async fn write(&self, bytes: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Closed> {
        for piece in bytes.chunks(self.piece) {
            if !self.delay.is_zero() {
                tokio::time::sleep(self.delay).await;
            }
            to.write_all(piece).await.map_err(|_| Closed)?;
        }
        Ok(())
    }
}

/// How many of these bytes still go through, if the end is among them.
fn end_of(close: &mut Close, walk: &mut Walk, bytes: &[u8]) -> Option<usize> {
    if close.code == ABNORMAL {
        let left = usize::try_from(close.after).unwrap_or(usize::MAX);
        close.after = close.after.saturating_sub(bytes.len() as u64);
        return (left <= bytes.len()).then_some(left);
    }
    let mut rest = bytes;
    loop {
        let passed = bytes.len() - rest.len();
        if walk.is_between() && passed as u64 >= close.after {
            return Some(passed);
        }
        // A header that is whole ends a part, a payload that is not does too.
        match walk.next(&mut rest) {
            Some(Part::Header(_) | Part::Payload(_)) => {}
            None => break,
        }
    }
    close.after = close.after.saturating_sub(bytes.len() as u64);
    None
}
