//! What a checkpoint store has on its disk, as the file system tells it and nobody else.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The files below a directory, and what each takes.
#[derive(Debug, Default)]
pub(crate) struct Stored(BTreeMap<PathBuf, Taken>);

/// Bytes on a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// As long as the files are.
    pub(crate) length: u64,
    /// The blocks that they take.
    pub(crate) allocated: u64,
}

impl Stored {
    /// Looks.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be read. A file that goes meanwhile, as one does that is renamed, is none.
    pub(crate) fn look(directory: &Path) -> io::Result<Self> {
        let mut stored = Self::default();
        stored.look_into(directory)?;
        Ok(stored)
    }

    fn look_into(&mut self, directory: &Path) -> io::Result<()> {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            match entry.metadata() {
                Ok(data) if data.is_dir() => self.look_into(&entry.path())?,
                Ok(data) => {
                    // POSIX counts blocks of 512 bytes, whatever the file system's are.
                    let taken = Taken { length: data.len(), allocated: data.blocks() * 512 };
                    self.0.insert(entry.path(), taken);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What files take that were not there, or have grown. What was removed meanwhile, by a collection, is no gain.
    pub(crate) fn added_since(&self, before: &Self) -> Taken {
        let mut added = Taken::default();
        for (path, now) in &self.0 {
            let known = before.0.get(path).copied().unwrap_or_default();
            added.length += now.length.saturating_sub(known.length);
            added.allocated += now.allocated.saturating_sub(known.allocated);
        }
        added
    }
}

impl Taken {
    /// The larger of the two: neither holes nor half filled blocks are to hide anything.
    pub(crate) fn most(self) -> u64 {
        self.length.max(self.allocated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_counted_and_what_was_removed_is_not() {
        let scene = tempfile::tempdir().unwrap();
        let path = |name: &str| scene.path().join(name);
        std::fs::create_dir(path("blobs")).unwrap();
        for name in ["old", "blobs/grows", "blobs/goes"] {
            std::fs::write(path(name), vec![1; 10_000]).unwrap();
        }
        let before = Stored::look(scene.path()).unwrap();
        assert_eq!(before.added_since(&before), Taken::default());
        std::fs::remove_file(path("blobs/goes")).unwrap();
        std::fs::write(path("blobs/grows"), vec![1; 30_000]).unwrap();
        std::fs::write(path("blobs/new"), vec![1; 5000]).unwrap();
        let added = Stored::look(scene.path()).unwrap().added_since(&before);
        assert_eq!(added.length, 25_000);
        assert!(added.most() >= 25_000 && added.allocated < 100_000, "{added:?}");
        assert!(Stored::look(&path("nowhere")).is_err());
    }
}
