//! Records: a line with format and checksum, then JSON.
//!
//! ```text
//!   hibernaculum checkpoint 1 <BLAKE3 of the rest, 64 hexadecimal digits>\n
//!   {"format":1,"info":{…}, …}
//! ```
//!
//! The checksum tells damage. It keeps nobody out who can write to the store: such a one can save checkpoints as well, and a checkpoint is code, which
//! runs in a sandbox and nowhere else.

use bytes::Bytes;
use hibernaculum_core::{CheckpointError, Error, RECORD_FORMAT};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::corrupt;

/// The longest record, in bytes: 64 MiB. A quarter of a million blobs and a hundred thousand variables fit.
pub(crate) const LIMIT: u64 = 64 << 20;
const MARK: &str = "hibernaculum";

/// Makes the stored form of a document.
pub(crate) fn seal(kind: &str, document: &impl Serialize) -> serde_json::Result<Bytes> {
    let body = serde_json::to_vec(document)?;
    let mut sealed = format!("{MARK} {kind} {RECORD_FORMAT} {}\n", blake3::hash(&body).to_hex()).into_bytes();
    sealed.extend_from_slice(&body);
    Ok(sealed.into())
}

/// Reads a document; `name` is what errors call it.
pub(crate) fn open<T: DeserializeOwned>(name: &str, kind: &str, sealed: &[u8]) -> Result<T, Error> {
    let cut = sealed.iter().position(|byte| *byte == b'\n').ok_or_else(|| corrupt(name, "it is cut off"))?;
    let (head, body) = sealed.split_at(cut);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let head = std::str::from_utf8(head).map_err(|_| corrupt(name, "it does not begin as a record does"))?;
    let mut words = head.split(' ');
    if words.next() != Some(MARK) || words.next() != Some(kind) {
        return Err(corrupt(name, "it does not begin as a record does"));
    }
    let found = words.next().and_then(|word| word.parse::<u64>().ok());
    let found = found.ok_or_else(|| corrupt(name, "it does not say which format it has"))?;
    if found > RECORD_FORMAT.into() {
        // Before the checksum: whatever a newer version makes of it need not be what this one takes for whole.
        let (stored, newest) = (name.to_owned(), RECORD_FORMAT.into());
        return Err(CheckpointError::Format { stored, found, newest }.into());
    }
    if words.next() != Some(blake3::hash(body).to_hex().as_str()) {
        return Err(corrupt(name, "its checksum does not fit: it was damaged, cut off or changed"));
    }
    serde_json::from_slice(body).map_err(|error| corrupt(name, format!("it cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_and_newer_formats_are_told_apart() {
        let sealed = seal("thing", &vec![1, 2, 3]).unwrap();
        assert_eq!(open::<Vec<u8>>("it", "thing", &sealed).unwrap(), [1, 2, 3]);
        let code = |sealed: &[u8]| open::<Vec<u8>>("it", "thing", sealed).unwrap_err().code();
        for length in [0, 5, 20, sealed.len() - 1] {
            assert_eq!(code(&sealed[..length]), "checkpoint.corrupt", "{length}");
        }
        let mut changed = sealed.to_vec();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(code(&changed), "checkpoint.corrupt");
        let newer = String::from_utf8(sealed.to_vec()).unwrap().replacen("thing 1", "thing 2", 1);
        assert_eq!(code(newer.as_bytes()), "checkpoint.format");
        assert_eq!(open::<Vec<u8>>("it", "other", &sealed).unwrap_err().code(), "checkpoint.corrupt");
    }
}
