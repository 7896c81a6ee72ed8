//! Directories of this machine that containers' sockets lie in, and their end.
//!
//! ```text
//!  STATE_DIR/                 0700, this user's
//!  ├─ host-RANDOM/            one for each backend, locked while it lives: what no lock holds is removed by the next
//!  │  └─ 17/                  one sandbox; mounted into its container, which makes its socket `s` there
//!  ├─ linger-ENGINE-SANDBOX/  the same of one that may outlive its backend: each engine's backends remove those of their own
//!  └─ key                     of what the secrets are made, so that the next backend can speak with those
//! ```

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hibernaculum_core::{ConfigError, Error, SandboxError, SandboxId};
use hibernaculum_engine::OwnerKey;

use crate::hardening::User;

const PREFIX: &str = "host-";
/// How long the engine may take to make a container after its directory.
const MAKING: Duration = Duration::from_mins(5);
/// How the directory of a sandbox begins that may outlive its host.
const LINGERING: &str = "linger-";
/// How many digits of a sandbox's id are in that directory's name: the last ones, which are random.
const DIGITS: usize = 20;
/// A unix socket's path has at most 107 bytes: `/host-0123456789ab/18446744073709551615/s` is what comes below, or `/linger-012345-0123456789abcdef0123/s`.
const LONGEST: usize = 64;

/// This backend's own directory.
#[derive(Debug)]
pub(crate) struct State {
    root: PathBuf,
    directory: PathBuf,
    /// The engine, in a few digits: several may share a root.
    engine: String,
    next: AtomicU64,
    /// The lock: it goes with the process, however that ends.
    _held: File,
}

impl State {
    /// Makes it, and removes what dead hosts left. `engine` is what that calls itself.
    pub(crate) fn open(setting: Option<&Path>, engine: &str) -> Result<Arc<Self>, Error> {
        let root = setting.map_or_else(usual, Path::to_owned);
        if !root.is_absolute() || root.as_os_str().len() > LONGEST || root.to_str().is_none() {
            return Err(ConfigError::Invalid {
                field: "state_dir".to_owned(),
                value: root.to_string_lossy().chars().take(80).flat_map(char::escape_debug).collect(),
                rule: format!("must be an absolute path of UTF-8, at most {LONGEST} bytes long"),
            }
            .into());
        }
        let made = (|| {
            make(&root)?;
            sweep(&root);
            let mut random = [0; 6];
            getrandom::fill(&mut random).map_err(io::Error::other)?;
            let directory = root.join(format!("{PREFIX}{}", hex::encode(random)));
            DirBuilder::new().mode(0o700).create(&directory)?;
            let held = File::open(&directory)?;
            held.lock()?;
            let engine = blake3::hash(engine.as_bytes()).to_hex().chars().take(6).collect();
            Ok(Self { root: root.clone(), directory, engine, next: AtomicU64::new(1), _held: held })
        })();
        let made = made.map_err(|error: io::Error| SandboxError::Start {
            problem: format!("the state directory {} cannot be used: {error}", root.display()),
            source: Some(error.into()),
        })?;
        Ok(Arc::new(made))
    }

    /// A directory for one more sandbox, in which that user may make a socket.
    pub(crate) fn room(self: &Arc<Self>, user: User, lingers: Option<SandboxId>) -> io::Result<SocketRoom> {
        let path = match lingers {
            Some(sandbox) => self.root.join(self.lingering(&sandbox.to_string())),
            None => self.directory.join(self.next.fetch_add(1, Ordering::Relaxed).to_string()),
        };
        DirBuilder::new().mode(0o700).create(&path)?;
        let room = SocketRoom { path, _state: Arc::clone(self), lingers: lingers.is_some(), stays: false };
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&room.path, Some(user.uid), Some(user.gid))?;
        }
        Ok(room)
    }
}

impl State {
    /// The directory of a sandbox that another backend made, where there is one.
    pub(crate) fn lingering_room(self: &Arc<Self>, sandbox: SandboxId) -> Option<SocketRoom> {
        let path = self.root.join(self.lingering(&sandbox.to_string()));
        path.is_dir().then(|| SocketRoom { path, _state: Arc::clone(self), lingers: true, stays: true })
    }

    /// The key of this directory's owner.
    pub(crate) fn key(&self) -> Result<OwnerKey, Error> {
        let path = self.root.join("key");
        OwnerKey::kept_in(&path).map_err(|error| {
            let problem = format!("its key {} cannot be used: {error}", path.display());
            SandboxError::Start { problem, source: Some(error.into()) }.into()
        })
    }

    /// What the directory of a sandbox is called that may outlive its host.
    fn lingering(&self, sandbox: &str) -> String {
        let digits = sandbox.get(sandbox.len().saturating_sub(DIGITS)..).unwrap_or(sandbox);
        format!("{LINGERING}{}-{digits}", self.engine)
    }

    /// Removes the directories of this engine's sandboxes that outlived their host and are gone; `living` are there still.
    pub(crate) fn sweep_lingering(&self, living: &HashSet<String>) {
        let (ours, living) = (
            self.lingering(""),
            living.iter().map(|sandbox| self.lingering(sandbox)).collect::<HashSet<_>>(),
        );
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_gone = name.to_str().is_some_and(|name| name.starts_with(&ours) && !living.contains(name));
            // A container is made after its directory.
            let is_old = entry
                .metadata()
                .and_then(|found| found.modified())
                .is_ok_and(|made| made.elapsed().is_ok_and(|age| age > MAKING));
            if is_old && is_gone {
                remove(&entry.path());
            }
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        remove(&self.directory);
    }
}

/// The directory of one sandbox's socket. Removed with the value, unless a container has it that may go on.
#[derive(Debug)]
pub(crate) struct SocketRoom {
    path: PathBuf,
    /// It is there as long as what is in it.
    _state: Arc<State>,
    /// Its sandbox may outlive this program.
    lingers: bool,
    stays: bool,
}

impl SocketRoom {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// From now on the sandbox's user can connect to what is here, and put nothing more here: it would be on this machine's disk, bounded by nothing.
    /// Where this program is not root it is that user itself, and what could be taken away could be given back.
    pub(crate) fn shut(&self) -> io::Result<()> {
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&self.path, Some(0), Some(0))?;
            fs::set_permissions(&self.path, fs::Permissions::from_mode(0o711))?;
        }
        Ok(())
    }
}

impl SocketRoom {
    /// A sandbox lives in it from now on. One that may outlive this program needs it until its container is gone: only [`SocketRoom::remove`] ends it.
    pub(crate) fn inhabited(mut self) -> Self {
        self.stays = self.lingers;
        self
    }

    /// Its container is gone.
    pub(crate) fn remove(mut self) {
        self.stays = false;
    }

    /// It stays.
    pub(crate) fn release(mut self) {
        self.stays = true;
    }
}

impl Drop for SocketRoom {
    fn drop(&mut self) {
        if !self.stays {
            remove(&self.path);
        }
    }
}

fn usual() -> PathBuf {
    std::env::temp_dir().join(format!("hibernaculum-docker-{}", rustix::process::getuid().as_raw()))
}

/// Makes the directory, or makes sure that it is ours alone: in `/tmp` somebody else may have been quicker.
fn make(root: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(false).mode(0o700).create(root) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(root.parent().unwrap_or(root))?;
            DirBuilder::new().mode(0o700).create(root)?;
        }
        done => done?,
    }
    let found = fs::symlink_metadata(root)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return Err(io::Error::other("it must be a directory of this user's that nobody else can write to"));
    }
    Ok(())
}

/// Removes the directories of hosts that hold no lock.
fn sweep(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let is_host = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_host && File::open(entry.path()).is_ok_and(|directory| directory.try_lock().is_ok()) {
            remove(&entry.path());
        }
    }
}

fn remove(path: &Path) {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "could not be removed");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: fn() -> User =
        || User { uid: rustix::process::getuid().as_raw(), gid: rustix::process::getgid().as_raw() };

    #[test]
    fn what_a_dead_host_left_is_removed_and_what_a_living_one_has_is_not() {
        let scene = tempfile::tempdir().unwrap();
        let root = scene.path().join("state");
        let living = State::open(Some(&root), "engine").unwrap();
        let one = living.room(ME(), None).unwrap();
        let dead = root.join("host-dead/1");
        fs::create_dir_all(&dead).unwrap();
        let next = State::open(Some(&root), "engine").unwrap();
        assert!(one.path().is_dir() && !dead.exists());
        let (gone, kept) = (SandboxId::new(), SandboxId::new());
        for id in [gone, kept] {
            lingers(&living, id);
        }
        next.sweep_lingering(&HashSet::from([kept.to_string()]));
        assert!(next.lingering_room(gone).is_none());
        drop(next.lingering_room(kept).unwrap().inhabited());
        next.lingering_room(kept).unwrap().remove();
        assert!(next.lingering_room(kept).is_none(), "whoever has it removes it");
        drop((one, living, next));
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    }

    /// Makes a sandbox's directory that may outlive its host, long ago.
    fn lingers(state: &Arc<State>, id: SandboxId) {
        let room = state.room(ME(), Some(id)).unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * MAKING;
        File::open(room.path()).unwrap().set_modified(long_ago).unwrap();
        room.release();
    }

    #[test]
    fn what_lingers_at_another_engine_is_that_ones_to_remove() {
        let scene = tempfile::tempdir().unwrap();
        let root = scene.path().join("state");
        let [one, other] = ["one", "other"].map(|engine| State::open(Some(&root), engine).unwrap());
        let id = SandboxId::new();
        lingers(&one, id);
        other.sweep_lingering(&HashSet::new());
        assert!(other.lingering_room(id).is_none(), "it is none of its own");
        one.lingering_room(id).unwrap().release();
        one.sweep_lingering(&HashSet::new());
        assert!(one.lingering_room(id).is_none(), "the control: its own backend removes it");
    }

    #[test]
    fn every_sockets_path_is_short_enough() {
        let scene = tempfile::tempdir().unwrap();
        let root = scene.path().join("state");
        let state = State::open(Some(&root), "engine").unwrap();
        state.next.store(u64::MAX, Ordering::Relaxed);
        for lingers in [None, Some(SandboxId::new())] {
            let made = state.room(ME(), lingers).unwrap();
            let below = made.path().join("s").as_os_str().len() - root.as_os_str().len();
            assert!(LONGEST + below <= 107, "{:?}", made.path());
        }
    }

    #[test]
    fn a_directory_of_somebody_elses_making_is_refused() {
        let scene = tempfile::tempdir().unwrap();
        let root = scene.path().join("open");
        fs::create_dir(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(State::open(Some(&root), "engine").unwrap_err().code(), "sandbox.start");
        assert_eq!(State::open(Some(Path::new("relative")), "engine").unwrap_err().code(), "config.invalid");
    }
}
