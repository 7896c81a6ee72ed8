//! Frames as they pass, undecoded.

use bytes::{Bytes, BytesMut};
use hibernaculum_engine::wire::frame::MAX_FRAME;

/// The length of a frame's header.
pub(crate) const HEADER: usize = 4;
/// The bit of a header that is no length, and marks a chunk.
pub(crate) const CHUNK: u32 = 1 << 31;

/// The first whole frame, with its header.
pub(crate) fn take_frame(buffer: &mut BytesMut) -> Option<Bytes> {
    let header = u32::from_be_bytes(*buffer.first_chunk::<HEADER>()?);
    let whole = HEADER + (header & !CHUNK) as usize;
    (buffer.len() >= whole).then(|| buffer.split_to(whole).freeze())
}

/// Whether this begins with a length that no frame has: nobody waits for its end.
pub(crate) fn is_noise(buffer: &[u8]) -> bool {
    let header = buffer.first_chunk::<HEADER>().map(|header| u32::from_be_bytes(*header) & !CHUNK);
    header.is_some_and(|length| length as usize > MAX_FRAME)
}

/// Whether a frame is a piece of a transfer, and no message.
pub(crate) fn is_chunk(frame: &[u8]) -> bool {
    frame.first().is_some_and(|byte| byte & 0x80 != 0)
}
