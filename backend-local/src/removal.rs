//! Removing what untrusted code left in a directory.
//!
//! `std::fs::remove_dir_all` is symlink-safe but recursive: code that nests directories ten thousand deep would overflow the host's stack or use
//! up its file descriptors, and a directory without permissions stops it. So the tree is flattened while it is removed: every directory is first
//! moved up beside the root, under a number. Depth, stack and open descriptors stay constant, and no path grows long.
//!
//! ```text
//!  root ──rename──▶ root.gone/0 ─┬─ files: unlinked
//!                                └─ directories: made accessible, renamed to root.gone/1, /2, … ; then the same with each
//! ```
//!
//! Whoever owned the files is dead by then: nobody swaps them for links meanwhile.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// How often a directory is read again that was not empty in the end: a straggler may still have written into it.
const PASSES: usize = 3;

/// Removes a directory with everything in it; that it is gone already is no error. Blocks for as long as the file system takes.
///
/// # Errors
///
/// The first thing that could not be removed; everything else has been.
pub(crate) fn remove_tree(root: &Path) -> io::Result<()> {
    let mut attic = root.as_os_str().to_owned();
    attic.push(".gone");
    let mut tree = Flattened { attic: PathBuf::from(attic), moved: 0, emptied: 0, first_error: None };
    match tree.start(root) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    while tree.emptied < tree.moved {
        let directory = tree.attic.join(tree.emptied.to_string());
        tree.emptied += 1;
        if let Err(error) = tree.empty(&directory) {
            tree.note(error);
        }
    }
    if let Err(error) = fs::remove_dir(&tree.attic) {
        tree.note(error);
    }
    tree.first_error.map_or(Ok(()), Err)
}

/// The directories of a tree, side by side in the attic: those up to `emptied` are done, those up to `moved` wait.
struct Flattened {
    attic: PathBuf,
    moved: u64,
    emptied: u64,
    first_error: Option<io::Error>,
}

impl Flattened {
    fn start(&mut self, root: &Path) -> io::Result<()> {
        if !fs::symlink_metadata(root)?.is_dir() {
            return fs::remove_file(root);
        }
        match fs::create_dir(&self.attic) {
            // Whatever an earlier attempt could not remove is tried again, as a directory like any other.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let rest = root.join(".gone");
                fs::set_permissions(root, Permissions::from_mode(0o700))?;
                fs::rename(&self.attic, rest)?;
                fs::create_dir(&self.attic)?;
            }
            made => made?,
        }
        self.move_up(root)
    }

    /// Moves a directory into the attic. To move it its owner must be able to write into it: its `..` changes.
    fn move_up(&mut self, directory: &Path) -> io::Result<()> {
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
        fs::rename(directory, self.attic.join(self.moved.to_string()))?;
        self.moved += 1;
        Ok(())
    }

    fn empty(&mut self, directory: &Path) -> io::Result<()> {
        let mut last = Ok(());
        for _ in 0..PASSES {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let path = entry.path();
                let is_directory = entry.file_type()?.is_dir();
                if let Err(error) = if is_directory { self.move_up(&path) } else { fs::remove_file(&path) } {
                    self.note(error);
                }
            }
            last = fs::remove_dir(directory);
            if last.is_ok() {
                break;
            }
        }
        last
    }

    fn note(&mut self, error: io::Error) {
        if error.kind() != ErrorKind::NotFound {
            self.first_error.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::process::CommandExt as _;

    use super::*;

    #[test]
    fn everything_goes_and_what_links_point_at_stays() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("precious"), "x").unwrap();
        let scene = tempfile::tempdir().unwrap();
        let root = scene.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "x").unwrap();
        symlink(outside.path(), root.join("a/link")).unwrap();
        symlink("/nonexistent", root.join("dangling")).unwrap();
        remove_tree(&root).unwrap();
        assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 0, "neither the root nor the attic is left");
        assert!(outside.path().join("precious").exists());
    }

    #[test]
    fn a_tree_as_deep_as_hostile_code_can_make_it_goes() {
        let scene = tempfile::tempdir().unwrap();
        let root = scene.path().join("root");
        let mut deep = root.clone();
        fs::create_dir(&root).unwrap();
        // Nested from the inside out, so that no path of the test grows long.
        for level in 0..5_000 {
            let outer = scene.path().join(format!("outer{level}"));
            fs::create_dir(&outer).unwrap();
            fs::rename(&deep, outer.join("d")).unwrap();
            deep = outer;
        }
        let small = std::thread::Builder::new().stack_size(64 * 1024);
        small.spawn(move || remove_tree(&deep)).unwrap().join().unwrap().unwrap();
        assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 0);
    }

    /// Nothing is forbidden to root: there the test starts itself again as nobody.
    #[test]
    fn what_its_owner_may_not_enter_goes_too() {
        let scene = tempfile::tempdir_in("/tmp").unwrap();
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(scene.path(), Permissions::from_mode(0o777)).unwrap();
            let program = scene.path().join("tests");
            fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
            let mut again = std::process::Command::new(program);
            again
                .args(["--exact", "removal::tests::what_its_owner_may_not_enter_goes_too"])
                .uid(65534)
                .gid(65534);
            let output = again.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
            return;
        }
        let root = scene.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "x").unwrap();
        for directory in ["a/b", "a", ""] {
            fs::set_permissions(root.join(directory), Permissions::from_mode(0o000)).unwrap();
        }
        assert!(fs::remove_dir_all(&root).is_err(), "the control: it does not go by itself");
        remove_tree(&root).unwrap();
        assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_attempt_that_was_broken_off_is_completed() {
        let scene = tempfile::tempdir().unwrap();
        let root = scene.path().join("root");
        fs::create_dir_all(scene.path().join("root.gone/3")).unwrap();
        fs::create_dir(&root).unwrap();
        remove_tree(&root).unwrap();
        assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_gone_already_is_no_error() {
        remove_tree(Path::new("/nonexistent/hibernaculum")).unwrap();
    }
}
