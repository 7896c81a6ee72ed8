//! How a sandbox ends: once, whoever asks for it, and until the engine knows its container no more.
//!
//! ```text
//!  stop, drop ──▶ stdin closed ──▶ the keeper kills all, and ends ──▶ the container ends ──▶ removed ──▶ socket's directory removed ──▶ over
//!  kill ────────────────────────────────┐  │ not within the grace: paused, stuck        ▲
//!                                       └──▶ removed by force ─────────────────────────┘
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::removal::Removal;
use crate::state::SocketRoom;
use crate::streams::Input;

/// How long a keeper may take. Killing everything takes it some 40 ms; this is for a machine that is overloaded.
const GRACE: Duration = Duration::from_secs(3);
/// How long the engine may take to hear that stdin is closed.
const CLOSING: Duration = Duration::from_secs(1);

/// What has to be ended and removed.
pub(crate) struct Remains {
    /// What the first process reads and says; nothing, where another host started it.
    pub(crate) attached: Option<(Input, JoinHandle<()>)>,
    pub(crate) removal: Removal,
    pub(crate) room: Option<SocketRoom>,
}

impl Remains {
    async fn end(mut self, by_force: bool) {
        // The end of its stdin is the end of the sandbox, and the reader's is the container's.
        if let Some((stdin, reader)) = self.attached.as_mut().filter(|_| !by_force) {
            let _ = timeout(CLOSING, stdin.shutdown()).await;
            let _ = timeout(GRACE, reader).await;
        }
        let is_gone = self.removal.run().await;
        if let Some((_, reader)) = self.attached {
            reader.abort();
        }
        if let Some(room) = self.room.filter(|_| is_gone) {
            room.remove();
        }
    }

    /// Nothing of it ends.
    fn release(self) {
        self.removal.release();
        if let Some((_, reader)) = self.attached {
            reader.abort();
        }
        if let Some(room) = self.room {
            room.release();
        }
    }
}

/// The one ending of a sandbox. Dropping it begins it.
pub(crate) struct Ending {
    remains: Mutex<Option<Remains>>,
    over: watch::Sender<bool>,
    runtime: Handle,
    /// Why it was begun, where that is worth telling.
    reason: OnceLock<String>,
    has_begun: AtomicBool,
}

impl std::fmt::Debug for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ending").field("over", &*self.over.borrow()).finish_non_exhaustive()
    }
}

impl Ending {
    pub(crate) fn new(remains: Remains) -> Self {
        Self {
            remains: Mutex::new(Some(remains)),
            over: watch::Sender::new(false),
            runtime: Handle::current(),
            reason: OnceLock::new(),
            has_begun: AtomicBool::new(false),
        }
    }

    /// Ends it by force, for a reason.
    pub(crate) fn put_an_end(&self, reason: String) {
        if !self.has_begun.load(Ordering::Relaxed) {
            let _ = self.reason.set(reason);
        }
        self.begin(true);
    }

    /// Why it was ended, where there was a reason.
    pub(crate) fn reason(&self) -> Option<String> {
        self.reason.get().cloned()
    }

    /// Whether we have begun to end it.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    /// Begins the ending, unless it has begun.
    pub(crate) fn begin(&self, by_force: bool) {
        self.has_begun.store(true, Ordering::Relaxed);
        let remains = self.remains.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(remains) = remains {
            let over = Over(self.over.clone());
            self.runtime.spawn(async move {
                remains.end(by_force).await;
                drop(over);
            });
        }
    }

    /// There will be no ending: it goes on without us.
    pub(crate) fn release(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
        let remains = self.remains.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(remains) = remains {
            remains.release();
            self.over.send_replace(true);
        }
    }

    /// Waits until it is over.
    pub(crate) async fn over(&self) {
        // The sender is ours: it cannot be gone.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.begin(false);
    }
}

/// Says that it is over, even where the runtime ended before: those who wait must not wait for ever. The connection is closed then, which ends the container.
struct Over(watch::Sender<bool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;
    use std::path::PathBuf;

    use hibernaculum_core::SandboxId;

    use super::*;
    use crate::hardening::User;
    use crate::removal::tests::engine;
    use crate::state::State;

    /// What remains of a sandbox that may outlive its host, at an engine that answers so; and its socket's directory.
    fn lingering(scene: &tempfile::TempDir, statuses: &'static [u16]) -> (Remains, PathBuf) {
        let found = scene.path().metadata().unwrap();
        let state = State::open(Some(&scene.path().join("state")), "engine").unwrap();
        let user = User { uid: found.uid(), gid: found.gid() };
        let room = state.room(user, Some(SandboxId::new())).unwrap().inhabited();
        let path = room.path().to_owned();
        let removal = Removal::of(engine(scene, statuses), "one".to_owned());
        (Remains { attached: None, removal, room: Some(room) }, path)
    }

    #[test]
    fn what_lingers_keeps_its_directory_where_the_runtime_ends_first() {
        let scene = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (ending, path) = runtime.block_on(async {
            let (remains, path) = lingering(&scene, &[]);
            (Ending::new(remains), path)
        });
        drop(runtime);
        drop(ending);
        assert!(path.is_dir(), "its container lives on");
    }

    #[tokio::test]
    async fn what_lingers_keeps_its_directory_until_its_container_is_gone() {
        for (statuses, stays) in [(&[403][..], true), (&[404], false)] {
            let scene = tempfile::tempdir().unwrap();
            let (remains, path) = lingering(&scene, statuses);
            remains.end(true).await;
            assert_eq!(path.is_dir(), stays, "{statuses:?}");
        }
    }
}
