//! What a program that was killed left behind in a directory.
//!
//! An object is written beside its place, as `NAME#1`, and renamed when it is whole. The storage's own listing shows no such file, so a collection
//! looks for them by itself: one that nobody has written to for the grace is nobody's any more, since a save may take half of that.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

/// The store's own folders. The directory may be somebody's who keeps other things in it.
const FOLDERS: [&str; 4] = ["blobs", "checkpoints", "snapshots", "collection"];

/// The files that were left, and how many bytes they took; they are gone when it returns.
///
/// # Errors
///
/// What the system says; of a file that is gone already, nothing.
pub(crate) fn sweep(root: &Path, now: Timestamp, grace: Duration) -> io::Result<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    let mut folders: Vec<PathBuf> = FOLDERS.iter().map(|name| root.join(name)).collect();
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            }
            if !kind.is_file() || !entry.file_name().to_str().is_some_and(is_staged) {
                continue;
            }
            let removed = left(&entry, now, grace).and_then(|left| match left {
                Some(size) => fs::remove_file(entry.path()).map(|()| Some(size)),
                None => Ok(None),
            });
            match removed {
                Ok(Some(size)) => (files, bytes) = (files + 1, bytes + size),
                Ok(None) => {}
                // It was published meanwhile, or another collection was first.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok((files, bytes))
}

/// Its size, if nobody has written to it for so long.
fn left(entry: &fs::DirEntry, now: Timestamp, grace: Duration) -> io::Result<Option<u64>> {
    let known = entry.metadata()?;
    let written = Timestamp::try_from(known.modified()?).unwrap_or(now);
    let age = now.duration_since(written);
    Ok((age.is_positive() && age.unsigned_abs() >= grace).then_some(known.len()))
}

/// Whether the storage writes a file of this name before it renames it.
fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(of, number)| {
        !of.is_empty() && !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}
