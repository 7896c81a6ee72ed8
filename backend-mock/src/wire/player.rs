//! Playing: a provider whose places say what a real runner said.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hibernaculum_core::{Error, Features, SandboxError, SandboxSpec, TransportError};
use hibernaculum_engine::{Boot, ByteStream, Place, Provider, Ready, Role};
use serde_json::Value;
use tokio::task::JoinSet;

use super::director::{Director, Stage};
use super::entry::{Start, What, WireCassette};
use crate::ids::Bindings;
use crate::runner::greeting::listen;

/// How many bytes a connection holds that nobody has read yet, each way.
const BUFFER: usize = 64 << 10;

/// A [`Provider`] whose places say what is on a cassette. [`WireRecorder`](super::WireRecorder) has an example with an engine.
///
/// ```
/// # fn example(text: &str) -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_mock::wire::{WireCassette, WirePlayer};
/// use hibernaculum_engine::Engine;
///
/// let player = WirePlayer::new(WireCassette::read(text)?);
/// let account = player.account();
/// let engine = Engine::new(player)?;
/// // … the test …
/// account.verify();
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct WirePlayer {
    cassette: WireCassette,
    sandboxes: AtomicU32,
    shared: Shared,
}

/// What the sandboxes of one cassette share.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    pub(super) bindings: Arc<Mutex<Bindings>>,
    stages: Arc<Mutex<Vec<Arc<Stage>>>>,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Shared {
    pub(super) fn complain(&self, complaint: String) {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).push(complaint);
    }

    /// A recorded text with the ids of now.
    pub(super) fn revived(&self, text: &str) -> String {
        let mut value = Value::String(text.to_owned());
        self.bindings.lock().unwrap_or_else(PoisonError::into_inner).revive(&mut value);
        value.as_str().unwrap_or_default().to_owned()
    }
}

impl WirePlayer {
    /// Plays a cassette.
    pub fn new(cassette: WireCassette) -> Self {
        Self { cassette, sandboxes: AtomicU32::new(0), shared: Shared::default() }
    }

    /// What it is held to.
    pub fn account(&self) -> WireAccount {
        WireAccount { shared: self.shared.clone() }
    }
}

impl Provider for WirePlayer {
    type Place = WirePlace;

    fn features(&self) -> Features {
        self.cassette.features.clone()
    }

    async fn start(&self, _: &SandboxSpec, boot: &Boot) -> Result<WirePlace, Error> {
        let number = self.sandboxes.fetch_add(1, Ordering::Relaxed) + 1;
        let entries = self.cassette.entries.iter().filter(|entry| entry.sandbox == number);
        let start = entries.clone().find_map(|entry| match &entry.what {
            What::Start(start) => Some(start.clone()),
            _ => None,
        });
        let Some(start) = start else {
            // One that was given up before it had started is not on the cassette, and does not start here either.
            return std::future::pending().await;
        };
        let told = |text: &str| Value::String(text.to_owned());
        let is_bound = {
            let mut bindings = self.shared.bindings.lock().unwrap_or_else(PoisonError::into_inner);
            bindings.unify(&told(&start.sandbox), &told(&boot.sandbox.to_string()))
        };
        if !is_bound {
            self.shared.complain(format!(
                "sandbox #{number} is {} on the cassette, which stands for another",
                start.sandbox
            ));
        }
        if let Some(fails) = start.fails {
            let problem = fails.what.clone();
            return Err(Error::told(&fails).unwrap_or(SandboxError::Start { problem, source: None }.into()));
        }
        let Start { pid, python, executable, implementation, workdir, .. } = *start;
        let mut ready = Ready::default();
        (ready.pid, ready.python, ready.executable, ready.implementation) =
            (pid, python, executable, implementation);
        let stage = Arc::new(Stage::default());
        self.shared.stages.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&stage));
        let entries = entries.cloned().collect();
        let director = Director::new(entries, Arc::clone(&stage), self.shared.clone(), boot.secret.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(director.run());
        let workdir = self.shared.revived(&workdir);
        Ok(WirePlace { ready, workdir, stage, secret: boot.secret.clone(), tasks: Mutex::new(Some(tasks)) })
    }
}

/// One sandbox of a [`WirePlayer`].
pub struct WirePlace {
    ready: Ready,
    workdir: String,
    stage: Arc<Stage>,
    secret: hibernaculum_engine::wire::Secret,
    /// The director, and those who answer the door; `None` once it has ended.
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl fmt::Debug for WirePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WirePlace").field("workdir", &self.workdir).finish_non_exhaustive()
    }
}

impl Place for WirePlace {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn workdir(&self) -> &str {
        &self.workdir
    }

    async fn connect(&self, _: Role) -> Result<Box<dyn ByteStream>, Error> {
        let (near, far) = tokio::io::duplex(BUFFER);
        let (stage, secret) = (Arc::clone(&self.stage), self.secret.clone());
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tasks) = tasks.as_mut() else {
            let doing = "connecting to a recorded sandbox that has ended".to_owned();
            return Err(TransportError::Broken { doing, source: None }.into());
        };
        tasks.spawn(async move {
            if let Some(caller) = listen(far, &secret).await {
                stage.came(caller);
            }
        });
        Ok(Box::new(near))
    }

    async fn stop(&self) {
        self.kill().await;
    }

    async fn kill(&self) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
    }
}

/// What a cassette is held to: that the engine says what it said when it was recorded.
///
/// ```
/// # fn example(player: &hibernaculum_backend_mock::wire::WirePlayer) {
/// let account = player.account();
/// println!("{} complaints until now", account.complaints().len());
/// account.verify();
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a cassette that nobody verifies proves nothing"]
pub struct WireAccount {
    shared: Shared,
}

impl WireAccount {
    /// What was said that is not on the cassette, and what was waited for to the end.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = self.shared.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stages = self.shared.stages.lock().unwrap_or_else(PoisonError::into_inner).clone();
        complaints.extend(stages.iter().flat_map(|stage| stage.complaints()));
        complaints
    }

    /// Fails the test where there is something to complain of.
    ///
    /// # Panics
    ///
    /// There, with all of it: it is for tests.
    pub fn verify(self) {
        let complaints = self.complaints();
        assert!(
            complaints.is_empty(),
            "the engine did not say what it said before:\n\n{}\n",
            complaints.join("\n\n")
        );
    }
}
