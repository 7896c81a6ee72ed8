//! Lines that are long and repeat themselves, folded: `["a piece",[distance,length],…]`, where a pair stands for so many bytes from so far back.
//!
//! So a megabyte of one character is a line that a person can read, and a cassette of floods stays small.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// What is shorter stays as it is.
const LONG: usize = 2048;
/// The shortest repetition that is worth a pair.
const WORTH: usize = 40;
/// How long a piece may be.
const NOISE: usize = 1 << 20;
/// How much of a text is looked up to find it again.
const KEY: usize = 16;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Fold {
    Piece(String),
    Again(usize, usize),
}

/// The folded text, where that takes half of the room or less.
pub(super) fn folded(text: &str) -> Option<String> {
    if text.len() < LONG {
        return None;
    }
    let bytes = text.as_bytes();
    let mut seen: HashMap<&[u8], usize> = HashMap::new();
    let (mut folds, mut from, mut at) = (Vec::new(), 0, 0);
    while let Some(key) = bytes.get(at..at + KEY) {
        // What has not repeated itself in so long is noise.
        if at - from > NOISE {
            return None;
        }
        let before = seen.insert(key, at);
        let length = before.map_or(0, |before| common(bytes, before, at));
        // Neither a piece nor what follows it may begin within a character.
        let length = (0..=length).rev().find(|length| text.is_char_boundary(at + length)).unwrap_or(0);
        match before.filter(|_| length >= WORTH && text.is_char_boundary(at)) {
            Some(before) => {
                folds.extend(
                    text.get(from..at)
                        .filter(|piece| !piece.is_empty())
                        .map(|piece| Fold::Piece(piece.to_owned())),
                );
                folds.push(Fold::Again(at - before, length));
                at += length;
                from = at;
            }
            None => at += 1,
        }
    }
    folds.extend(
        text.get(from..).filter(|piece| !piece.is_empty()).map(|piece| Fold::Piece(piece.to_owned())),
    );
    serde_json::to_string(&folds).ok().filter(|folded| folded.len() * 2 <= text.len())
}

/// How far both go on alike; the one before may run into the other.
fn common(bytes: &[u8], before: usize, at: usize) -> usize {
    let (there, here) = (bytes.iter().skip(before), bytes.iter().skip(at));
    there.zip(here).take_while(|(a, b)| a == b).count()
}

/// The text again; `None`: it is none.
pub(super) fn unfolded(folded: &str) -> Option<String> {
    let folds: Vec<Fold> = serde_json::from_str(folded).ok()?;
    let mut bytes: Vec<u8> = Vec::new();
    for fold in folds {
        match fold {
            Fold::Piece(piece) => bytes.extend_from_slice(piece.as_bytes()),
            Fold::Again(distance, length) => {
                let begin = bytes.len().checked_sub(distance).filter(|_| distance > 0)?;
                let end = begin + length;
                bytes.reserve(length);
                let mut at = begin;
                while at < end {
                    // What was written meanwhile can be copied as well.
                    let until = end.min(bytes.len());
                    bytes.extend_from_within(at..until);
                    at = until;
                }
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_itself_is_short_and_comes_back_whole() {
        let lines = (0..2000).fold(String::new(), |lines, i| lines + &format!("{i:<200}é\n"));
        for (text, most) in [("x".repeat(1 << 20), 100), (lines, 100_000), ("ab\u{e9}".repeat(10_000), 100)] {
            let folded = folded(&text).unwrap();
            assert!(folded.len() < most, "{} bytes", folded.len());
            assert!(unfolded(&folded).unwrap() == text);
        }
    }

    #[test]
    fn what_does_not_stays_as_it_is() {
        let dice = crate::faults::Dice::of(1, 1);
        let noise: String = (0..4000)
            .filter_map(|at| u8::try_from(dice.below(at, 26)).ok())
            .map(|letter| char::from(b'a' + letter))
            .collect();
        for text in ["short", noise.as_str()] {
            assert_eq!(folded(text), None);
        }
        for wrong in ["", "[[1,5]]", "[\"a\",[0,5]]", "[\"a\",[2,5]]", "{}"] {
            assert_eq!(unfolded(wrong), None, "{wrong}");
        }
    }
}
