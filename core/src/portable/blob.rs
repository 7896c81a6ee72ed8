//! Pieces of content, named by what they are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ByteSize, IdError};

/// The longest blob, in raw bytes: 8 MiB. Longer contents are lists of blobs.
pub const BLOB_LIMIT: usize = 8 << 20;

/// The name of a blob: the BLAKE3 hash of its raw bytes, 64 lower-case hexadecimal digits.
///
/// ```
/// use hibernaculum_core::BlobId;
///
/// let id = BlobId::from_bytes([7; 32]);
/// assert_eq!(id.as_bytes(), &[7; 32]);
/// assert_eq!(id.to_string().parse(), Ok(id));
/// assert!("../../etc/passwd".parse::<BlobId>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 32]);

impl BlobId {
    /// The id of whatever has this hash.
    pub fn from_bytes(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BlobId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let refused = || IdError {
            shown: text.chars().take(80).flat_map(char::escape_debug).collect(),
            expected: "the name of a blob (64 lower-case hexadecimal digits)",
        };
        if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(refused());
        }
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| refused())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| refused())?;
        }
        Ok(Self(hash))
    }
}

impl Serialize for BlobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How a blob's bytes are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Codec {
    /// Not at all: what is stored are its raw bytes.
    #[default]
    Raw,
    /// Compressed with Zstandard (RFC 8878).
    Zstd,
}

/// A blob that a store holds: what [`crate::CheckpointWriter::put`] gives, and what [`crate::CheckpointStore::blob`] takes.
///
/// ```
/// use hibernaculum_core::{BlobId, ByteSize, Codec, StoredBlob};
///
/// let name: BlobId = "0123456789abcdef".repeat(4).parse()?;
/// let plain = StoredBlob::raw(name, ByteSize::kib(64));
/// let packed = plain.clone().zstd(ByteSize::kib(9)).copy(Some("b".into()));
/// assert_eq!((plain.codec, plain.stored), (Codec::Raw, ByteSize::kib(64)));
/// assert_eq!((packed.codec, packed.bytes, packed.stored), (Codec::Zstd, ByteSize::kib(64), ByteSize::kib(9)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoredBlob {
    /// Its name: the hash of its raw bytes.
    pub blake3: BlobId,
    /// Its length, raw. A reader takes nothing beyond it, whatever the stored bytes would become.
    pub bytes: ByteSize,
    /// The length of what is stored.
    pub stored: ByteSize,
    /// How it is stored.
    #[serde(default)]
    pub codec: Codec,
    /// Which copy of it, where a store holds several: 1 to 64 characters of `[0-9a-z]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
}

impl StoredBlob {
    /// A blob that is stored as it is. For those who implement a store.
    pub fn raw(blake3: BlobId, bytes: ByteSize) -> Self {
        Self { blake3, bytes, stored: bytes, codec: Codec::Raw, copy: None }
    }

    /// Tells that it is stored compressed, in so many bytes.
    #[must_use]
    pub fn zstd(mut self, stored: ByteSize) -> Self {
        (self.codec, self.stored) = (Codec::Zstd, stored);
        self
    }

    /// Tells which copy it is.
    #[must_use]
    pub fn copy(mut self, copy: Option<String>) -> Self {
        self.copy = copy;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_hash_is_no_name() {
        let good = "0123456789abcdef".repeat(4);
        assert_eq!(good.parse::<BlobId>().unwrap().to_string(), good);
        for text in ["", &good[1..], &good.to_uppercase(), &format!("{}/", &good[1..]), &"é".repeat(32)] {
            assert!(text.parse::<BlobId>().is_err(), "{text}");
        }
    }
}
