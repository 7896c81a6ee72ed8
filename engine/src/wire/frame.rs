//! Frames: where one message ends and the next begins.
//!
//! ```text
//!   0        4                       4+n
//!   ┌────────┬────────────────────────┐
//!   │0| n    │ UTF-8 JSON             │   Frame::Message
//!   ├────────┼──────────┬─────────────┤
//!   │1| n    │ transfer │ n - 8 bytes │   Frame::Chunk
//!   └────────┴──────────┴─────────────┘
//!    big endian; the top bit tells them apart
//! ```
//!
//! A length over the limit is refused when its four bytes are in, before memory is set aside for it; what is set aside
//! grows with what has come, not with what was promised. A stream that ends inside a frame yields
//! [`WireError::Torn`]: after the death of the process that wrote it, that frame is simply dropped.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::error::{Violation, WireError};

/// The longest frame, in bytes after the header: 16 MiB.
pub const MAX_FRAME: usize = 16 << 20;
/// The longest frame before a connection's hello has been accepted: 64 KiB.
pub const MAX_HELLO_FRAME: usize = 64 << 10;

const HEADER: usize = 4;
const TRANSFER_ID: usize = 8;
const CHUNK: u32 = 1 << 31;
/// How far the read buffer runs ahead of what has arrived: a whole chunk of a transfer, and no more.
const READ_AHEAD: usize = (1 << 20) + HEADER + TRANSFER_ID;

/// One frame of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A JSON-RPC message, for [`rpc::parse`](super::rpc::parse). The bytes are as they came: nobody has looked at them.
    ///
    /// They share memory with the connection's read buffer, so a receiver parses them and lets them go.
    Message(Bytes),
    /// A piece of a transfer, for [`Transfers::chunk`](super::text::Transfers::chunk).
    Chunk {
        /// Which transfer; the sender chose the number.
        transfer: u64,
        /// Its next bytes.
        data: Bytes,
    },
}

/// Cuts a byte stream into [`Frame`]s, and makes bytes of them.
///
/// A `Framed`, `FramedRead` or `FramedWrite` of tokio-util around it is cancel safe: a frame that has come in part waits
/// in their buffer.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use hibernaculum_engine::wire::{Frame, FrameCodec};
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let mut codec = FrameCodec::default();
/// let mut stream = BytesMut::new();
/// codec.encode(Frame::Message(Bytes::from_static(b"{}")), &mut stream)?;
/// assert_eq!(&stream[..], b"\0\0\0\x02{}");
/// assert_eq!(codec.decode(&mut stream)?, Some(Frame::Message(Bytes::from_static(b"{}"))));
/// assert_eq!(codec.decode(&mut stream)?, None);
/// # Ok::<(), hibernaculum_engine::wire::WireError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FrameCodec {
    limit: usize,
}

impl FrameCodec {
    /// A codec that refuses frames of more than `limit` bytes (after the header), in both directions.
    ///
    /// The wire has 31 bits for a length, so that no limit above 2 GiB - 1 has an effect.
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.min((CHUNK - 1) as usize) }
    }

    /// The limit in force, in bytes after the header.
    ///
    /// ```
    /// assert_eq!(hibernaculum_engine::wire::FrameCodec::new(4096).limit(), 4096);
    /// ```
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Sets the limit for frames whose header has not been read yet: small for a hello, [`MAX_FRAME`] after it.
    ///
    /// ```
    /// use hibernaculum_engine::wire::{FrameCodec, frame::MAX_FRAME};
    ///
    /// let mut codec = FrameCodec::new(4096); // enough for a hello
    /// codec.set_limit(MAX_FRAME);
    /// assert_eq!(codec.limit(), MAX_FRAME);
    /// ```
    pub fn set_limit(&mut self, limit: usize) {
        *self = Self::new(limit);
    }

    fn check_outgoing(&self, bytes: usize) -> Result<(), WireError> {
        if bytes > self.limit {
            return Err(WireError::TooLong { bytes, limit: self.limit });
        }
        Ok(())
    }
}

impl Default for FrameCodec {
    /// A codec with the protocol's limit, [`MAX_FRAME`].
    fn default() -> Self {
        Self::new(MAX_FRAME)
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = WireError;

    fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Frame>, WireError> {
        let Some(&header) = stream.first_chunk::<HEADER>() else {
            stream.reserve(HEADER);
            return Ok(None);
        };
        let header = u32::from_be_bytes(header);
        let is_chunk = header & CHUNK != 0;
        let length = (header & !CHUNK) as usize;
        if length > self.limit {
            return Err(Violation::FrameTooLong { bytes: length, limit: self.limit }.into());
        }
        if is_chunk && length < TRANSFER_ID {
            return Err(Violation::ChunkTooShort { bytes: length }.into());
        }
        let missing = (HEADER + length).saturating_sub(stream.len());
        if missing > 0 {
            stream.reserve(missing.min(READ_AHEAD));
            return Ok(None);
        }
        stream.advance(HEADER);
        let mut body = stream.split_to(length).freeze();
        Ok(Some(if is_chunk {
            Frame::Chunk { transfer: body.get_u64(), data: body }
        } else {
            Frame::Message(body)
        }))
    }

    /// As [`decode`](Self::decode) for what is left when the stream has ended; a rest that is no whole frame is
    /// dropped and told once, as [`WireError::Torn`].
    fn decode_eof(&mut self, stream: &mut BytesMut) -> Result<Option<Frame>, WireError> {
        if let Some(frame) = self.decode(stream)? {
            return Ok(Some(frame));
        }
        if stream.is_empty() {
            return Ok(None);
        }
        let length = stream.first_chunk::<HEADER>().map(|header| u32::from_be_bytes(*header) & !CHUNK);
        let torn =
            WireError::Torn { have: stream.len(), want: length.map(|length| HEADER + length as usize) };
        stream.clear();
        Err(torn)
    }
}

impl Encoder<Frame> for FrameCodec {
    type Error = WireError;

    fn encode(&mut self, frame: Frame, stream: &mut BytesMut) -> Result<(), WireError> {
        match frame {
            Frame::Message(message) => {
                self.check_outgoing(message.len())?;
                stream.reserve(HEADER + message.len());
                put_header(stream, message.len(), 0);
                stream.put_slice(&message);
            }
            Frame::Chunk { transfer, data } => {
                let length = TRANSFER_ID + data.len();
                self.check_outgoing(length)?;
                stream.reserve(HEADER + length);
                put_header(stream, length, CHUNK);
                stream.put_u64(transfer);
                stream.put_slice(&data);
            }
        }
        Ok(())
    }
}

/// Writes a header; `length` is within the limit, and so within 31 bits.
fn put_header(stream: &mut BytesMut, length: usize, kind: u32) {
    stream.put_u32(u32::try_from(length).unwrap_or(CHUNK - 1) | kind);
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
