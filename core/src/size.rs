//! An amount of memory, disk or output.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number of bytes. Text forms are `512`, `64KiB`, `16MiB`, `2GiB`; serde uses the plain number.
///
/// ```
/// use hibernaculum_core::ByteSize;
/// assert_eq!("16MiB".parse(), Ok(ByteSize::mib(16)));
/// assert_eq!(ByteSize::mib(16).to_string(), "16MiB");
/// assert_eq!(ByteSize::bytes(1000).to_string(), "1000B");
/// assert_eq!(ByteSize::gib(1), ByteSize::kib(1024 * 1024));
/// assert_eq!(ByteSize::kib(2).as_u64(), 2048);
/// let buffer: Vec<u8> = Vec::with_capacity(ByteSize::kib(2).as_usize());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(u64);

/// Units from the greatest to the least.
const UNITS: [(&str, u32); 4] = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

impl ByteSize {
    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many times 1,024 bytes; saturates.
    pub const fn kib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 10))
    }

    /// So many times 1,048,576 bytes; saturates.
    pub const fn mib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 20))
    }

    /// So many times 2^30 bytes; saturates.
    pub const fn gib(n: u64) -> Self {
        Self(n.saturating_mul(1 << 30))
    }

    /// The number of bytes.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory; saturates on machines whose lengths are shorter.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |&&(_, shift): &&(&str, u32)| self.0 >= 1 << shift && self.0.trailing_zeros() >= shift;
        let (unit, shift) = UNITS.iter().find(exact).unwrap_or(&("B", 0));
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

impl FromStr for ByteSize {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Self, ParseSizeError> {
        let refused = || ParseSizeError(text.chars().take(40).flat_map(char::escape_debug).collect());
        let (number, shift) = UNITS
            .iter()
            .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
            .unwrap_or((text, 0));
        let number: u64 = number.trim().parse().map_err(|_| refused())?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(refused)
    }
}

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: write a whole number with B, KiB, MiB or GiB, such as 512MiB")]
pub struct ParseSizeError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_survive_their_text_form() {
        for size in [0, 1, 1023, 1024, 1536, 1 << 20, (1 << 30) + 1, 5 << 30, u64::MAX].map(ByteSize::bytes) {
            assert_eq!(size.to_string().parse(), Ok(size));
        }
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for text in ["", "MiB", "1.5GiB", "-1", "1TB", "99999999999GiB", "16 M"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
