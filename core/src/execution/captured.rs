//! Output that was collected: all of it, or its beginning and its end.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What was written to one stream. Where it was too much, bytes are missing at one place in the middle.
///
/// ```
/// use hibernaculum_core::{Captured, Cut};
///
/// let whole = Captured { text: "hello\n".into(), cut: None };
/// assert_eq!((whole.as_str(), whole.is_empty()), ("hello\n", false));
///
/// let cut = Captured { text: "abyz".into(), cut: Some(Cut { at: 2, bytes: 22 }) };
/// assert_eq!(cut.to_string(), "ab\n… 22 bytes are left out here …\nyz");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The text that was kept.
    pub text: String,
    /// What is missing.
    #[serde(default)]
    pub cut: Option<Cut>,
}

/// What is missing of a [`Captured`] text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The byte of the kept text at which it is missing.
    pub at: usize,
    /// How many bytes are missing.
    pub bytes: u64,
}

impl Captured {
    /// The text that was kept.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.cut.is_none()
    }
}

impl fmt::Display for Captured {
    /// The text; where something is missing, a line says how much.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((cut, (head, tail))) =
            self.cut.and_then(|cut| Some((cut, self.text.split_at_checked(cut.at)?)))
        else {
            return f.write_str(&self.text);
        };
        write!(f, "{head}\n… {} bytes are left out here …\n{tail}", cut.bytes)
    }
}

impl PartialEq<str> for Captured {
    fn eq(&self, other: &str) -> bool {
        self.cut.is_none() && self.text == other
    }
}

impl PartialEq<&str> for Captured {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// Collects one stream within bounds: memory never exceeds head + tail, whatever is written.
#[derive(Debug)]
pub(super) struct Capture {
    head: String,
    head_room: usize,
    tail: VecDeque<u8>,
    tail_room: usize,
    cut: u64,
}

impl Capture {
    pub(super) fn new(head_room: usize, tail_room: usize) -> Self {
        Self { head: String::new(), head_room, tail: VecDeque::new(), tail_room, cut: 0 }
    }

    pub(super) fn push(&mut self, text: &str) {
        let rest = if self.tail.is_empty() && self.cut == 0 {
            let end = floor_boundary(text, self.head_room - self.head.len());
            let (fits, rest) = text.split_at(end);
            self.head.push_str(fits);
            if !rest.is_empty() {
                // From here on everything belongs to the tail, even a later piece that would still fit.
                self.head_room = self.head.len();
            }
            rest
        } else {
            text
        };
        let skipped = rest.len().saturating_sub(self.tail_room);
        let kept = rest.as_bytes().get(skipped..).unwrap_or_default();
        let overflow = (self.tail.len() + kept.len()).saturating_sub(self.tail_room);
        self.tail.drain(..overflow.min(self.tail.len()));
        self.tail.extend(kept);
        self.cut += (skipped + overflow) as u64;
    }

    pub(super) fn finish(self) -> Captured {
        let Self { head: mut text, tail, cut, .. } = self;
        let at = text.len();
        let tail: Vec<u8> = tail.into();
        // What was cut may have ended inside a character, whose other bytes go the same way.
        let torn =
            if cut == 0 { 0 } else { tail.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count() };
        text.push_str(&String::from_utf8_lossy(tail.get(torn..).unwrap_or_default()));
        let bytes = cut + torn as u64;
        Captured { text, cut: (bytes > 0).then_some(Cut { at, bytes }) }
    }
}

/// The greatest end of a piece of `text` that has at most `room` bytes and ends between characters.
fn floor_boundary(text: &str, room: usize) -> usize {
    if room >= text.len() {
        return text.len();
    }
    (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(head: usize, tail: usize, pieces: &[&str]) -> Captured {
        let mut capture = Capture::new(head, tail);
        for piece in pieces {
            capture.push(piece);
        }
        capture.finish()
    }

    #[test]
    fn what_fits_is_kept_whole() {
        assert_eq!(captured(4, 4, &["ab", "cd", "ef", "gh"]), "abcdefgh");
        assert_eq!(captured(0, 0, &[]), "");
    }

    #[test]
    fn what_does_not_fit_loses_its_middle() {
        let all = captured(3, 2, &["0123456789"]);
        assert_eq!((all.as_str(), all.cut), ("01289", Some(Cut { at: 3, bytes: 5 })));
        let pieces = captured(3, 2, &["01", "23", "45", "67", "89"]);
        assert_eq!(pieces, all);
    }

    #[test]
    fn characters_are_never_torn() {
        let text = captured(2, 2, &["aéé", "éb"]);
        assert_eq!((text.as_str(), text.cut), ("ab", Some(Cut { at: 1, bytes: 6 })));
    }

    #[test]
    fn the_bounds_hold_for_any_pieces() {
        let text: String = ('a'..='z').chain("éß漢🐍".chars()).cycle().take(500).collect();
        for (head, tail) in [(0, 0), (0, 7), (7, 0), (10, 10), (100, 3), (1000, 1000)] {
            for size in [1, 2, 3, 50, 499] {
                let characters: Vec<char> = text.chars().collect();
                let pieces: Vec<String> =
                    characters.chunks(size).map(|piece| piece.iter().collect()).collect();
                let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
                let kept = captured(head, tail, &pieces);
                let cut = kept.cut.map_or(0, |cut| cut.bytes);
                assert_eq!(kept.text.len() as u64 + cut, text.len() as u64, "{head} {tail} {size}");
                assert!(kept.text.len() <= head + tail || cut == 0);
            }
        }
    }
}
