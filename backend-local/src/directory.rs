//! Where the backend keeps its files: private directories, found safely, given up by whoever dies.
//!
//! ```text
//!  STATE                       0700, ours; flock: the gate, held for moments while something is made or looked over
//!  ├── runner-<digest>/        the runner's files and their bytecode, shared by all hosts of this user
//!  └── h<pid>-<n>/             one host: a backend in a program; flock: held for as long as it lives
//!      └── <n>/                one sandbox
//!          ├── s               its supervisor's socket
//!          └── work/           its working directory, unless the spec names another
//! ```
//!
//! A host's directory whose lock can be had belongs to a host that died without tidying up: the next one removes it. The locks are on the
//! directories themselves, which also keeps cleaners of `/tmp` away from what is in use.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use hibernaculum_core::{ConfigError, Error, SandboxError};

/// The longest path that a unix socket can have.
const SOCKET_PATH_LIMIT: usize = 107;
/// What comes after the state directory in a socket's path, at most: `/h4194304-999/99999999/s`.
const SOCKET_PATH_REST: usize = 24;
/// How a host's directory begins.
const HOST_PREFIX: &str = "h";
/// How a directory with a runner's files begins.
pub(crate) const RUNNER_PREFIX: &str = "runner-";
/// How long the files of another version's runner are kept without being used.
const RUNNER_KEPT: Duration = Duration::from_hours(7 * 24);

/// The directory below which everything lies.
#[derive(Debug, Clone)]
pub(crate) struct StateDirectory(PathBuf);

impl StateDirectory {
    /// Opens the named directory, or the default one, and makes it where it is not there yet.
    pub(crate) fn open(named: Option<&Path>) -> Result<Self, Error> {
        if let Some(path) = named {
            if let Some(rule) = unfit(path) {
                return Err(invalid(path, &rule).into());
            }
            return private_directory(path)
                .map(|()| Self(path.to_owned()))
                .map_err(|problem| problem.at(path));
        }
        let user = rustix::process::geteuid().as_raw();
        let path = default_place(&std::env::temp_dir(), user);
        private_directory(&path).map_err(|problem| problem.at(&path))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Waits until nobody else makes or looks over directories here; others wait until the file is dropped.
    pub(crate) fn gate(&self) -> io::Result<File> {
        let gate = File::open(&self.0)?;
        gate.lock()?;
        Ok(gate)
    }

    /// Makes a directory for this host, and finds those that nobody needs any more.
    pub(crate) fn enter(&self) -> io::Result<(HostDirectory, Vec<HostDirectory>)> {
        let _gate = self.gate()?;
        let dead = self.abandoned()?;
        for number in 0_u32.. {
            let path = self.0.join(format!("{HOST_PREFIX}{}-{number}", process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return HostDirectory::lock(path).map(|host| (host, dead)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(ErrorKind::StorageFull))
    }

    /// The directories whose locks can be had: those of dead hosts, and of runners that were not used for long. With the gate held, none of them is
    /// one that is being made.
    fn abandoned(&self) -> io::Result<Vec<HostDirectory>> {
        let mut dead = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let begins = |prefix: &str| name.as_encoded_bytes().starts_with(prefix.as_bytes());
            let Ok(metadata) = entry.metadata() else { continue };
            let unused =
                || metadata.modified().is_ok_and(|time| time.elapsed().is_ok_and(|age| age > RUNNER_KEPT));
            if metadata.is_dir() && (begins(HOST_PREFIX) || begins(RUNNER_PREFIX) && unused()) {
                dead.extend(HostDirectory::lock(entry.path()));
            }
        }
        Ok(dead)
    }
}

/// A host's directory, locked.
#[derive(Debug)]
pub(crate) struct HostDirectory {
    path: PathBuf,
    _lock: File,
}

impl HostDirectory {
    fn lock(path: PathBuf) -> io::Result<Self> {
        let lock = File::open(&path)?;
        lock.try_lock()?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a directory that nobody else can enter, below one that is private already.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Working directories hold data, so the temporary directory comes first: the runtime directory is small and lies in memory.
fn default_place(temporary: &Path, user: u32) -> PathBuf {
    let name = format!("hibernaculum-{user}");
    let wanted = temporary.join(&name);
    if unfit(&wanted).is_none() { wanted } else { Path::new("/tmp").join(name) }
}

/// The rule that a path breaks, if any.
fn unfit(path: &Path) -> Option<String> {
    let longest = SOCKET_PATH_LIMIT - SOCKET_PATH_REST;
    let text = path.to_str();
    let rule = match text {
        None => "must be UTF-8".to_owned(),
        Some(_) if !path.is_absolute() => "must be absolute".to_owned(),
        Some(text) if text.contains('\0') => "must not hold NUL".to_owned(),
        Some(text) if text.len() > longest => format!(
            "must have at most {longest} bytes: unix sockets lie below it, and the kernel takes no path longer than {SOCKET_PATH_LIMIT}"
        ),
        Some(_) => return None,
    };
    Some(rule)
}

fn invalid(path: &Path, rule: &str) -> ConfigError {
    let value = path.to_string_lossy().chars().take(200).flat_map(char::escape_debug).collect();
    ConfigError::Invalid { field: "state_dir".to_owned(), value, rule: rule.to_owned() }
}

/// Why a directory cannot be used.
enum NotPrivate {
    Rule(String),
    Io(io::Error),
}

impl NotPrivate {
    fn at(self, path: &Path) -> Error {
        match self {
            Self::Rule(rule) => invalid(path, &rule).into(),
            Self::Io(source) => SandboxError::Start {
                problem: format!("the state directory `{}` cannot be made or read: {source}", path.display()),
                source: Some(source.into()),
            }
            .into(),
        }
    }
}

/// Makes the directory if need be, and refuses one that others own or can write to: they could plant sockets and code in it.
fn private_directory(path: &Path) -> Result<(), NotPrivate> {
    DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(NotPrivate::Io)?;
    let found = fs::symlink_metadata(path).map_err(NotPrivate::Io)?;
    let rule = if found.file_type().is_symlink() {
        "must be a directory itself, not a link to one"
    } else if !found.is_dir() {
        "must be a directory"
    } else if found.uid() != rustix::process::geteuid().as_raw() {
        "must belong to the user who runs this program"
    } else if found.mode() & 0o022 != 0 {
        "must not be writable by others (chmod go-w)"
    } else {
        return Ok(());
    };
    Err(NotPrivate::Rule(rule.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn refused(path: &Path) -> String {
        StateDirectory::open(Some(path)).expect_err("it was accepted").explain().why
    }

    #[test]
    fn a_directory_that_others_could_tamper_with_is_refused() {
        let scene = tempfile::tempdir().unwrap();
        let good = scene.path().join("good");
        StateDirectory::open(Some(&good)).unwrap();
        assert_eq!(fs::metadata(&good).unwrap().mode() & 0o777, 0o700);

        symlink(&good, scene.path().join("link")).unwrap();
        assert!(refused(&scene.path().join("link")).contains("not a link"));
        fs::set_permissions(&good, Permissions::from_mode(0o770)).unwrap();
        assert!(refused(&good).contains("writable by others"));
        if rustix::process::geteuid().is_root() {
            fs::set_permissions(&good, Permissions::from_mode(0o700)).unwrap();
            std::os::unix::fs::chown(&good, Some(65534), None).unwrap();
            assert!(refused(&good).contains("must belong to"));
        }
    }

    #[test]
    fn a_path_that_is_too_long_for_sockets_is_refused_by_name_and_replaced_by_default() {
        let long = Path::new("/tmp").join("x".repeat(100));
        assert!(refused(&long).contains("at most 83 bytes"));
        assert_eq!(default_place(&long, 7), Path::new("/tmp/hibernaculum-7"));
        assert_eq!(default_place(Path::new("/var/tmp"), 7), Path::new("/var/tmp/hibernaculum-7"));
        assert!(refused(Path::new("relative")).contains("absolute"));
    }

    #[test]
    fn only_the_directories_of_dead_hosts_are_found() {
        let scene = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(Some(&scene.path().join("state"))).unwrap();
        let (alive, dead) = state.enter().unwrap();
        assert!(dead.is_empty());
        make_private(&state.path().join("h999999999-0")).unwrap();
        let (second, dead) = state.enter().unwrap();
        assert_ne!(alive.path(), second.path());
        assert_eq!(dead.len(), 1);
        assert!(dead[0].path().ends_with("h999999999-0"));
        let (_third, others) = state.enter().unwrap();
        assert!(others.is_empty(), "the dead one is being looked after: {others:?}");
        drop(dead);
    }

    #[test]
    fn only_runners_that_were_not_used_for_long_are_found() {
        let scene = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(Some(&scene.path().join("state"))).unwrap();
        let made = ["runner-new", "runner-old", "runner-held"].map(|name| {
            make_private(&state.path().join(name)).unwrap();
            File::open(state.path().join(name)).unwrap()
        });
        let long_ago = std::time::SystemTime::now() - RUNNER_KEPT * 2;
        made[1].set_modified(long_ago).unwrap();
        made[2].set_modified(long_ago).unwrap();
        made[2].lock_shared().unwrap();
        let (_host, abandoned) = state.enter().unwrap();
        assert_eq!(abandoned.len(), 1, "{abandoned:?}");
        assert!(abandoned[0].path().ends_with("runner-old"));
    }
}
