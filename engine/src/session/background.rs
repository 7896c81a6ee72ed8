//! What is written while no execution runs: kept, within bounds, for the next one to tell.

use std::collections::VecDeque;

use hibernaculum_core::{EventKind, OutputStream};
use jiff::Timestamp;

/// How many bytes are kept.
const CAPACITY: usize = 256 << 10;

/// The newest of what was written.
#[derive(Debug, Default)]
pub(super) struct Background {
    pieces: VecDeque<Piece>,
    bytes: usize,
    dropped: u64,
}

#[derive(Debug)]
struct Piece {
    stream: OutputStream,
    text: String,
    at: Timestamp,
    /// How much raw output there had been with it, by descriptor.
    end: [u64; 2],
}

impl Background {
    /// `end`: how much raw output there had been with it, by descriptor; zeros for text, which comes in its place.
    pub(super) fn push(&mut self, stream: OutputStream, text: String, at: Timestamp, end: [u64; 2]) {
        if text.is_empty() {
            return;
        }
        self.bytes += text.len();
        match self.pieces.back_mut() {
            // Many small pieces of one stream would cost more than they hold.
            Some(last) if last.stream == stream && last.text.len() < 4096 => {
                last.text.push_str(&text);
                last.end = [last.end[0].max(end[0]), last.end[1].max(end[1])];
            }
            _ => self.pieces.push_back(Piece { stream, text, at, end }),
        }
        while self.bytes > CAPACITY && self.pieces.len() > 1 {
            let Some(oldest) = self.pieces.pop_front() else { return };
            self.bytes -= oldest.text.len();
            self.dropped += oldest.text.len() as u64;
        }
    }

    /// What was written before there was more raw output than this.
    pub(super) fn take_before(&mut self, raw: [u64; 2]) -> Vec<(EventKind, Timestamp)> {
        let earlier = |piece: &Piece| piece.end[0] <= raw[0] && piece.end[1] <= raw[1];
        let count = self.pieces.iter().take_while(|piece| earlier(piece)).count();
        let taken: Vec<_> = self.pieces.drain(..count).map(Piece::into_event).collect();
        self.bytes = self.pieces.iter().map(|piece| piece.text.len()).sum();
        taken
    }

    /// Everything that is kept, as events, and how much was dropped before.
    pub(super) fn take(&mut self) -> (Vec<(EventKind, Timestamp)>, u64) {
        let Self { pieces, dropped, .. } = std::mem::take(self);
        (pieces.into_iter().map(Piece::into_event).collect(), dropped)
    }
}

impl Piece {
    fn into_event(self) -> (EventKind, Timestamp) {
        (EventKind::Background { stream: self.stream, text: self.text }, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_kept_within_bounds() {
        let mut background = Background::default();
        let at = Timestamp::UNIX_EPOCH;
        for _ in 0..10 {
            background.push(OutputStream::Stdout, "x".repeat(CAPACITY / 4), at, [0; 2]);
        }
        background.push(OutputStream::Stderr, "last".to_owned(), at, [0; 2]);
        let (events, dropped) = background.take();
        assert!(dropped >= (CAPACITY as u64) * 6 / 4, "{dropped}");
        let expected = EventKind::Background { stream: OutputStream::Stderr, text: "last".to_owned() };
        assert_eq!(events.last().map(|(kind, _)| kind), Some(&expected));
        assert_eq!(background.take(), (vec![], 0));
    }

    #[test]
    fn what_was_written_before_a_position_can_be_told_from_what_came_later() {
        let mut background = Background::default();
        let at = Timestamp::UNIX_EPOCH;
        for (stream, text, end) in [
            (OutputStream::Stdout, "text", [0, 0]),
            (OutputStream::Stderr, "early", [0, 5]),
            (OutputStream::Stdout, "late", [9, 0]),
        ] {
            background.push(stream, text.to_owned(), at, end);
        }
        assert_eq!(background.take_before([8, 5]).len(), 2);
        assert_eq!(background.take_before([8, 5]).len(), 0);
        assert_eq!(background.take_before([9, 0]).len(), 1);
    }
}
