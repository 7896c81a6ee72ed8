//! The bytes of the host's direction: kept from when the engine wrote them until the tunnel's reader has taken them.
//!
//! ```text
//!      base            sent             end         positions in the stream
//!   ────┼───────────────┼────────────────┼────
//!       │ under way     │ to be sent     │          rewind(m): what is under way beyond m is to be sent again
//! ```

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};

use super::WINDOW;

/// What the host says, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    under_way: VecDeque<Bytes>,
    to_send: VecDeque<Bytes>,
    base: u64,
    sent: u64,
    end: u64,
}

impl Outbox {
    /// How many bytes there is room for.
    pub(crate) fn room(&self) -> u64 {
        WINDOW.saturating_sub(self.end - self.base)
    }

    /// The position after the last byte.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.to_send.is_empty()
    }

    pub(crate) fn push(&mut self, piece: Bytes) {
        self.end += length(&piece);
        self.to_send.push_back(piece);
    }

    /// The next piece to be sent; it is under way from here on.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let piece = self.to_send.pop_front()?;
        self.sent += length(&piece);
        self.under_way.push_back(piece.clone());
        Some(piece)
    }

    /// Everything up to `position` has been taken; false where that cannot be.
    pub(crate) fn acknowledge(&mut self, position: u64) -> bool {
        if position > self.sent {
            return false;
        }
        while self.base < position {
            let Some(mut piece) = self.under_way.pop_front() else { return false };
            let taken = (position - self.base).min(length(&piece));
            self.base += taken;
            piece.advance(usize::try_from(taken).unwrap_or(usize::MAX));
            if !piece.is_empty() {
                self.under_way.push_front(piece);
            }
        }
        true
    }

    /// A new link begins, whose other end has everything up to `position`: the rest is to be sent again. False where the two do not fit together.
    pub(crate) fn rewind(&mut self, position: u64) -> bool {
        if position < self.base || position > self.sent || !self.acknowledge(position) {
            return false;
        }
        while let Some(piece) = self.under_way.pop_back() {
            self.to_send.push_front(piece);
        }
        self.sent = self.base;
        true
    }
}

fn length(piece: &Bytes) -> u64 {
    piece.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(outbox: &mut Outbox) -> Vec<u8> {
        std::iter::from_fn(|| outbox.next()).flatten().collect()
    }

    #[test]
    fn what_was_not_taken_is_sent_again() {
        let mut outbox = Outbox::default();
        outbox.push(Bytes::from_static(b"abcd"));
        outbox.push(Bytes::from_static(b"efgh"));
        assert_eq!(sent(&mut outbox), b"abcdefgh");
        assert!(outbox.acknowledge(2) && outbox.acknowledge(1), "an old word is no error");
        outbox.push(Bytes::from_static(b"ij"));
        assert!(outbox.rewind(5));
        assert_eq!(sent(&mut outbox), b"fghij");
        assert!(outbox.rewind(10) && outbox.is_sent());
    }

    #[test]
    fn positions_that_cannot_be_are_refused() {
        let mut outbox = Outbox::default();
        outbox.push(Bytes::from_static(b"abcd"));
        assert!(!outbox.acknowledge(1) && !outbox.rewind(1), "it was not sent yet");
        outbox.next();
        assert!(outbox.acknowledge(3));
        assert!(!outbox.rewind(2) && !outbox.rewind(5) && !outbox.acknowledge(5));
    }

    #[test]
    fn there_is_room_for_the_window() {
        let mut outbox = Outbox::default();
        outbox.push(Bytes::from(vec![0; 8 << 20]));
        assert_eq!(outbox.room(), 0);
        outbox.next();
        assert!(outbox.acknowledge(100));
        assert_eq!(outbox.room(), 100);
    }

    #[test]
    fn whatever_happens_every_byte_comes_once_and_in_order() {
        // A small generator of numbers: what matters is that many orders are tried, and the same ones each time.
        let mut state = 1_u64;
        let mut dice = move |sides: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % sides
        };
        let (mut outbox, mut written, mut arrived) = (Outbox::default(), Vec::new(), Vec::new());
        for _ in 0..20_000 {
            match dice(4) {
                0 => {
                    let piece: Vec<u8> = (0..=dice(9)).map(|_| u8::try_from(dice(256)).unwrap()).collect();
                    written.extend_from_slice(&piece);
                    outbox.push(piece.into());
                }
                1 => arrived.extend(outbox.next().into_iter().flatten()),
                2 => assert!(outbox.acknowledge(dice(arrived.len() as u64 + 1))),
                // A break: of what was under way only a part has arrived.
                _ => {
                    let least = outbox.base;
                    let kept = least + dice(arrived.len() as u64 - least + 1);
                    arrived.truncate(usize::try_from(kept).unwrap());
                    assert!(outbox.rewind(kept));
                }
            }
        }
        arrived.extend(sent(&mut outbox));
        assert!(arrived == written && arrived.len() > 10_000);
    }
}
