//! Blobs: hashed, compressed where that gains, and verified when they come back.
//!
//! Whether to compress is decided by a sample, so that noise (images, weights, what is compressed already) costs a sample's time only. The decision
//! depends on the content alone: the same content has the same name, so that it is stored once.

use bytes::Bytes;
use hibernaculum_core::{BLOB_LIMIT, BlobId, ByteSize, Codec, StoredBlob};

/// How hard to compress: zstd's own default. Level 1 gains a tenth less, level 6 takes three times as long.
const LEVEL: i32 = 3;
/// A sample is compressed quickly.
const SAMPLE_LEVEL: i32 = 1;
/// The sample: so many slices of so many bytes, evenly spread.
const SLICES: usize = 4;
const SLICE: usize = 16 << 10;
/// Below this compression saves less than what a file takes besides its bytes.
const WORTH: usize = 512;

/// A blob, ready to be stored.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) blob: StoredBlob,
    pub(crate) data: Bytes,
}

/// Names a blob and makes of it what is to be stored. Takes some milliseconds: not for an async task's own thread.
pub(crate) fn pack(data: Bytes) -> Packed {
    let id = BlobId::from_bytes(*blake3::hash(&data).as_bytes());
    let size = ByteSize::bytes(data.len() as u64);
    let raw = StoredBlob::raw(id, size);
    if !is_worth(&data) {
        return Packed { blob: raw, data };
    }
    match zstd::bulk::compress(&data, LEVEL) {
        Ok(packed) if gains(data.len(), packed.len()) => {
            Packed { blob: raw.zstd(ByteSize::bytes(packed.len() as u64)), data: packed.into() }
        }
        _ => Packed { blob: raw, data },
    }
}

/// Whether a sample of the content becomes shorter.
fn is_worth(data: &[u8]) -> bool {
    if data.len() < WORTH {
        return false;
    }
    if data.len() <= SLICES * SLICE {
        return true;
    }
    let step = (data.len() - SLICE) / (SLICES - 1);
    let slices = (0..SLICES).filter_map(|slice| data.get(slice * step..slice * step + SLICE));
    let sample = slices.collect::<Vec<_>>().concat();
    zstd::bulk::compress(&sample, SAMPLE_LEVEL).is_ok_and(|packed| gains(sample.len(), packed.len()))
}

/// A twentieth less is worth the time that decompressing will take.
fn gains(raw: usize, packed: usize) -> bool {
    packed + raw / 20 < raw
}

/// What can be wrong with stored bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Its record names a length that no blob has.
    TooLong,
    /// It cannot be decompressed into the length that its record names.
    Codec,
    /// It is shorter or longer than its record says.
    Length(usize),
    /// It is not what its name says.
    Hash,
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => f.write_str("its record names a length that no blob has"),
            Self::Codec => f.write_str("it cannot be decompressed into the length that its record names"),
            Self::Length(length) => write!(f, "it has {length} bytes, and not as many as its record says"),
            Self::Hash => f.write_str("its bytes are not those that were saved"),
        }
    }
}

/// The raw bytes, if they are what the blob's name says. Never takes more memory than the blob's length, whatever the stored bytes are.
pub(crate) fn unpack(blob: &StoredBlob, stored: Bytes) -> Result<Bytes, Flaw> {
    let length = blob.bytes.as_usize();
    if length > BLOB_LIMIT {
        return Err(Flaw::TooLong);
    }
    let raw = match blob.codec {
        Codec::Zstd => zstd::bulk::decompress(&stored, length).map(Bytes::from).map_err(|_| Flaw::Codec)?,
        Codec::Raw => stored,
        _ => return Err(Flaw::Codec),
    };
    if raw.len() != length {
        return Err(Flaw::Length(raw.len()));
    }
    if blake3::hash(&raw).as_bytes() != blob.blake3.as_bytes() {
        return Err(Flaw::Hash);
    }
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that no compressor shortens: a BLAKE3 output stream.
    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().update(b"noise").finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn compression_is_only_where_a_sample_gains() {
        for (data, codec) in [
            (Bytes::from(vec![7; 1 << 20]), Codec::Zstd),
            (Bytes::from(noise(1 << 20)), Codec::Raw),
            (Bytes::from(noise(1000)), Codec::Raw),
            (Bytes::from_static(b"short"), Codec::Raw),
            (Bytes::new(), Codec::Raw),
        ] {
            let packed = pack(data.clone());
            assert_eq!(packed.blob.codec, codec);
            assert_eq!(packed.blob.stored.as_usize(), packed.data.len());
            assert_eq!(unpack(&packed.blob, packed.data), Ok(data));
        }
    }

    #[test]
    fn half_noise_is_stored_raw_if_the_whole_does_not_gain() {
        let mut data = noise(1 << 20);
        data[..20_000].fill(0);
        assert_eq!(pack(data.into()).blob.codec, Codec::Raw);
    }

    #[test]
    fn a_bomb_is_stopped_at_the_length_that_its_record_names() {
        // 1 GiB of zeros in some 30 KiB, told to be a kilobyte.
        let mut bomb = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        std::io::copy(&mut std::io::Read::take(std::io::repeat(0), 1 << 30), &mut bomb).unwrap();
        let bomb = Bytes::from(bomb.finish().unwrap());
        assert!(bomb.len() < 200_000);
        let told = StoredBlob::raw(BlobId::from_bytes([0; 32]), ByteSize::kib(1)).zstd(ByteSize::kib(30));
        assert_eq!(unpack(&told, bomb.clone()), Err(Flaw::Codec));
        let told = StoredBlob::raw(BlobId::from_bytes([0; 32]), ByteSize::gib(1)).zstd(ByteSize::kib(30));
        assert_eq!(unpack(&told, bomb), Err(Flaw::TooLong));
    }

    #[test]
    fn what_was_changed_cut_or_lengthened_is_told() {
        for data in [noise(5000), vec![3; 5000]] {
            let packed = pack(data.into());
            let stored = packed.data.to_vec();
            for place in [0, stored.len() / 2, stored.len() - 1] {
                let mut changed = stored.clone();
                changed[place] ^= 1;
                assert!(unpack(&packed.blob, changed.into()).is_err(), "byte {place}");
            }
            assert!(unpack(&packed.blob, packed.data.slice(..stored.len() - 1)).is_err());
            assert!(unpack(&packed.blob, Bytes::new()).is_err());
        }
    }
}
