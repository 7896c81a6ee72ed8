//! The backend, ready to use.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Backend, CheckpointStore, ConfigError, Error, Retention, SandboxError};
use hibernaculum_engine::{Engine, EngineConfig};
use tokio::sync::OnceCell;

use crate::directory::StateDirectory;
use crate::features::features;
use crate::home::Home;
use crate::launch::failed;
use crate::provider::LocalProvider;
use crate::python::Search;
use crate::runner_files::RunnerFiles;

/// How long a sandbox may take to start, unless the builder says otherwise: preloading pandas from a cold disk takes its time.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// The longest that can be asked for.
const START_TIMEOUT_LIMIT: Duration = Duration::from_hours(1);

/// The local backend: sessions in subprocesses of this machine, isolation level `trusted`.
///
/// ```no_run
/// # async fn example() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_local::LocalBackend;
/// use hibernaculum_core::{Sandbox, SandboxSpec};
///
/// let backend = LocalBackend::builder().python("/usr/bin/python3").env_pass(["HTTPS_PROXY"]).build()?;
/// let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct LocalBackend;

impl LocalBackend {
    /// A builder; `build` validates. Nothing needs to be set.
    ///
    /// ```
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_local::LocalBackend;
    ///
    /// let backend = LocalBackend::builder().build()?;
    /// # Ok(()) }
    /// ```
    pub fn builder() -> LocalBackendBuilder {
        LocalBackendBuilder::default()
    }
}

/// Builds a local backend.
#[derive(Clone, Default)]
pub struct LocalBackendBuilder {
    python: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    start_timeout: Option<Duration>,
    env_pass: Vec<String>,
    engine: Option<EngineConfig>,
    checkpoint_store: Option<Arc<dyn CheckpointStore>>,
    retention: Option<Retention>,
}

impl LocalBackendBuilder {
    /// The Python to run: a path, or a name to look for along `PATH`. Unset: `HIBERNACULUM_PYTHON`, then an active virtual environment
    /// (`VIRTUAL_ENV`), then `python3` along `PATH`, then the newest `python3.N` there. It is looked for when the first sandbox is created.
    ///
    /// ```
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_local::LocalBackend;
    ///
    /// let backend = LocalBackend::builder().python("python3.13").build()?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn python(mut self, python: impl Into<PathBuf>) -> Self {
        self.python = Some(python.into());
        self
    }

    /// Where sandboxes have their directories: absolute, UTF-8, at most 83 bytes long (unix sockets lie below it), owned by this user and writable
    /// by nobody else; made where it is not there yet. Unset: `hibernaculum-<uid>` in the temporary directory.
    ///
    /// Working directories lie here unless a spec names one: it should have room for what sessions write.
    ///
    /// ```
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_local::LocalBackend;
    ///
    /// let backend = LocalBackend::builder().state_dir("/tmp/dens").build()?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn state_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(directory.into());
        self
    }

    /// How long a sandbox may take to start, its preloaded modules included: more than zero, at most an hour. Unset: 60 s.
    ///
    /// ```
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_local::LocalBackend;
    /// use std::time::Duration;
    ///
    /// let backend = LocalBackend::builder().start_timeout(Duration::from_secs(10)).build()?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = Some(limit);
        self
    }

    /// Adds variables of this program's environment that sandboxes see. Without it they see `HOME`, `LANG`, `LC_…`, `PATH`, `TMPDIR`, `TZ`,
    /// `VIRTUAL_ENV` and what their spec sets.
    ///
    /// ```
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_local::LocalBackend;
    ///
    /// let backend = LocalBackend::builder().env_pass(["HTTPS_PROXY"]).build()?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn env_pass<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.env_pass.extend(names.into_iter().map(Into::into));
        self
    }

    /// Where portable checkpoints and snapshots are kept. Unset: the directory `checkpoints` below the state directory, if this crate was built with its
    /// feature `checkpoints`; else there are none.
    ///
    /// ```
    /// # async fn example(store: std::sync::Arc<dyn hibernaculum_core::CheckpointStore>) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_local::LocalBackend;
    ///
    /// let backend = LocalBackend::builder().checkpoint_store(store).build()?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn checkpoint_store(mut self, store: Arc<dyn CheckpointStore>) -> Self {
        self.checkpoint_store = Some(store);
        self
    }

    /// What the checkpoint store keeps; it is seen to now and then, after a save. Unset: everything.
    ///
    /// ```
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_local::LocalBackend;
    /// use hibernaculum_core::Retention;
    ///
    /// let backend = LocalBackend::builder().retention(Retention::default().keep_last(5)).build()?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// How the engine behaves. Its checkpoint store, where it has one, is taken before that of this builder; the builder's retention before its own.
    /// Unset: its defaults, and a key that ends with this program.
    ///
    /// ```
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use hibernaculum_backend_local::LocalBackend;
    /// use hibernaculum_engine::EngineConfig;
    ///
    /// let config = EngineConfig::new()?.handshake_timeout(Duration::from_secs(60));
    /// let backend = LocalBackend::builder().engine(config).build()?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn engine(mut self, config: EngineConfig) -> Self {
        self.engine = Some(config);
        self
    }

    /// The directory in which the backend keeps portable checkpoints unless another store is named: for those who look after it while nothing
    /// runs. It is made as it is first used.
    ///
    /// ```
    /// use hibernaculum_backend_local::LocalBackend;
    ///
    /// # let scene = tempfile::tempdir().unwrap();
    /// let state = scene.path().join("state");
    /// let store = LocalBackend::builder().state_dir(&state).default_store_path()?;
    /// assert_eq!(store, state.join("checkpoints"));
    /// # Ok::<(), hibernaculum_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`LocalBackendBuilder::build`], where the state directory cannot be used.
    #[cfg(feature = "checkpoints")]
    pub fn default_store_path(&self) -> Result<PathBuf, Error> {
        Ok(store_below(&StateDirectory::open(self.state_dir.as_deref())?))
    }

    /// The backend. What hosts that died left in the state directory is removed in the background.
    ///
    /// Needs a tokio runtime, on which its tasks will run. Blocks for a few system calls; does not look for Python yet.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_local::LocalBackend;
    ///
    /// # let scene = tempfile::tempdir().unwrap();
    /// # let state = scene.path().join("dens");
    /// let backend = LocalBackend::builder().state_dir(state).build()?;
    /// assert_eq!(backend.features().backend, "local");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for a setting that breaks its rule, or outside of a tokio runtime; [`hibernaculum_core::SandboxError::Start`] where the state directory cannot be made.
    pub fn build(mut self) -> Result<Arc<dyn Backend>, Error> {
        let config = self.engine.take();
        let (store, retention) = (self.checkpoint_store.take(), self.retention.take());
        let state = StateDirectory::open(self.state_dir.as_deref())?;
        let provider = self.provider()?;
        let mut config = match config {
            Some(config) => config,
            None => EngineConfig::new().map_err(|error| SandboxError::Start {
                problem: "no key can be made".to_owned(),
                source: Some(error.into()),
            })?,
        };
        if config.checkpoint_store.is_none() {
            config.checkpoint_store = match store {
                Some(store) => Some(store),
                None => default_store(&state)?,
            };
        }
        config.retention = retention.unwrap_or(config.retention);
        Ok(Arc::new(Engine::with_config(provider, config)?))
    }

    /// The provider alone, for those who put an engine together themselves. The engine's settings are not used.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hibernaculum_core::Error> {
    /// use std::sync::Arc;
    /// use hibernaculum_backend_local::LocalBackend;
    /// use hibernaculum_core::Backend;
    /// use hibernaculum_engine::Engine;
    ///
    /// # let scene = tempfile::tempdir().unwrap();
    /// # let state = scene.path().join("dens");
    /// let provider = LocalBackend::builder().state_dir(state).provider()?;
    /// let backend: Arc<dyn Backend> = Arc::new(Engine::new(provider)?); // or with something of your own around the provider
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`LocalBackendBuilder::build`].
    pub fn provider(self) -> Result<LocalProvider, Error> {
        let start_timeout = self.start_timeout.unwrap_or(START_TIMEOUT);
        if start_timeout.is_zero() || start_timeout > START_TIMEOUT_LIMIT {
            return Err(invalid(
                "start_timeout",
                &format!("{start_timeout:?}"),
                "must be more than zero and at most an hour",
            ));
        }
        if let Some(name) = self.env_pass.iter().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Err(invalid("env_pass", name, "must hold names that are not empty, without `=` and NUL"));
        }
        if let Some(python) = self.python.as_deref().filter(|path| {
            let bytes = path.as_os_str().as_encoded_bytes();
            bytes.is_empty() || bytes.contains(&0)
        }) {
            return Err(invalid(
                "python",
                &python.to_string_lossy(),
                "must be a path or a name, without NUL",
            ));
        }
        let state = StateDirectory::open(self.state_dir.as_deref())?;
        let home = Home::new(&state).map_err(|error| failed("the state directory cannot be used", error))?;
        Ok(LocalProvider {
            search: Search::of_host(self.python),
            python: OnceCell::new(),
            runner: Arc::new(RunnerFiles::new(state)),
            home: Arc::new(home),
            start_timeout,
            env_pass: self.env_pass,
            features: features(),
        })
    }
}

#[cfg(feature = "checkpoints")]
fn default_store(state: &StateDirectory) -> Result<Option<Arc<dyn CheckpointStore>>, Error> {
    let store = hibernaculum_checkpoint_store::Store::directory(store_below(state))?;
    Ok(Some(Arc::new(store)))
}

#[cfg(feature = "checkpoints")]
fn store_below(state: &StateDirectory) -> PathBuf {
    state.path().join("checkpoints")
}

#[cfg(not(feature = "checkpoints"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
fn default_store(_: &StateDirectory) -> Result<Option<Arc<dyn CheckpointStore>>, Error> {
    Ok(None)
}

fn invalid(field: &str, value: &str, rule: &str) -> Error {
    let value = value.chars().take(80).flat_map(char::escape_debug).collect();
    ConfigError::Invalid { field: field.to_owned(), value, rule: rule.to_owned() }.into()
}

impl fmt::Debug for LocalBackendBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBackendBuilder")
            .field("python", &self.python)
            .field("state_dir", &self.state_dir)
            .field("start_timeout", &self.start_timeout)
            .field("env_pass", &self.env_pass)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_break_their_rules_are_refused_by_name() {
        let new = LocalBackend::builder;
        for (builder, field) in [
            (new().start_timeout(Duration::ZERO), "start_timeout"),
            (new().start_timeout(Duration::from_hours(2)), "start_timeout"),
            (new().env_pass(["A", "B=C"]), "env_pass"),
            (new().python(""), "python"),
            (new().state_dir("relative"), "state_dir"),
        ] {
            let error = builder.provider().unwrap_err();
            assert_eq!(error.code(), "config.invalid");
            assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
        }
    }
}
