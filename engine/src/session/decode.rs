//! Bytes to text, piece by piece: a character that is cut in two between pieces is put together again.

/// Decodes one stream of bytes as UTF-8; what is not UTF-8 becomes U+FFFD.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The beginning of a character whose end has not come yet: at most 3 bytes.
    begun: Vec<u8>,
}

impl Decoder {
    /// The text of the next bytes, but for a character that is not complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        if self.begun.is_empty() {
            return self.decode(bytes);
        }
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        self.decode(&all)
    }

    /// What was begun and never ended, as U+FFFD.
    pub(crate) fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.begun)).into_owned()
    }

    fn decode(&mut self, bytes: &[u8]) -> String {
        let begun = incomplete_end(bytes);
        let (whole, rest) = bytes.split_at(bytes.len() - begun);
        self.begun = rest.to_vec();
        String::from_utf8_lossy(whole).into_owned()
    }
}

/// How many bytes at the end are the beginning of a character that could still be completed.
fn incomplete_end(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let Some(tail) = bytes.get(bytes.len() - back..) else { return 0 };
        match std::str::from_utf8(tail) {
            // An error without a length means that the end came too early.
            Err(error) if error.valid_up_to() == 0 && error.error_len().is_none() => return back,
            _ => {}
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_decode_as_the_whole(bytes: Vec<u8>, cuts: Vec<prop::sample::Index>) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let mut decoder = Decoder::default();
            let (mut text, mut from) = (String::new(), 0);
            for cut in cuts {
                text.push_str(&decoder.push(&bytes[from..cut]));
                from = cut;
            }
            text.push_str(&decoder.finish());
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes).into_owned());
        }
    }

    #[test]
    fn a_character_that_is_cut_in_two_is_put_together() {
        let mut decoder = Decoder::default();
        let snake = "🐍".as_bytes();
        assert_eq!(decoder.push(&snake[..1]), "");
        assert_eq!(decoder.push(&snake[1..3]), "");
        assert_eq!(decoder.push(&snake[3..]), "🐍");
        assert_eq!(decoder.finish(), "");
    }
}
