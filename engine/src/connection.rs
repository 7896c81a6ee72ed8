//! One connection to a runner: frames in, frames out, and the handshake at its beginning.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use hibernaculum_core::{Error, TransportError};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio_util::codec::{Encoder, FramedRead};

use crate::failure;
use crate::provider::ByteStream;
use crate::wire::frame::{MAX_FRAME, MAX_HELLO_FRAME};
use crate::wire::messages::{Challenge, Notice, Welcome};
use crate::wire::text::CarriesText;
use crate::wire::{Frame, FrameCodec, HostHello, Id, Incoming, Secret, Splitter, Transfers, WireError, rpc};

/// A connection whose handshake is done.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    pub(crate) welcome: Welcome,
}

/// The receiving half.
pub(crate) struct Inbound {
    frames: FramedRead<ReadHalf<Box<dyn ByteStream>>, FrameCodec>,
    pub(crate) transfers: Transfers,
}

impl Inbound {
    /// The next message; chunks of transfers are taken in on the way. `None`: the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(crate) async fn message(&mut self) -> Result<Option<Bytes>, WireError> {
        while let Some(frame) = self.frames.next().await {
            match frame? {
                Frame::Message(bytes) => return Ok(Some(bytes)),
                Frame::Chunk { transfer, data } => self.transfers.chunk(transfer, &data)?,
            }
        }
        Ok(None)
    }
}

impl Inbound {
    /// The next frame, whatever it is. `None`: the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(crate) async fn frame(&mut self) -> Result<Option<Frame>, WireError> {
        self.frames.next().await.transpose()
    }
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbound").field("transfers", &self.transfers).finish_non_exhaustive()
    }
}

/// The sending half: what is pushed waits in a buffer until it is flushed, so that nobody ever waits to send.
pub(crate) struct Outbound {
    stream: WriteHalf<Box<dyn ByteStream>>,
    codec: FrameCodec,
    splitter: Splitter,
    buffer: BytesMut,
}

impl Outbound {
    /// Appends a frame.
    pub(crate) fn push(&mut self, frame: Frame) -> Result<(), WireError> {
        self.codec.encode(frame, &mut self.buffer)
    }

    /// Appends the chunks of a message's long strings, which then stand for them; the message itself is to follow.
    pub(crate) fn push_texts(&mut self, message: &mut impl CarriesText) -> Result<(), WireError> {
        self.splitter.split(message).into_iter().try_for_each(|chunk| self.push(chunk))
    }

    /// Forgets what waits: nobody is there to take it.
    pub(crate) fn discard(&mut self) {
        self.buffer.clear();
    }

    /// Whether there is nothing to flush.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Sends what waits.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was not sent stays in the buffer.
    pub(crate) async fn flush(&mut self) -> std::io::Result<()> {
        while self.buffer.has_remaining() {
            if self.stream.write_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
        }
        // Not every stream passes on at once what it is given: one through TLS or a WebSocket waits for this.
        self.stream.flush().await
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("waiting", &self.buffer.len()).finish_non_exhaustive()
    }
}

/// Shakes hands on a new stream.
///
/// # Cancel safety
///
/// The stream is closed when the future is dropped.
pub(crate) async fn shake_hands(
    stream: Box<dyn ByteStream>,
    hello: HostHello,
    secret: &Secret,
    timeout: Duration,
) -> Result<Connection, Error> {
    const DOING: &str = "shaking hands with the runner";
    let (reader, writer) = tokio::io::split(stream);
    let mut inbound = Inbound {
        frames: FramedRead::new(reader, FrameCodec::new(MAX_HELLO_FRAME)),
        transfers: Transfers::default(),
    };
    let mut outbound = Outbound {
        stream: writer,
        codec: FrameCodec::default(),
        splitter: Splitter::default(),
        buffer: BytesMut::new(),
    };
    let shaking = async {
        let first = next_message(&mut inbound, DOING).await?;
        let challenge = challenge(&first)?;
        let (hello, expected) = hello.answer(secret, &challenge).map_err(failure::handshake)?;
        rpc::request(0, &hello)
            .and_then(|frame| outbound.push(frame))
            .map_err(|error| failure::wire(error, DOING))?;
        outbound.flush().await.map_err(|error| failure::broken(DOING, error))?;
        let second = next_message(&mut inbound, DOING).await?;
        let welcome = welcome(&second)?;
        expected.verify(secret, &welcome).map_err(failure::handshake)?;
        Ok::<_, Error>(welcome)
    };
    let welcome =
        tokio::time::timeout(timeout, shaking).await.map_err(|_| failure::timeout(DOING, timeout))??;
    inbound.frames.decoder_mut().set_limit(MAX_FRAME);
    Ok(Connection { inbound, outbound, welcome })
}

async fn next_message(inbound: &mut Inbound, doing: &str) -> Result<Bytes, Error> {
    let message = inbound.message().await.map_err(|error| failure::wire(error, doing))?;
    message.ok_or_else(|| failure::ended(doing))
}

fn challenge(message: &[u8]) -> Result<Challenge, Error> {
    match rpc::parse(message).map_err(unreadable)? {
        Incoming::Notification { method, params } if method == Challenge::METHOD => {
            rpc::contents(Challenge::METHOD, params).map_err(unreadable)
        }
        // A runner that cannot go on says so instead.
        Incoming::Complaint { error } => Err(failure::refused(&error)),
        _ => Err(out_of_turn()),
    }
}

fn welcome(message: &[u8]) -> Result<Welcome, Error> {
    match rpc::parse(message).map_err(unreadable)? {
        Incoming::Response { id: Id::Number(0), outcome: Ok(result) } => {
            rpc::contents("hello", result).map_err(unreadable)
        }
        Incoming::Response { outcome: Err(error), .. } | Incoming::Complaint { error } => {
            Err(failure::refused(&error))
        }
        _ => Err(out_of_turn()),
    }
}

fn unreadable(error: WireError) -> Error {
    failure::wire(error, "reading the handshake")
}

fn out_of_turn() -> Error {
    let violation = "something other than the handshake came first".to_owned();
    TransportError::Protocol { violation, source: None }.into()
}
