//! The bytes of the tunnel's direction: from the WebSocket to the engine's reader.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};

use super::{ACKNOWLEDGE, WINDOW};

/// What the tunnel may send beyond the window: the last piece that it read before it was full.
const SLACK: u64 = 1 << 20;

/// What the tunnel says, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    waiting: VecDeque<Bytes>,
    received: u64,
    taken: u64,
    told: u64,
    end: Option<u64>,
}

impl Inbox {
    /// How many bytes have come: where the stream goes on after a break.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Keeps a piece; false where it is more than may come, or comes after the end.
    pub(crate) fn push(&mut self, piece: Bytes) -> bool {
        self.received += piece.len() as u64;
        if !piece.is_empty() {
            self.waiting.push_back(piece);
        }
        self.end.is_none() && self.received - self.taken <= WINDOW + SLACK
    }

    /// The stream ended after so many bytes; false where that cannot be.
    pub(crate) fn end(&mut self, position: u64) -> bool {
        let fits = position == self.received;
        self.end = Some(position);
        fits
    }

    /// What the reader is to get next.
    pub(crate) fn front(&self) -> Option<&[u8]> {
        self.waiting.front().map(AsRef::as_ref)
    }

    /// The reader took so many of those bytes.
    pub(crate) fn take(&mut self, count: usize) {
        if let Some(piece) = self.waiting.front_mut() {
            piece.advance(count.min(piece.len()));
            if piece.is_empty() {
                self.waiting.pop_front();
            }
        }
        self.taken += count as u64;
    }

    /// Nobody reads any more: everything counts as taken.
    pub(crate) fn discard(&mut self) {
        self.waiting.clear();
        self.taken = self.received;
    }

    /// Whether the reader has everything that there will ever be.
    pub(crate) fn is_over(&self) -> bool {
        self.end == Some(self.taken)
    }

    /// Whether the other side is to be told how far the reader has come.
    pub(crate) fn owes_acknowledgement(&self) -> bool {
        self.taken - self.told >= ACKNOWLEDGE
    }

    /// The position to tell, where there is something worth telling: every 256 KiB, or at once after a hello.
    pub(crate) fn acknowledgement(&mut self, at_once: bool) -> Option<u64> {
        (at_once || self.owes_acknowledgement()).then(|| {
            self.told = self.taken;
            self.taken
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_counted_twice_as_received_and_as_taken() {
        let mut inbox = Inbox::default();
        assert!(inbox.push(Bytes::from_static(b"abc")) && inbox.push(Bytes::from_static(b"de")));
        assert_eq!((inbox.front(), inbox.received()), (Some(&b"abc"[..]), 5));
        inbox.take(2);
        assert_eq!(inbox.acknowledgement(true), Some(2));
        assert_eq!(inbox.front(), Some(&b"c"[..]));
        inbox.take(1);
        assert_eq!(inbox.acknowledgement(false), None);
        assert_eq!(inbox.front(), Some(&b"de"[..]));
        assert!(inbox.end(5) && !inbox.is_over());
        inbox.take(2);
        assert!(inbox.is_over());
        assert!(!inbox.push(Bytes::from_static(b"x")), "nothing comes after the end");
    }

    #[test]
    fn a_tunnel_that_ignores_the_window_is_noticed() {
        let mut inbox = Inbox::default();
        let piece = Bytes::from(vec![0; 1 << 20]);
        assert!((0..9).all(|_| inbox.push(piece.clone())));
        assert!(!inbox.push(piece));
        assert!(!Inbox::default().end(1), "an end that has not been reached");
    }
}
