//! The scripted backend: an engine over scripted places, and the account that its script is held to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hibernaculum_core::{Backend, Error};
use hibernaculum_engine::Engine;

use crate::runner::ScriptedProvider;
use crate::script::{Ledger, Script};

/// How long what was dropped may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// A real [`Backend`] without Python: the engine, its actors, deadlines and codec, over a runner that plays a [`Script`].
///
/// It is strict. [`ScriptedBackend::verify`] fails the test where code came that the script has no rule for, where a rule was not met, where a function
/// of the script panicked, and where a sandbox is open still, with its sessions; a scripted backend that is dropped unverified fails the test as well.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_mock::{Script, when};
/// use hibernaculum_core::{Sandbox, SandboxSpec};
///
/// let mock = Script::in_order([
///     when("x = 41").binds("x", 41),
///     when("x + 1").value(42),
/// ]).backend()?;
///
/// let sandbox = Sandbox::create(&mock.backend(), SandboxSpec::default()).await?;
/// let session = sandbox.session().await?;
/// session.execute("x = 41").await?;
/// assert_eq!(session.namespace().get("x").await?, 41);
/// assert_eq!(session.execute("x + 1").await?.json(), Some(&42.into()));
/// sandbox.close().await?;
///
/// mock.verify().await;
/// # Ok(()) }
/// ```
#[must_use = "a script that nobody verifies proves nothing"]
pub struct ScriptedBackend {
    engine: Engine<ScriptedProvider>,
    account: Account,
}

impl ScriptedBackend {
    /// A backend that plays this script. Its tasks run on the current tokio runtime.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_mock::{Script, ScriptedBackend};
    ///
    /// let mock = ScriptedBackend::new(Script::default())?;
    /// assert_eq!(mock.backend().features().backend, "mock");
    /// mock.verify().await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`hibernaculum_core::ConfigError::Invalid`] outside of a tokio runtime.
    pub fn new(script: Script) -> Result<Self, Error> {
        Self::over(ScriptedProvider::new(script))
    }

    /// A backend over a provider that was made otherwise: with other features, say.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_mock::{Script, ScriptedBackend, ScriptedProvider};
    ///
    /// let old = ScriptedBackend::over(ScriptedProvider::new(Script::default()).python("3.8.20"))?;
    /// # old.verify().await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ScriptedBackend::new`].
    pub fn over(provider: ScriptedProvider) -> Result<Self, Error> {
        let account = Account::of(&provider);
        match Engine::new(provider) {
            Ok(engine) => Ok(Self { engine, account }),
            Err(error) => {
                account.waive();
                Err(error)
            }
        }
    }

    /// The backend, for the code under test. The test keeps this.
    pub fn backend(&self) -> Arc<dyn Backend> {
        Arc::new(self.engine.clone())
    }

    /// Asks for no verification: for a test in which the script is not what is tested.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_mock::{Script, when};
    ///
    /// let mock = Script::in_order([when("never")]).backend()?;
    /// mock.waive(); // without it the test would fail
    /// # Ok(()) }
    /// ```
    pub fn waive(self) {
        self.account.waive();
    }

    /// Holds the script against what came. Sandboxes whose handles were dropped have five seconds to end, by tokio's clock.
    ///
    /// # Panics
    ///
    /// Where they differ, with everything that does: it is for tests.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: nothing is verified when the future is dropped.
    pub async fn verify(self) {
        self.account.verify().await;
    }
}

impl fmt::Debug for ScriptedBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedBackend").finish_non_exhaustive()
    }
}

impl Script {
    /// A backend that plays this script: [`ScriptedBackend::new`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_mock::{Script, when};
    ///
    /// let mock = Script::in_order([when("6 * 7").value(42).optional()]).backend()?;
    /// mock.verify().await;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`hibernaculum_core::ConfigError::Invalid`] outside of a tokio runtime.
    pub fn backend(self) -> Result<ScriptedBackend, Error> {
        ScriptedBackend::new(self)
    }
}

/// What a script is held to, for those who put something between the scripted provider and the engine.
///
/// ```
/// use hibernaculum_backend_mock::{Account, Script, ScriptedProvider};
///
/// # async fn example() {
/// let provider = ScriptedProvider::new(Script::default());
/// let account = Account::of(&provider);
/// // … wrap the provider, make an engine of it, run the test …
/// account.verify().await;
/// # }
/// ```
#[must_use = "a script that nobody verifies proves nothing"]
pub struct Account {
    ledger: Arc<Ledger>,
    is_settled: AtomicBool,
}

impl Account {
    /// The account of this provider's script.
    pub fn of(provider: &ScriptedProvider) -> Self {
        Self { ledger: Arc::clone(provider.ledger()), is_settled: AtomicBool::new(false) }
    }

    /// As [`ScriptedBackend::verify`].
    ///
    /// # Panics
    ///
    /// Where script and calls differ.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: nothing is verified when the future is dropped.
    pub async fn verify(self) {
        self.waive();
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "the script was not kept to:\n\n{}\n", complaints.join("\n\n"));
    }

    /// What [`Account::verify`] would complain of, for a test of tests.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use hibernaculum_backend_mock::{Account, Script, ScriptedProvider, when};
    ///
    /// let account = Account::of(&ScriptedProvider::new(Script::in_order([when("never")])));
    /// assert_eq!(account.complaints().await.len(), 1);
    /// account.waive();
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    pub async fn complaints(&self) -> Vec<String> {
        // What runs still may be met, or unexpected, until its sandbox has ended.
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut pause = Duration::from_micros(50);
        while !self.ledger.open().is_empty() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        let mut complaints = self.ledger.unexpected();
        complaints.extend(self.ledger.unmet());
        complaints.extend(self.ledger.open());
        complaints
    }

    /// Asks for no verification: for a test in which the script is not what is tested.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Account, Script, ScriptedProvider, when};
    ///
    /// let account = Account::of(&ScriptedProvider::new(Script::in_order([when("never")])));
    /// account.waive(); // without it the test would fail
    /// ```
    pub fn waive(&self) {
        self.is_settled.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").finish_non_exhaustive()
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if self.is_settled.load(Ordering::Relaxed) || std::thread::panicking() {
            return;
        }
        let mut complaints = self.ledger.unexpected();
        complaints.extend(self.ledger.unmet());
        complaints.insert(
            0,
            "a scripted backend was dropped unverified: end the test with `mock.verify().await`".to_owned(),
        );
        #[expect(clippy::panic, reason = "a test that forgot to look must not pass")]
        {
            panic!("{}", complaints.join("\n\n"));
        }
    }
}
