//! The kernel's files, `/proc` and `/sys`; in a test, a directory that looks like them.

use std::fs;
use std::path::PathBuf;

/// A machine, as its files tell it.
#[derive(Debug, Clone)]
pub(super) struct Host {
    root: PathBuf,
}

impl Host {
    /// This machine.
    pub(super) fn here() -> Self {
        Self { root: PathBuf::from("/") }
    }

    /// What a file holds, without the white space around it; nothing where it cannot be read.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        let bytes = fs::read(self.path(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// A number that a file holds.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.read(path)?.parse().ok()
    }

    /// Where a file lies.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A machine that has these files and no other.
    pub(in crate::doctor) fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let scene = tempfile::tempdir().unwrap();
        let host = Host { root: scene.path().to_owned() };
        for (path, text) in files {
            let path = host.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (scene, host)
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        let (_scene, host) = machine(&[("/proc/a", " 7\n"), ("/proc/b", "x")]);
        assert_eq!((host.number("/proc/a"), host.number("/proc/b")), (Some(7), None));
        assert_eq!((host.read("/proc/b").as_deref(), host.read("/proc/c")), (Some("x"), None));
    }
}
