//! The sending side: long text leaves a message, and goes before it in chunks.

use bytes::Bytes;

use super::{CarriesText, Text, TransferRef};
use crate::wire::frame::Frame;

/// The longest string inside a message, and the longest chunk, in bytes: 1 MiB.
pub const MAX_INLINE: usize = 1 << 20;

/// The sending side of a connection: takes long strings out of messages and numbers the transfers.
///
/// ```
/// use hibernaculum_engine::wire::{Splitter, Text};
///
/// let mut splitter = Splitter::default();
/// let mut text = Text::from("x".repeat(2_500_000));
/// let chunks = splitter.split(&mut text);
/// assert_eq!(chunks.len(), 3);            // to be sent before the message that has the text
/// assert_eq!(text.as_str(), None);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Splitter {
    used: u64,
}

impl Splitter {
    /// Replaces each text of `message` that is longer than [`MAX_INLINE`], and returns the chunks that carry them, in the
    /// order in which they go out before it. Without long text: an empty `Vec`, which costs nothing.
    pub fn split(&mut self, message: &mut impl CarriesText) -> Vec<Frame> {
        let mut chunks = Vec::new();
        let split = message.each_text(&mut |text| {
            self.text(text, &mut chunks);
            Ok(())
        });
        debug_assert!(split.is_ok(), "the visitor never fails");
        chunks
    }

    fn text(&mut self, text: &mut Text, chunks: &mut Vec<Frame>) {
        let Text::Inline(long) = text else { return };
        if long.len() <= MAX_INLINE {
            return;
        }
        self.used += 1;
        let transfer = self.used;
        let mut rest = Bytes::from(std::mem::take(long));
        *text = Text::Transfer(TransferRef { transfer, bytes: rest.len() as u64 });
        while !rest.is_empty() {
            let data = rest.split_to(rest.len().min(MAX_INLINE));
            chunks.push(Frame::Chunk { transfer, data });
        }
    }
}
