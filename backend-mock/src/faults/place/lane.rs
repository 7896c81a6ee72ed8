//! One way through a connection: what becomes of each frame.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::plan::{At, Damage, StreamFault};
use super::provider::Plan;
use crate::faults::Dice;

/// What is to be written for a frame that came.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Passage {
    /// Before anything else.
    pub(super) delay: Duration,
    /// One after the other, each by itself.
    pub(super) pieces: Vec<Bytes>,
    /// Then the connection ends.
    pub(super) is_cut: bool,
}

/// One way through a connection.
#[derive(Debug)]
pub(super) struct Lane {
    faults: Vec<(StreamFault, Dice)>,
    plan: Arc<Plan>,
    frames: u64,
    bytes: u64,
    /// A frame that waits for the one after it.
    held: Option<Bytes>,
}

impl Lane {
    pub(super) fn new(faults: Vec<(StreamFault, Dice)>, plan: Arc<Plan>) -> Self {
        Self { faults, plan, frames: 0, bytes: 0, held: None }
    }

    /// Takes a frame, its header included.
    pub(super) fn pass(&mut self, frame: &Bytes) -> Passage {
        self.frames += 1;
        let begin = self.bytes;
        self.bytes += frame.len() as u64;
        let mut passage = Passage { pieces: vec![frame.clone()], ..Passage::default() };
        let waiting = self.held.take();
        for (fault, dice) in &self.faults {
            // From where in the frame on.
            let from = match fault.at {
                At::Byte(byte) if (begin..self.bytes).contains(&byte) => {
                    usize::try_from(byte - begin).unwrap_or(usize::MAX)
                }
                At::Frame(nth) if self.frames == nth => 0,
                At::From(nth) if self.frames >= nth => 0,
                At::Chance(chance) if dice.chance(self.frames) < chance => 0,
                At::Always => 0,
                _ => continue,
            };
            if !matches!(
                (fault.at, fault.does),
                (At::Always | At::From(_), Damage::Delay(_) | Damage::Fragment(_))
            ) {
                let what = format!(
                    "{:?} {:?}: frame {}, byte {from}: {:?}",
                    fault.road, fault.direction, self.frames, fault.does
                );
                self.plan.note(what);
            }
            let is_whole = from == 0;
            let whole: Bytes = passage.pieces.concat().into();
            let (head, rest) = whole.split_at(from.min(whole.len()));
            let (head, rest) = (Bytes::copy_from_slice(head), Bytes::copy_from_slice(rest));
            match fault.does {
                Damage::Delay(delay) => passage.delay += delay,
                Damage::Drop => passage.pieces = vec![head],
                Damage::Truncate => {
                    let kept = if is_whole { dice.below(self.frames, rest.len()) } else { 0 };
                    passage.pieces = vec![head, rest.slice(..kept)];
                }
                Damage::Duplicate => passage.pieces = vec![head, rest.clone(), rest],
                Damage::Reorder if is_whole => {
                    self.held = Some(rest);
                    passage.pieces.clear();
                }
                Damage::Reorder => {
                    let half = rest.len() / 2;
                    passage.pieces = vec![head, rest.slice(half..), rest.slice(..half)];
                }
                Damage::Fragment(most) => {
                    passage.pieces =
                        std::iter::once(head).chain(rest.chunks(most).map(Bytes::copy_from_slice)).collect();
                }
                Damage::Garble => passage.pieces = vec![head, garbled(&rest, *dice, self.frames)],
                Damage::Disconnect => {
                    passage.pieces = vec![head];
                    passage.is_cut = true;
                    break;
                }
            }
        }
        passage.pieces.extend(waiting);
        passage.pieces.retain(|piece| !piece.is_empty());
        passage
    }

    /// What still waits when the stream ends.
    pub(super) fn end(&mut self) -> Option<Bytes> {
        self.held.take()
    }
}

/// The same bytes with one bit turned.
fn garbled(bytes: &[u8], dice: Dice, throw: u64) -> Bytes {
    let mut bytes = BytesMut::from(bytes);
    let bit = dice.below(throw, bytes.len() * 8);
    if let Some(byte) = bytes.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::place::plan::{Direction, PlaceFaults};

    const FRAMES: [&[u8]; 3] = [b"ABCDEFGH", b"abcdefgh", b"01234567"];
    const DELAY: Duration = Duration::from_millis(5);

    /// What comes of three frames, and at the end; and what the plan tells of it.
    fn passed(at: At, does: Damage) -> (Vec<Passage>, Option<Bytes>, Vec<String>) {
        let plan = Arc::new(Plan::of(PlaceFaults::seeded(1)));
        let fault = StreamFault::new(Direction::ToHost, at, does);
        let mut lane = Lane::new(vec![(fault, Dice::of(1, 0))], Arc::clone(&plan));
        let passages = FRAMES.iter().map(|frame| lane.pass(&Bytes::from_static(frame))).collect();
        let left = lane.end();
        (passages, left, plan.struck())
    }

    fn pieces(passage: &Passage) -> Vec<&str> {
        passage.pieces.iter().map(|piece| std::str::from_utf8(piece).unwrap()).collect()
    }

    fn bits_turned(one: &[u8], other: &[u8]) -> u32 {
        assert_eq!(one.len(), other.len());
        one.iter().zip(other).map(|(one, other)| (one ^ other).count_ones()).sum()
    }

    #[test]
    fn each_damage_is_done_to_the_frame_that_it_names_and_to_no_other() {
        for (does, second, third) in [
            (Damage::Delay(DELAY), &["abcdefgh"][..], &["01234567"][..]),
            (Damage::Drop, &[], &["01234567"]),
            (Damage::Duplicate, &["abcdefgh", "abcdefgh"], &["01234567"]),
            (Damage::Reorder, &[], &["01234567", "abcdefgh"]),
            (Damage::Fragment(3), &["abc", "def", "gh"], &["01234567"]),
            (Damage::Disconnect, &[], &["01234567"]),
        ] {
            let (passages, left, struck) = passed(At::Frame(2), does);
            let all: Vec<_> = passages.iter().map(pieces).collect();
            assert_eq!(all, [&["ABCDEFGH"][..], second, third], "{does:?}");
            let (is_late, is_cut) = (does == Damage::Delay(DELAY), does == Damage::Disconnect);
            assert_eq!(passages[1].delay, if is_late { DELAY } else { Duration::ZERO }, "{does:?}");
            assert_eq!(
                passages.iter().map(|passage| passage.is_cut).collect::<Vec<_>>(),
                [false, is_cut, false]
            );
            assert_eq!((left, struck.len()), (None, 1), "{does:?}: {struck:?}");
        }
        let (passages, ..) = passed(At::Frame(2), Damage::Truncate);
        let kept = pieces(&passages[1]).concat();
        assert!(kept.len() < 8 && "abcdefgh".starts_with(&kept), "{kept}");
        let (passages, ..) = passed(At::Frame(2), Damage::Garble);
        assert_eq!(bits_turned(&passages[1].pieces.concat(), FRAMES[1]), 1);
        assert_eq!(pieces(&passages[2]), ["01234567"]);
    }

    #[test]
    fn from_a_byte_on_the_rest_of_its_frame_is_damaged_and_what_is_before_it_comes_whole() {
        for (does, second) in [
            (Damage::Delay(DELAY), &["abcdefgh"][..]),
            (Damage::Drop, &["abc"]),
            (Damage::Truncate, &["abc"]),
            (Damage::Duplicate, &["abc", "defgh", "defgh"]),
            (Damage::Reorder, &["abc", "fgh", "de"]),
            (Damage::Fragment(2), &["abc", "de", "fg", "h"]),
            (Damage::Disconnect, &["abc"]),
        ] {
            let (passages, left, struck) = passed(At::Byte(8 + 3), does);
            let all: Vec<_> = passages.iter().map(pieces).collect();
            assert_eq!(all, [&["ABCDEFGH"][..], second, &["01234567"]], "{does:?}");
            assert_eq!(passages[1].delay.is_zero(), does != Damage::Delay(DELAY));
            assert_eq!(passages[1].is_cut, does == Damage::Disconnect);
            assert_eq!((left, struck.len()), (None, 1), "{does:?}: {struck:?}");
        }
        let (passages, ..) = passed(At::Byte(8 + 3), Damage::Garble);
        let garbled = passages[1].pieces.concat();
        assert_eq!((&garbled[..3], bits_turned(&garbled, FRAMES[1])), (&b"abc"[..], 1));
    }

    #[test]
    fn a_fault_strikes_where_in_the_stream_it_says() {
        for (at, frames) in [
            (At::Always, &[1, 2, 3][..]),
            (At::From(2), &[2, 3]),
            (At::Frame(3), &[3]),
            (At::Byte(0), &[1]),
            (At::Byte(7), &[1]),
            (At::Byte(16), &[3]),
            (At::Byte(24), &[]),
            (At::Chance(0.0), &[]),
            (At::Chance(1.0), &[1, 2, 3]),
        ] {
            let (passages, ..) = passed(at, Damage::Disconnect);
            let struck =
                passages.iter().zip(1..).filter(|(passage, _)| passage.is_cut).map(|(_, frame)| frame);
            assert_eq!(struck.collect::<Vec<_>>(), frames, "{at:?}");
        }
    }

    #[test]
    fn a_frame_that_waits_for_the_next_comes_at_the_end_where_there_is_none() {
        let (passages, left, _) = passed(At::Frame(3), Damage::Reorder);
        assert_eq!((pieces(&passages[2]), left.as_deref()), (Vec::new(), Some(FRAMES[2])));
    }
}
