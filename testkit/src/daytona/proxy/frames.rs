//! Where the frames of a WebSocket begin and end, in bytes that come in any pieces.
//!
//! ```text
//!  header: 2 ── + 0, 2 or 8 of length ── + 0 or 4 of mask ──▶ payload ──▶ header …
//! ```

/// The longest header: two bytes, eight of length, four of mask.
const HEADER_AT_MOST: usize = 14;

/// One frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// FIN, the reserved bits and the opcode.
    pub first: u8,
    pub mask: Option<[u8; 4]>,
    pub length: u64,
}

impl Header {
    /// Reads one, with how long it is; nothing while it is not whole.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&[first, second], rest) = bytes.split_first_chunk::<2>()?;
        let (length, rest) = match second & 0x7f {
            126 => rest
                .split_first_chunk::<2>()
                .map(|(length, rest)| (u16::from_be_bytes(*length).into(), rest))?,
            127 => rest.split_first_chunk::<8>().map(|(length, rest)| (u64::from_be_bytes(*length), rest))?,
            short => (u64::from(short), rest),
        };
        let (mask, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            rest.split_first_chunk::<4>().map(|(mask, rest)| (Some(*mask), rest))?
        };
        Some((Self { first, mask, length }, bytes.len() - rest.len()))
    }

    /// The bytes of it, in the shortest form.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        to.push(self.first);
        match (u16::try_from(self.length), u8::try_from(self.length)) {
            (_, Ok(short)) if short < 126 => to.push(masked | short),
            (Ok(length), _) => {
                to.push(masked | 0x7e);
                to.extend(length.to_be_bytes());
            }
            _ => {
                to.push(masked | 0x7f);
                to.extend(self.length.to_be_bytes());
            }
        }
        to.extend(self.mask.iter().flatten());
    }

    /// Whether it is of a control frame, which must not be cut.
    pub(super) fn is_control(&self) -> bool {
        self.first & 0x08 != 0
    }
}

/// Follows a stream of frames.
#[derive(Debug, Default)]
pub(super) struct Walk {
    header: Vec<u8>,
    payload: u64,
}

/// A piece of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Header(Header),
    Payload(&'a [u8]),
}

impl Walk {
    /// Whether the next byte is the first of a frame.
    pub(super) fn is_between(&self) -> bool {
        self.header.is_empty() && self.payload == 0
    }

    /// Takes the next part off the front of `bytes`; nothing if there is none that is whole, and then `bytes` is empty.
    pub(super) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Part<'a>> {
        if self.payload > 0 {
            let here = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
            let (payload, rest) = bytes.split_at(here);
            *bytes = rest;
            self.payload -= here as u64;
            return (here > 0).then_some(Part::Payload(payload));
        }
        while self.header.len() < HEADER_AT_MOST {
            let (&byte, rest) = bytes.split_first()?;
            *bytes = rest;
            self.header.push(byte);
            if let Some((header, _)) = Header::read(&self.header) {
                self.header.clear();
                self.payload = header.length;
                return Some(Part::Header(header));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn headers() -> impl Strategy<Value = Header> {
        let lengths =
            prop_oneof![0_u64..300, Just(125), Just(126), Just(65_535), Just(65_536), 0_u64..100_000];
        (any::<u8>(), any::<Option<[u8; 4]>>(), lengths).prop_map(|(first, mask, length)| Header {
            first,
            mask,
            length,
        })
    }

    proptest! {
        #[test]
        fn a_header_is_read_as_it_was_written(header in headers()) {
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            prop_assert!(bytes.len() <= HEADER_AT_MOST);
            prop_assert_eq!(Header::read(&bytes), Some((header, bytes.len())));
            for end in 0..bytes.len() {
                prop_assert_eq!(Header::read(&bytes[..end]), None);
            }
        }

        #[test]
        fn any_pieces_give_the_same_frames(frames in prop::collection::vec((any::<u8>(), any::<Option<[u8; 4]>>(), 0_usize..400), 0..8), cut in 1_usize..50) {
            let mut stream = Vec::new();
            let mut expected = Vec::new();
            for (first, mask, length) in frames {
                let header = Header { first, mask, length: length as u64 };
                header.write(&mut stream);
                stream.extend((0..length).map(|at| u8::try_from(at % 251).unwrap()));
                expected.push(header);
            }
            let mut walk = Walk::default();
            let (mut found, mut payload) = (Vec::new(), 0);
            for mut piece in stream.chunks(cut) {
                while let Some(part) = walk.next(&mut piece) {
                    match part {
                        Part::Header(header) => found.push(header),
                        Part::Payload(bytes) => payload += bytes.len(),
                    }
                }
            }
            prop_assert!(walk.is_between());
            prop_assert_eq!(payload as u64, expected.iter().map(|header| header.length).sum::<u64>());
            prop_assert_eq!(found, expected);
        }
    }
}
