//! The last words of a process: what it wrote to stderr, as much as an error message can use.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much is kept.
const KEPT: usize = 8 * 1024;

/// The last 8 KiB of a stream, for those who start processes and have to say why one did not start. Clones share them.
///
/// ```
/// let tail = hibernaculum_engine::Tail::default();
/// tail.push(b"ImportError: no module \x1b[31m\n");
/// assert_eq!(tail.shown(), "ImportError: no module \\u{1b}[31m");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    /// Reads a stream to its end: a process whose stderr nobody reads would block one day.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_engine::Tail;
    ///
    /// let tail = Tail::default();
    /// let mut stderr = &b"ImportError: no module\n"[..]; // of a process, say
    /// tail.clone().follow(&mut stderr).await;
    /// assert_eq!(tail.shown(), "ImportError: no module");
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// What was read is kept.
    pub async fn follow(self, mut stream: impl AsyncRead + Unpin) {
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut piece).await {
            self.push(piece.get(..length).unwrap_or_default());
        }
    }

    /// Adds what came.
    pub fn push(&self, bytes: &[u8]) {
        tracing::debug!(words = %Self::printable(bytes), "a sandbox's process speaks");
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(bytes);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }

    /// What is kept, fit for a message.
    pub fn shown(&self) -> String {
        Self::printable(self.0.lock().unwrap_or_else(PoisonError::into_inner).make_contiguous())
    }

    /// Bytes of a process as a message may show them: trimmed, and unable to drive a terminal.
    ///
    /// ```
    /// use hibernaculum_engine::Tail;
    ///
    /// assert_eq!(Tail::printable(b" \x1b[2Jgone\n"), "\\u{1b}[2Jgone");
    /// ```
    pub fn printable(bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let mut shown = String::new();
        for character in text.trim().chars() {
            if character.is_control() && !matches!(character, '\n' | '\t') {
                shown.extend(character.escape_default());
            } else {
                shown.push(character);
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_words_are_kept_and_the_stream_is_read_to_its_end() {
        let tail = Tail::default();
        let noise = [vec![b'x'; 100_000], b"\nImportError: no module \x1b[31m\n".to_vec()].concat();
        let mut stream = noise.as_slice();
        tail.clone().follow(&mut stream).await;
        assert!(stream.is_empty());
        let shown = tail.shown();
        assert!(shown.ends_with("ImportError: no module \\u{1b}[31m"), "{shown}");
        assert!(shown.len() <= KEPT + 16);
    }
}
