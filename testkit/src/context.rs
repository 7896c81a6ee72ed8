//! What a case has in its hands: a backend, and sandboxes and sessions that are looked after.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Backend, Feature, Features, Sandbox, SandboxSpec, Session, SessionSpec};
use tokio::sync::OnceCell;

use crate::expect::Expect;
use crate::failure::Failure;
use crate::scale::{Noise, Setting};
use crate::transcript::note;
use crate::watch::Watch;

/// The label by which a case's sandboxes are told from those of others.
pub(crate) const LABEL: &str = "hibernaculum.case";

/// How long things that happen by themselves (the end of what a handle dropped) may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a case gets.
pub struct Context {
    backend: Arc<dyn Backend>,
    name: String,
    setting: Setting,
    sandbox: OnceCell<Sandbox>,
}

impl Context {
    pub(crate) fn new(backend: Arc<dyn Backend>, name: String, setting: Setting) -> Self {
        Self { backend, name, setting, sandbox: OnceCell::new() }
    }

    /// The backend that is held to the promise.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// What it says that it can do.
    pub fn features(&self) -> &Features {
        self.backend.features()
    }

    /// The spec to begin with: every default, the case's label, and the subject's variables.
    pub fn spec(&self) -> SandboxSpec {
        let mut spec = SandboxSpec::default();
        spec.labels.insert(LABEL.to_owned(), self.name.clone());
        spec.env.clone_from(&self.setting.variables);
        spec
    }

    /// The case's own sandbox, made when it is first asked for, and closed when the case is done.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where it cannot be made.
    pub async fn sandbox(&self) -> Result<&Sandbox, Failure> {
        self.sandbox.get_or_try_init(|| self.new_sandbox(self.spec())).await
    }

    /// One more sandbox.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where it cannot be made.
    pub async fn new_sandbox(&self, spec: SandboxSpec) -> Result<Sandbox, Failure> {
        note(|| "create a sandbox".to_owned());
        Ok(Sandbox::create(&self.backend, spec).await?)
    }

    /// A session in the case's own sandbox.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where it cannot be opened.
    pub async fn session(&self) -> Result<Session, Failure> {
        self.session_with(SessionSpec::default()).await
    }

    /// A session in the case's own sandbox.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where it cannot be opened.
    pub async fn session_with(&self, spec: SessionSpec) -> Result<Session, Failure> {
        let sandbox = self.sandbox().await?;
        note(|| "open a session".to_owned());
        Ok(sandbox.session_with(spec).await?)
    }

    /// Whether what passes is recorded, or was recorded and is played: then the case does at a definite point what it otherwise leaves to chance, and moves
    /// fewer bytes. Every other backend gets the whole of it.
    pub fn is_recorded(&self) -> bool {
        self.setting.is_recorded
    }

    /// How often to try what is a race: not at all where that is recorded, for no two runs of it are the same.
    pub fn races(&self, rounds: u64) -> u64 {
        if self.is_recorded() { 0 } else { rounds }
    }

    /// So many bytes that no compression makes fewer; where what passes is recorded, of a pattern that a cassette can fold, and 9 MB at most.
    pub fn noise(&self, bytes: u64) -> Noise {
        Noise::of(bytes, self.is_recorded())
    }

    /// Whether the backend offers a feature.
    pub fn offers(&self, feature: Feature) -> bool {
        self.features().supports(feature)
    }

    /// The case makes sense only where the sandbox's Python has this module.
    ///
    /// # Errors
    ///
    /// [`Failure::Lacks`] where it has not.
    pub async fn needs_module(&self, session: &Session, module: &str) -> Result<(), Failure> {
        let found =
            session.run(format!("import importlib.util; importlib.util.find_spec({module:?}) is not None"));
        if found.await?.expect_completed()?.value().is_some_and(|value| value.repr == "True") {
            return Ok(());
        }
        Err(Failure::lacks(module, "the sandbox's Python does not have it"))
    }

    /// The case makes sense only from this Python 3 on.
    ///
    /// # Errors
    ///
    /// [`Failure::Lacks`] where it is older.
    pub async fn needs_python(&self, session: &Session, minor: u32) -> Result<(), Failure> {
        let found = session.run("import sys; sys.version_info[1]").await?;
        let found = found.json().and_then(serde_json::Value::as_u64).unwrap_or_default();
        if found >= u64::from(minor) {
            return Ok(());
        }
        Err(Failure::lacks(format!("python3.{minor}"), format!("the sandbox has Python 3.{found}")))
    }

    /// Ends what the case made, and tells what it left behind. To be called when the case has dropped all its handles.
    pub(crate) async fn finish(mut self) -> Result<(), Failure> {
        if let Some(sandbox) = self.sandbox.take() {
            let id = sandbox.id();
            let backend = &self.backend;
            // A case may have destroyed its own sandbox: then there is nothing to look into.
            eventually("every session that was dropped is closed", || async {
                let open = backend.sessions(&id).await.unwrap_or_default();
                if open.is_empty() { Ok(()) } else { Err(format!("{} are open: {:?}", open.len(), open)) }
            })
            .await?;
            sandbox.close().await?;
        }
        eventually("every sandbox that was dropped has ended", || async {
            let mut left = self.backend.list().await.map_err(|error| error.to_string())?;
            left.retain(|sandbox| sandbox.labels.get(LABEL) == Some(&self.name));
            if left.is_empty() { Ok(()) } else { Err(format!("{} are left: {left:?}", left.len())) }
        })
        .await
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Waits until something is so that comes about by itself, and that nothing tells of: asks again and again, for at most ten seconds.
///
/// # Errors
///
/// A [`Failure`] with the last answer where it is still not so.
pub async fn eventually<F>(what: &str, mut ask: impl FnMut() -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), String>>,
{
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    loop {
        let Err(answer) = ask().await else { return Ok(()) };
        if tokio::time::Instant::now() > deadline {
            return Err(Failure::expected(format!("within {PATIENCE:?}, {what}"), answer));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
