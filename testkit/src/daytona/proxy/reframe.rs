//! Messages in smaller frames: what a proxy makes of them that ends the WebSocket itself.
//!
//! A data frame of more than so many bytes becomes several, of which only the last is final where it was; control frames stay whole. A masked
//! payload keeps its bytes: each frame's mask is the first one, turned to where the frame begins.

use super::frames::{Header, Part, Walk};

/// FIN.
const FINAL: u8 = 0x80;
/// The reserved bits and the opcode, of a continuation none.
const CONTINUATION: u8 = 0;

/// Cuts the frames of one direction.
#[derive(Debug)]
pub(super) struct Reframe {
    at_most: u64,
    walk: Walk,
    /// The frame that is passing, and how much of it has passed.
    frame: Option<(Header, u64)>,
}

impl Reframe {
    pub(super) fn new(at_most: usize) -> Self {
        Self { at_most: (at_most as u64).max(1), walk: Walk::default(), frame: None }
    }

    /// The same bytes, in smaller frames.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut made = Vec::with_capacity(bytes.len() + bytes.len() / 8);
        while let Some(part) = self.walk.next(&mut bytes) {
            match part {
                Part::Header(header) => {
                    self.frame = Some((header, 0));
                    if header.length == 0 || header.is_control() {
                        header.write(&mut made);
                    }
                }
                Part::Payload(payload) => self.payload(payload, &mut made),
            }
        }
        made
    }

    fn payload(&mut self, mut payload: &[u8], made: &mut Vec<u8>) {
        let Some((header, passed)) = &mut self.frame else { return };
        while !payload.is_empty() {
            let (within, left) = (*passed % self.at_most, header.length - *passed);
            if within == 0 && !header.is_control() {
                piece(header, *passed, left.min(self.at_most)).write(made);
            }
            let until_next = if header.is_control() { left } else { self.at_most - within };
            let here = usize::try_from(until_next).unwrap_or(usize::MAX).min(payload.len());
            let (now, rest) = payload.split_at(here);
            made.extend(now);
            *passed += here as u64;
            payload = rest;
        }
    }
}

/// The header of the piece that begins at `at`.
fn piece(header: &Header, at: u64, length: u64) -> Header {
    let is_last = at + length == header.length;
    let kind = if at == 0 { header.first & !FINAL } else { CONTINUATION };
    let first = if is_last { kind | header.first & FINAL } else { kind };
    let mask = header.mask.map(|mut mask| {
        mask.rotate_left(usize::try_from(at % 4).unwrap_or(0));
        mask
    });
    Header { first, mask, length }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Header { first, mask, length: payload.len() as u64 }.write(&mut bytes);
        let key = mask.unwrap_or_default();
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        bytes
    }

    /// The frames of a stream, unmasked.
    fn read(mut stream: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let (mut walk, mut found) = (Walk::default(), Vec::<(Header, Vec<u8>)>::new());
        while let Some(part) = walk.next(&mut stream) {
            match part {
                Part::Header(header) => found.push((header, Vec::new())),
                Part::Payload(payload) => found.last_mut().unwrap().1.extend(payload),
            }
        }
        assert!(walk.is_between());
        let unmask = |(header, payload): (Header, Vec<u8>)| {
            let key = header.mask.unwrap_or_default();
            (header.first, payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect())
        };
        found.into_iter().map(unmask).collect()
    }

    #[test]
    fn a_message_is_cut_and_only_its_end_is_final() {
        let cut = Reframe::new(2).pass(&frame(0x82, None, b"abcde"));
        let expected: [(u8, &[u8]); 3] = [(0x02, b"ab"), (0x00, b"cd"), (0x80, b"e")];
        assert_eq!(read(&cut), expected.map(|(first, payload)| (first, payload.to_vec())));
    }

    #[test]
    fn a_control_frame_stays_whole() {
        let ping = frame(0x89, Some([1, 2, 3, 4]), b"abcde");
        assert_eq!(Reframe::new(2).pass(&ping), ping);
    }

    proptest! {
        #[test]
        fn what_is_said_stays_the_same(
            payloads in prop::collection::vec((any::<Option<[u8; 4]>>(), prop::collection::vec(any::<u8>(), 0..600)), 0..6),
            at_most in 1_usize..300,
            pieces in 1_usize..97,
        ) {
            let stream: Vec<u8> = payloads.iter().flat_map(|(mask, payload)| frame(0x82, *mask, payload)).collect();
            let mut reframe = Reframe::new(at_most);
            let cut: Vec<u8> = stream.chunks(pieces).flat_map(|piece| reframe.pass(piece)).collect();
            let mut messages = vec![Vec::new()];
            for (first, payload) in read(&cut) {
                prop_assert!(payload.len() <= at_most);
                prop_assert_eq!(first & 0x0f, if messages.last().unwrap().is_empty() { 2 } else { 0 });
                messages.last_mut().unwrap().extend(payload);
                if first & FINAL != 0 {
                    messages.push(Vec::new());
                }
            }
            messages.pop();
            prop_assert_eq!(messages, payloads.into_iter().map(|(_, payload)| payload).collect::<Vec<_>>());
        }
    }
}
