//! How much a case is to do: real backends get megabytes and races, one that is recorded what a cassette can hold and tell again.
//!
//! ```text
//!  a real backend                  100 MB of os.urandom       five races
//!  one that is recorded or played    9 MB of a pattern        none: only what comes at a definite point
//! ```
//!
//! It is the same code of the case for both. Nine megabytes are nine chunks of a transfer, three pieces of a snapshot and two of a checkpoint.

use std::collections::BTreeMap;

/// The most that is recorded: more than a piece of a checkpoint has (8 MiB).
const RECORDED: u64 = 9_000_000;
/// The pattern, in hexadecimal digits: no divisor of a chunk's size, so that a chunk in another's place is noticed.
const PATTERN: u64 = 8186;

/// What a subject says of its own to all cases.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setting {
    /// The environment of every sandbox.
    pub(crate) variables: BTreeMap<String, String>,
    /// Whether what passes is recorded, or was.
    pub(crate) is_recorded: bool,
}

/// Bytes to move about.
#[derive(Debug, Clone)]
pub struct Noise {
    /// How many.
    pub bytes: u64,
    /// The expression of Python that makes them.
    pub code: String,
    /// What no compression gets below, in bytes.
    pub least: u64,
}

impl Noise {
    pub(crate) fn of(bytes: u64, is_recorded: bool) -> Self {
        if !is_recorded {
            return Self { bytes, code: format!("__import__('os').urandom({bytes})"), least: bytes };
        }
        let bytes = bytes.min(RECORDED);
        let (half, times) = (PATTERN / 2, bytes.div_ceil(PATTERN));
        // Two digits are a byte of noise.
        let least = bytes.min(PATTERN) / 2;
        let digits = format!("__import__('hashlib').shake_128().hexdigest({half})");
        Self { bytes, code: format!("({digits} * {times})[:{bytes}].encode()"), least }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_backend_gets_all_of_it_and_a_recorded_one_less() {
        let real = Noise::of(100_000_000, false);
        assert_eq!((real.bytes, real.least), (100_000_000, 100_000_000));
        assert_eq!(real.code, "__import__('os').urandom(100000000)");
        let recorded = Noise::of(100_000_000, true);
        assert_eq!((recorded.bytes, recorded.least), (RECORDED, PATTERN / 2));
        assert!(recorded.code.ends_with(&format!(".hexdigest({}) * 1100)[:9000000].encode()", PATTERN / 2)));
        assert_eq!(Noise::of(1000, true).least, 500);
        assert_ne!((1 << 20) % PATTERN, 0);
    }
}
