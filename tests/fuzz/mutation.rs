//! Mutations of inputs: what a fuzzer does, without its eyes.

/// A stream of mutated inputs, the same for the same seed.
pub(crate) struct Mutations {
    state: u64,
}

/// What formats tend to stumble over.
const TOKENS: &[&[u8]] = &[
    b"null",
    b"[]",
    b"{}",
    b"\"\"",
    b"-1",
    b"1e999",
    b"NaN",
    b"18446744073709551616",
    b"\\ud800",
    b"\xff",
    b"\0",
    b"\x80\0\0\x08",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\0",
    b"\"transfer\":1,\"bytes\":4",
    b"\"jsonrpc\":\"2.0\"",
    b"[[[[[[[[",
];

impl Mutations {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// `SplitMix64` (Steele, Lea and Flood, 2014): small, and good enough to choose by.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    /// One of the inputs, changed in a few places.
    pub(crate) fn of(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input, seeds);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = at + self.below(input.len() + 1 - at);
        match self.below(8) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.next().to_le_bytes()[0],
            2 => input.truncate(at),
            3 => drop(input.drain(at..end)),
            4 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            5 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            6 => {
                let token = TOKENS[self.below(TOKENS.len())];
                input.splice(at..end.min(at + token.len()), token.iter().copied());
            }
            _ => {
                let byte = self.next().to_le_bytes()[0];
                let count = self.below(40);
                input.splice(at..at, std::iter::repeat_n(byte, count));
            }
        }
    }
}
