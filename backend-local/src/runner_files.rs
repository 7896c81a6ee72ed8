//! The runner's files on disk, so that Python's bytecode cache works between starts: written once, looked over at every start.
//!
//! ```text
//!  looked over: every file as it is embedded, and nothing else ──yes──▶ used
//!                          │ no                                           ▲
//!                          ▼                                              │
//!              gate ▶ looked over again ▶ written beside ▶ the old one moved away ▶ renamed into place
//! ```
//!
//! Code in a `trusted` sandbox runs as the same user and can write here; that level does not promise otherwise. Looking the files over keeps an accident
//! or a prank in one sandbox out of the next ones, and a planted module out of the runner's import path.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use crate::directory::{RUNNER_PREFIX, StateDirectory, make_private};
use crate::removal::remove_tree;

/// Where Python keeps its bytecode, inside each package.
const BYTECODE: &str = "__pycache__";

/// The directory with the runner's files.
#[derive(Debug)]
pub(crate) struct RunnerFiles {
    state: StateDirectory,
    directory: PathBuf,
    files: BTreeMap<&'static str, &'static str>,
    /// A shared lock on the directory, while it is in use: cleaners of `/tmp` pass it by, and other versions of this program.
    held: Mutex<Option<File>>,
}

impl RunnerFiles {
    pub(crate) fn new(state: StateDirectory) -> Self {
        let digest: String = hibernaculum_runner::digest().chars().take(16).collect();
        Self::of(
            state,
            &format!("{RUNNER_PREFIX}{digest}"),
            hibernaculum_runner::files().iter().map(|file| (file.path, file.source)),
        )
    }

    fn of(
        state: StateDirectory,
        name: &str,
        files: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Self {
        let directory = state.path().join(name);
        Self { state, directory, files: files.into_iter().collect(), held: Mutex::new(None) }
    }

    /// The directory, with every file in it as it should be. Blocks for well under a millisecond where it is so already.
    pub(crate) fn directory(&self) -> io::Result<&Path> {
        if !self.intact() {
            let _gate = self.state.gate()?;
            // Somebody else may have been at the gate for the same reason.
            if !self.intact() {
                self.write()?;
            }
        }
        self.hold();
        Ok(&self.directory)
    }

    /// Throws the bytecode away: a start that failed may have failed because of it.
    pub(crate) fn forget_bytecode(&self) {
        for package in self.packages() {
            let _ = remove_tree(&package.join(BYTECODE));
        }
    }

    fn packages(&self) -> Vec<PathBuf> {
        let mut packages: Vec<_> = self
            .files
            .keys()
            .filter_map(|name| Some(self.directory.join(name).parent()?.to_owned()))
            .collect();
        packages.sort();
        packages.dedup();
        packages
    }

    fn intact(&self) -> bool {
        let mut found = 0;
        let looked = self.look_over(&self.directory, Path::new(""), &mut found);
        looked.unwrap_or(false) && found == self.files.len()
    }

    /// Whether there is nothing below `directory` but files as they are embedded, and bytecode beside them; counts the files.
    fn look_over(&self, directory: &Path, inside: &Path, found: &mut usize) -> io::Result<bool> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let (kind, name) = (entry.file_type()?, inside.join(entry.file_name()));
            let fits = if kind.is_dir() {
                let bytecode = entry.file_name() == OsStr::new(BYTECODE) && inside != Path::new("");
                bytecode || (self.is_package(&name) && self.look_over(&entry.path(), &name, found)?)
            } else {
                let expected = name.to_str().and_then(|name| self.files.get(name));
                *found += 1;
                kind.is_file()
                    && match expected {
                        Some(source) => fs::read(entry.path())? == source.as_bytes(),
                        None => false,
                    }
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_package(&self, name: &Path) -> bool {
        self.files.keys().any(|file| Path::new(file).starts_with(name))
    }

    /// A directory is replaced as a whole: bytecode of what stood there before must not be taken for that of the new files.
    fn write(&self) -> io::Result<()> {
        let beside = |suffix: &str| {
            let mut path = self.directory.clone().into_os_string();
            path.push(suffix);
            PathBuf::from(path)
        };
        let (new, old) = (beside(".new"), beside(".old"));
        remove_tree(&new)?;
        remove_tree(&old)?;
        make_private(&new)?;
        for (name, source) in &self.files {
            let path = new.join(name);
            if let Some(package) = path.parent() {
                fs::create_dir_all(package)?;
            }
            fs::write(path, source)?;
        }
        if self.directory.symlink_metadata().is_ok() {
            tracing::warn!(directory = %self.directory.display(), "the runner's files were changed by somebody: they are written anew");
            fs::rename(&self.directory, &old)?;
        }
        fs::rename(&new, &self.directory)?;
        remove_tree(&old)
    }

    fn hold(&self) {
        let mut held = self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *held = File::open(&self.directory).ok().filter(|file| file.try_lock_shared().is_ok());
        // The time of the last use: what is unused for long is removed.
        let _ = held.as_ref().map(|file| file.set_modified(SystemTime::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const FILES: [(&str, &str); 3] =
        [("pkg/__init__.py", ""), ("pkg/a.py", "A = 1\n"), ("pkg/sub/b.py", "B = 2\n")];

    fn scene() -> (tempfile::TempDir, RunnerFiles) {
        let scene = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(Some(&scene.path().join("state"))).unwrap();
        let files = RunnerFiles::of(state, "runner-test", FILES);
        files.directory().unwrap();
        (scene, files)
    }

    fn assert_whole(files: &RunnerFiles) {
        for (name, source) in FILES {
            let path = files.directory.join(name);
            assert!(path.symlink_metadata().unwrap().is_file(), "{name}");
            assert_eq!(fs::read_to_string(path).unwrap(), source);
        }
        assert!(!files.directory.join("json.py").exists());
        assert_eq!(fs::read_dir(files.state.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_is_whole_is_left_alone_with_its_bytecode() {
        let (_scene, files) = scene();
        let bytecode = files.directory.join("pkg").join(BYTECODE);
        fs::create_dir(&bytecode).unwrap();
        fs::write(bytecode.join("a.cpython-311.pyc"), "x").unwrap();
        files.directory().unwrap();
        assert_whole(&files);
        assert!(bytecode.join("a.cpython-311.pyc").exists());
        files.forget_bytecode();
        assert!(!bytecode.exists());
    }

    #[test]
    fn whatever_was_tampered_with_is_written_anew() {
        type Prank = fn(&Path);
        let pranks: [Prank; 7] = [
            |dir| fs::write(dir.join("pkg/a.py"), "A = 2\n").unwrap(),
            |dir| fs::remove_file(dir.join("pkg/sub/b.py")).unwrap(),
            |dir| fs::write(dir.join("json.py"), "raise SystemExit").unwrap(),
            |dir| fs::create_dir(dir.join("json")).unwrap(),
            |dir| fs::create_dir(dir.join(BYTECODE)).unwrap(),
            |dir| {
                fs::rename(dir.join("pkg/a.py"), dir.with_extension("elsewhere")).unwrap();
                symlink(dir.with_extension("elsewhere"), dir.join("pkg/a.py")).unwrap();
                fs::rename(dir.with_extension("elsewhere"), dir.join("../../elsewhere")).unwrap();
            },
            |dir| fs::remove_dir_all(dir).unwrap(),
        ];
        for prank in pranks {
            let (_scene, files) = scene();
            prank(&files.directory);
            files.directory().unwrap();
            assert_whole(&files);
        }
    }

    #[test]
    fn many_starts_at_once_find_it_whole() {
        let (_scene, files) = scene();
        fs::remove_dir_all(&files.directory).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let fresh = RunnerFiles::of(files.state.clone(), "runner-test", FILES);
                    fresh.directory().unwrap();
                    assert!(fresh.intact());
                });
            }
        });
        assert_whole(&files);
    }
}
