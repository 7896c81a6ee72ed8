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
