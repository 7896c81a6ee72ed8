//! The backend, ready to use.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Backend, CheckpointStore, ConfigError, Error, Retention};
use hibernaculum_engine::{Engine, EngineConfig};
use tokio::sync::OnceCell;

use crate::cpuset;
use crate::daemon::Daemon;
use crate::endpoint::Endpoint;
use crate::fates::Fates;
use crate::features::features;
use crate::hardening::Hardening;
use crate::image;
use crate::provider::DockerProvider;
use crate::reap;
use crate::state::State;
use crate::transport::{Transport, Way};

/// How long a sandbox may take to start, unless the builder says otherwise: preloading pandas from a cold disk takes its time.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// The longest that can be asked for.
const START_TIMEOUT_LIMIT: Duration = Duration::from_hours(1);
/// After how long a container is left over if nobody can tell whether its host lives, unless the builder says otherwise.
const TTL: Duration = Duration::from_hours(24);

/// The Docker backend: each sandbox is a hardened container.
///
/// ```no_run
/// # async fn example() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_docker::DockerBackend;
/// use hibernaculum_core::{Sandbox, SandboxSpec};
///
/// let backend = DockerBackend::builder().image("python:3.13-slim").build().await?;
/// let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DockerBackend;

impl DockerBackend {
    /// A builder; `build` validates, and looks for the engine and the image. Nothing needs to be set.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_docker::DockerBackend;
    ///
    /// let backend = DockerBackend::builder().build().await?;
    /// # Ok(()) }
    /// ```
    pub fn builder() -> DockerBackendBuilder {
        DockerBackendBuilder::default()
    }
}

/// Builds a Docker backend.
///
/// ```no_run
/// # async fn example() -> Result<(), hibernaculum_core::Error> {
/// use std::time::Duration;
/// use hibernaculum_backend_docker::{DockerBackend, Transport};
///
/// let backend = DockerBackend::builder()
///     .host("unix:///run/user/1000/docker.sock")
///     .image("python:3.13-slim")
///     .transport(Transport::Socket)
///     .start_timeout(Duration::from_secs(120))
///     .build()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct DockerBackendBuilder {
    host: Option<String>,
    image: Option<String>,
    transport: Transport,
    hardening: Hardening,
    cpuset: Option<String>,
    state_dir: Option<PathBuf>,
    start_timeout: Option<Duration>,
    ttl: Option<Duration>,
    engine: Option<EngineConfig>,
    checkpoint_store: Option<Arc<dyn CheckpointStore>>,
    retention: Option<Retention>,
}

impl DockerBackendBuilder {
    /// Where the engine listens: `unix://PATH` or `tcp://HOST:PORT`. Unset: as `docker` finds it: `DOCKER_HOST`, the context in use, the usual sockets.
    /// `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` hold for a TCP address.
    ///
    /// ```
    /// let builder = hibernaculum_backend_docker::DockerBackend::builder().host("unix:///run/user/1000/docker.sock");
    /// ```
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Which engine it would use.
    ///
    /// ```
    /// use hibernaculum_backend_docker::{DockerBackend, Endpoint};
    ///
    /// let builder = DockerBackend::builder().host("tcp://192.0.2.1:2375");
    /// assert!(!matches!(builder.endpoint()?, Endpoint::Unix(_)));
    /// # Ok::<(), hibernaculum_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`hibernaculum_core::SandboxError::Engine`] where there is none to be found.
    pub fn endpoint(&self) -> Result<Endpoint, Error> {
        Endpoint::find(self.host.as_deref())
    }

    /// The image that sandboxes are made of; the engine must have it. All it needs is CPython 3.8 or newer as `python3`. Unset: `HIBERNACULUM_IMAGE`, else
    /// the one that `hib image build` made last.
    ///
    /// ```
    /// let builder = hibernaculum_backend_docker::DockerBackend::builder().image("python:3.13-slim");
    /// ```
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// Which way byte streams take. Unset: found out by trying. [`Transport::Socket`] is refused where this program is not root and code runs as another user.
    ///
    /// ```
    /// use hibernaculum_backend_docker::{DockerBackend, Transport};
    ///
    /// let builder = DockerBackend::builder().transport(Transport::Exec);
    /// ```
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// How containers are closed off. Unset: as far as may be.
    ///
    /// ```
    /// use hibernaculum_backend_docker::{DockerBackend, Hardening};
    ///
    /// let loose = Hardening { writable_root: true, ..Hardening::default() };
    /// let builder = DockerBackend::builder().hardening(loose);
    /// ```
    #[must_use]
    pub fn hardening(mut self, hardening: Hardening) -> Self {
        self.hardening = hardening;
        self
    }

    /// On which of the engine's processors sandboxes run: numbers and ranges of them. Unset: on all. A limit of `cpus` is a share of those.
    ///
    /// ```
    /// // Away from what else this machine has to do.
    /// let builder = hibernaculum_backend_docker::DockerBackend::builder().cpuset("2-3");
    /// ```
    #[must_use]
    pub fn cpuset(mut self, list: impl Into<String>) -> Self {
        self.cpuset = Some(list.into());
        self
    }

    /// Where the directories of sockets lie: absolute, UTF-8, at most 64 bytes long, this user's and writable by nobody else; made where it is not there
    /// yet. Unset: `hibernaculum-docker-<uid>` in the temporary directory.
    ///
    /// ```
    /// let builder = hibernaculum_backend_docker::DockerBackend::builder().state_dir("/tmp/dens");
    /// ```
    #[must_use]
    pub fn state_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(directory.into());
        self
    }

    /// How long a sandbox may take to start, its preloaded modules included: more than zero, at most an hour. Unset: 60 s. The first sandbox of an image may
    /// take as long again, while the runner is put into its volume.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let builder = hibernaculum_backend_docker::DockerBackend::builder().start_timeout(Duration::from_secs(20));
    /// ```
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = Some(limit);
        self
    }

    /// After how long a container is taken for left over where nobody can tell whether the program that made it lives: whole seconds. Unset: 24 h.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let builder = hibernaculum_backend_docker::DockerBackend::builder().ttl(Duration::from_secs(3600));
    /// ```
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Where portable checkpoints and snapshots are kept. Unset: there are none.
    ///
    /// ```
    /// # fn example(store: std::sync::Arc<dyn hibernaculum_core::CheckpointStore>) {
    /// let builder = hibernaculum_backend_docker::DockerBackend::builder().checkpoint_store(store);
    /// # }
    /// ```
    #[must_use]
    pub fn checkpoint_store(mut self, store: Arc<dyn CheckpointStore>) -> Self {
        self.checkpoint_store = Some(store);
        self
    }

    /// What the checkpoint store keeps; it is seen to now and then, after a save. Unset: everything.
    ///
    /// ```
    /// use hibernaculum_core::Retention;
    ///
    /// let builder = hibernaculum_backend_docker::DockerBackend::builder().retention(Retention::default().keep_last(5));
    /// ```
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// How the engine behaves. Its checkpoint store, where it has one, is taken before that of this builder; the builder's retention before its own.
    /// Unset: its defaults, and the key that is kept in the state directory, so that the next program of this user can adopt what lingers.
    ///
    /// ```
    /// use hibernaculum_backend_docker::DockerBackend;
    /// use hibernaculum_engine::{EngineConfig, OwnerKey};
    ///
    /// // The programs of several users, or machines, adopt each other's sandboxes where they have the same key.
    /// let config = EngineConfig::with_key(OwnerKey::of_secret(b"what they share"));
    /// let builder = DockerBackend::builder().engine(config);
    /// ```
    #[must_use]
    pub fn engine(mut self, config: EngineConfig) -> Self {
        self.engine = Some(config);
        self
    }

    /// The backend.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_docker::DockerBackend;
    ///
    /// match DockerBackend::builder().image("python:3.13-slim").build().await {
    ///     Ok(backend) => println!("{} is ready", backend.features().backend),
    ///     Err(error) if error.code() == "sandbox.no_image" => println!("pull it first: {}", error.explain().how),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for a setting that breaks its rule; [`hibernaculum_core::SandboxError::Engine`] where no engine can be used, [`hibernaculum_core::SandboxError::NoImage`] where it
    /// does not have the image; [`hibernaculum_core::SandboxError::Start`] where the state directory cannot be made.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped.
    pub async fn build(self) -> Result<Arc<dyn Backend>, Error> {
        Ok(self.build_engine().await?)
    }

    /// The same, as the engine that it is: for those who ask its provider something, such as the way that streams take.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_docker::DockerBackend;
    ///
    /// let engine = DockerBackend::builder().build_engine().await?;
    /// println!("sandboxes are made of {}", engine.provider().image());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`DockerBackendBuilder::build`].
    ///
    /// # Cancel safety
    ///
    /// As [`DockerBackendBuilder::build`].
    pub async fn build_engine(mut self) -> Result<Arc<Engine<DockerProvider>>, Error> {
        let config = self.engine.take();
        let (store, retention) = (self.checkpoint_store.take(), self.retention.take());
        let provider = self.provider().await?;
        let mut config = match config {
            Some(config) => config,
            None => EngineConfig::with_key(provider.state.key()?),
        };
        config.checkpoint_store = config.checkpoint_store.or(store);
        config.retention = retention.unwrap_or(config.retention);
        Ok(Arc::new(Engine::with_config(provider, config)?))
    }

    /// The provider alone, for those who put an engine together themselves. The engine's settings are not used.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_docker::DockerBackend;
    /// use hibernaculum_engine::Engine;
    ///
    /// let provider = DockerBackend::builder().provider().await?;
    /// println!("sandboxes are made of {}", provider.image());
    /// let engine = Engine::new(provider)?; // or with something of your own around the provider
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`DockerBackendBuilder::build`].
    ///
    /// # Cancel safety
    ///
    /// As [`DockerBackendBuilder::build`].
    pub async fn provider(self) -> Result<DockerProvider, Error> {
        let start_timeout = self.start_timeout.unwrap_or(START_TIMEOUT);
        if start_timeout.is_zero() || start_timeout > START_TIMEOUT_LIMIT {
            return Err(ConfigError::Invalid {
                field: "start_timeout".to_owned(),
                value: format!("{start_timeout:?}"),
                rule: "must be more than zero and at most an hour".to_owned(),
            }
            .into());
        }
        let (user, me) = (self.hardening.user()?, rustix::process::geteuid().as_raw());
        self.transport.reaching(user, me, false)?;
        let daemon = Daemon::connect(self.host.as_deref()).await?;
        let cpuset = cpuset::admit(self.cpuset, &daemon)?;
        let image = image::choose(&daemon.docker, self.image.as_deref()).await?;
        let transport = self.transport.reaching(user, me, daemon.maps_users)?;
        let state = State::open(self.state_dir.as_deref(), &daemon.id)?;
        Ok(DockerProvider {
            image,
            way: Way::of(transport),
            user,
            hardening: self.hardening,
            cpuset,
            start_timeout,
            ttl: self.ttl.unwrap_or(TTL),
            features: features(&daemon.unlimited),
            reaper: reap::watch(daemon.remover.clone(), Arc::downgrade(&state)),
            fates: Arc::new(Fates::listen(daemon.docker.clone())),
            runner: OnceCell::new(),
            daemon,
            state,
        })
    }
}

impl fmt::Debug for DockerBackendBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerBackendBuilder")
            .field("host", &self.host)
            .field("image", &self.image)
            .field("transport", &self.transport)
            .field("hardening", &self.hardening)
            .field("cpuset", &self.cpuset)
            .field("state_dir", &self.state_dir)
            .field("start_timeout", &self.start_timeout)
            .finish_non_exhaustive()
    }
}
