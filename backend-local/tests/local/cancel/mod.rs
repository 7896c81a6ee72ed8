//! Calls that change what is kept are dropped at each of their awaits, at once and after a while in which what they asked for is done unheard: it is
//! done whole or not at all, the same call asked again has a defined result, and nothing is left that nobody owns.
//!
//! `engine/tests/engine/cancel.rs` and `backend-mock/tests/mock/cancel.rs` do the same without processes, to all the other calls.

mod checkpoints;
mod ends;
mod slow_store;
mod snapshots;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_checkpoint_store::Store;
use hibernaculum_core::{Backend, Sandbox, Session, SessionState};
use hibernaculum_testkit::polls::{self, GiveUp};

use self::slow_store::SlowStore;
use crate::scene::{PATIENCE, Scene, until, value, within};

/// How long a call is held that nobody polls: longer than what it asked for takes.
const HELD: Duration = Duration::from_millis(100);

/// Calls are dropped at once, and held.
async fn at_every_poll(round: impl AsyncFn(GiveUp) -> bool) {
    polls::at_every_poll(HELD, round).await;
}

/// Asks until there is an answer: what was given up may be on its way to its end.
async fn settled<T>(what: &str, ask: impl AsyncFn() -> Result<T, String>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(found) => assert!(tokio::time::Instant::now() < deadline, "{what}: {found}"),
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A backend whose store takes its time, a sandbox and a session.
struct Den {
    scene: Scene,
    store: Arc<SlowStore>,
    backend: Arc<dyn Backend>,
    sandbox: Sandbox,
    session: Session,
    /// How many processes there are when all is quiet.
    processes: usize,
    /// What the working directory has; where that is looked at, a process serves it.
    files: Option<&'static [&'static str]>,
}

impl Den {
    async fn new() -> Self {
        let scene = Scene::new();
        let store = Arc::new(SlowStore(Store::directory(scene.path().join("store")).unwrap()));
        let backend = scene.builder().checkpoint_store(Arc::clone(&store) as _).build().unwrap();
        // The process that sessions are cloned from is there before the first, and a clone in reserve a moment later:
        // both count from the beginning.
        let spec = scene.spec().env("HIBERNACULUM_ZYGOTE", "first").build().unwrap();
        let sandbox = within(Sandbox::create(&backend, spec)).await.unwrap();
        let session = within(sandbox.session()).await.unwrap();
        let processes = ["keeper", "supervisor", "zygote", "session", "reserve"].len();
        until("a clone is in reserve", || {
            let found = scene.processes();
            if found.len() == processes { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
        Self { scene, store, backend, sandbox, session, processes, files: None }
    }

    /// The session answers, and is idle once what was given up has come to its end.
    async fn goes_on(&self, at: GiveUp) {
        assert_eq!(value(&self.session, "1 + 1").await, 2, "{at:?}");
        settled("it is idle", async || {
            let info = self.session.info().await.unwrap();
            let found = (info.state, info.queued);
            if found == (SessionState::Idle, 0) { Ok(()) } else { Err(format!("{at:?}: {found:?}")) }
        })
        .await;
    }

    /// Nothing is there but the session and the sandbox that there were, soon: no process, no directory, no record.
    async fn is_as_it_was(&self, at: GiveUp) {
        if let Some(files) = self.files {
            let listed = within(self.sandbox.files().list(".")).await.unwrap();
            let paths: Vec<_> = listed.iter().map(|file| file.path.as_str()).collect();
            assert_eq!(paths, files, "{at:?}");
        }
        settled("what was given up is ended", async || {
            let sessions = self.backend.sessions(&self.sandbox.id()).await.unwrap().len();
            let sandboxes = self.backend.list().await.unwrap().len();
            let found = (sandboxes, sessions);
            if found == (1, 1) { Ok(()) } else { Err(format!("{at:?}: {found:?} sandboxes, sessions")) }
        })
        .await;
        until("nothing is left of what was given up", || {
            let (processes, directories) = (self.scene.processes(), self.scene.sandbox_directories());
            let is_quiet = processes.len() == self.processes && directories.len() == 1;
            if is_quiet { Ok(()) } else { Err(format!("{at:?}: {processes:?}, {directories:?}")) }
        })
        .await;
        self.goes_on(at).await;
    }

    /// Closes everything; nothing is left.
    async fn close(self) {
        within(self.session.close()).await.unwrap();
        within(self.sandbox.close()).await.unwrap();
        drop(self.backend);
        self.scene.until_deserted().await;
        self.scene.until_tidy().await;
    }
}
