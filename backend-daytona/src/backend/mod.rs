//! The backend, ready to use.

mod checks;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Backend, CheckpointStore, Error, NetworkPolicy, Retention};
use hibernaculum_engine::{Engine, EngineConfig};

use crate::api::Volume;
use crate::provider::DaytonaProvider;
use crate::transport::Transport;

/// The Daytona backend: each sandbox is one of a service that speaks Daytona's API.
///
/// ```no_run
/// # async fn example() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_daytona::DaytonaBackend;
/// use hibernaculum_core::{Sandbox, SandboxSpec};
///
/// // The key is in DAYTONA_API_KEY.
/// let backend = DaytonaBackend::builder().image("python:3.13-slim").build()?;
/// let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DaytonaBackend;

impl DaytonaBackend {
    /// A builder; `build` validates. Nothing but the key needs to be set, and that may be in the environment.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_daytona::DaytonaBackend;
    ///
    /// let backend = DaytonaBackend::builder().api_key("dtn_…").build()?;
    /// # Ok(()) }
    /// ```
    pub fn builder() -> DaytonaBackendBuilder {
        DaytonaBackendBuilder::default()
    }
}

/// Builds a Daytona backend.
///
/// ```
/// use std::time::Duration;
/// use hibernaculum_backend_daytona::{DaytonaBackend, Transport, Volume};
/// use hibernaculum_core::{NetworkPolicy, Retention};
/// use hibernaculum_engine::{EngineConfig, OwnerKey};
///
/// # fn example(store: std::sync::Arc<dyn hibernaculum_core::CheckpointStore>) -> Result<(), hibernaculum_core::Error> {
/// let minutes = |count: u64| Duration::from_secs(60 * count);
/// let builder = DaytonaBackend::builder()
///     // which service, and whose account
///     .api_url("http://daytona.example:3000/api")
///     .api_key("dtn_0123")
///     .organization("org-7")
///     .target("eu")
///     // what sandboxes are made of (or an `image`), have and reach
///     .snapshot("science")
///     .python("python3.13")
///     .volumes([Volume::new("vol-7", "/data")])
///     .network(NetworkPolicy::Full)
///     // what the service does with those that nobody uses
///     .auto_stop(minutes(30))
///     .auto_archive(minutes(120))
///     .auto_delete(minutes(240))
///     .ttl(minutes(24 * 60))
///     // how patient this program is
///     .transport(Transport::Proxy)
///     .start_timeout(minutes(10))
///     .retry_budget(minutes(1))
///     .window(minutes(15))
///     // what is kept, and with which key others adopt what lingers
///     .engine(EngineConfig::with_key(OwnerKey::of_secret(b"what hosts share")))
///     .checkpoint_store(store)
///     .retention(Retention::default().keep_last(5));
/// let backend = builder.build()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
#[must_use = "`build` makes the backend"]
pub struct DaytonaBackendBuilder {
    api_url: Option<String>,
    api_key: Option<String>,
    organization: Option<String>,
    target: Option<String>,
    snapshot: Option<String>,
    image: Option<String>,
    python: Option<String>,
    volumes: Vec<Volume>,
    network: Option<NetworkPolicy>,
    transport: Transport,
    auto_stop: Option<Duration>,
    auto_archive: Option<Duration>,
    auto_delete: Option<Duration>,
    ttl: Option<Duration>,
    window: Option<Duration>,
    start_timeout: Option<Duration>,
    retry_budget: Option<Duration>,
    engine: Option<EngineConfig>,
    checkpoint_store: Option<Arc<dyn CheckpointStore>>,
    retention: Option<Retention>,
}

/// Setters that keep one value.
macro_rules! setters {
    ($($(#[$meta:meta])* $name:ident: $type:ty => |$value:ident| $kept:expr;)*) => {$(
        $(#[$meta])*
        pub fn $name(mut self, $value: $type) -> Self {
            self.$name = $kept;
            self
        }
    )*};
}

impl DaytonaBackendBuilder {
    setters! {
        /// Where the API is: `https://app.daytona.io/api`, or `http://HOST:3000/api` of a service of your own. Unset: `DAYTONA_API_URL`, else the former.
        ///
        /// ```
        /// let builder = hibernaculum_backend_daytona::DaytonaBackend::builder().api_url("http://daytona.example:3000/api");
        /// ```
        api_url: impl Into<String> => |url| Some(url.into());

        /// The account's key. Unset: `DAYTONA_API_KEY`. It is shown nowhere.
        ///
        /// ```
        /// let builder = hibernaculum_backend_daytona::DaytonaBackend::builder().api_key("dtn_…");
        /// assert!(!format!("{builder:?}").contains("dtn_"));
        /// ```
        api_key: impl Into<String> => |key| Some(key.into());

        /// The organisation, where the key is a JWT that may be used for several. Unset: the key's own.
        organization: impl Into<String> => |id| Some(id.into());

        /// The region in which sandboxes are made. Unset: `DAYTONA_TARGET`, else the service's choice.
        target: impl Into<String> => |target| Some(target.into());

        /// The snapshot that sandboxes are made of. Its memory, cores and disk are its own: those limits are refused then. Unset, and no image either: the
        /// service's usual one.
        snapshot: impl Into<String> => |name| Some(name.into());

        /// The image that sandboxes are made of, from a registry; it needs CPython 3.8 or newer, and a shell. The service builds it at first use.
        ///
        /// ```
        /// let builder = hibernaculum_backend_daytona::DaytonaBackend::builder().image("python:3.13-slim");
        /// ```
        image: impl Into<String> => |image| Some(image.into());

        /// The Python in the sandbox: a path, or a name along its `PATH`. Unset: `python3`.
        python: impl Into<String> => |python| Some(python.into());

        /// Volumes of the service that every sandbox has. Unset: none.
        volumes: impl IntoIterator<Item = Volume> => |volumes| volumes.into_iter().collect();

        /// What a sandbox reaches whose spec does not say: `Loopback`, `Full` or an allow-list. Unset: `Loopback`, nothing beyond itself.
        network: NetworkPolicy => |policy| Some(policy);

        /// Which way byte streams take. Unset: found out by trying.
        transport: Transport => |transport| transport;

        /// After how long the service stops a sandbox that nobody uses any more: whole minutes, rounded up, at least one. As long as this program holds a
        /// sandbox it counts as used. Unset: 15 min.
        auto_stop: Duration => |time| Some(time);

        /// After how long at rest the service archives a sandbox: whole minutes, rounded up. Unset: the service's choice.
        auto_archive: Duration => |time| Some(time);

        /// After how long at rest the service deletes a sandbox: whole minutes, rounded up; zero deletes it as it stops. Unset: 1 h.
        auto_delete: Duration => |time| Some(time);

        /// How old a sandbox may become, whoever uses it: whole minutes, rounded up, at least one. Unset: 24 h.
        ttl: Duration => |time| Some(time);

        /// For how long code goes on, and streams are kept, while the network between here and the sandbox is down: at least a second. Unset: 5 min.
        window: Duration => |time| Some(time);

        /// How long a sandbox may take to start: more than zero, at most an hour. Unset: 5 min.
        start_timeout: Duration => |limit| Some(limit);

        /// For how long a request to the service may be tried again that can be; zero tries it once, and more than a day is a day. Unset: 30 s.
        retry_budget: Duration => |budget| Some(budget);

        /// How the engine behaves. Its checkpoint store, where it has one, is taken before that of this builder; the builder's retention before its own.
        /// Unset: its defaults, and a key that is made of the account's, so that the next program of this account can adopt what lingers.
        engine: EngineConfig => |config| Some(config);

        /// Where portable checkpoints and snapshots are kept. Unset: there are none.
        checkpoint_store: Arc<dyn CheckpointStore> => |store| Some(store);

        /// What the checkpoint store keeps; it is seen to now and then, after a save. Unset: everything.
        retention: Retention => |retention| Some(retention);
    }

    /// The backend. Nothing is asked of the service yet; its tasks run on the current tokio runtime.
    ///
    /// ```
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_daytona::DaytonaBackend;
    ///
    /// let backend = DaytonaBackend::builder().build()?; // the key is in DAYTONA_API_KEY
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`](hibernaculum_core::ConfigError::Invalid) for a setting that breaks its rule, for a key that is nowhere, or outside of a tokio runtime.
    pub fn build(mut self) -> Result<Arc<dyn Backend>, Error> {
        let config = self.engine.take();
        let (store, retention) = (self.checkpoint_store.take(), self.retention.take());
        let mut service = self.service()?;
        let mut config = config.unwrap_or_else(|| EngineConfig::with_key(service.key.clone()));
        service.key = config.owner_key.clone();
        config.checkpoint_store = config.checkpoint_store.or(store);
        config.retention = retention.unwrap_or(config.retention);
        let provider = DaytonaProvider { service: Arc::new(service) };
        Ok(Arc::new(Engine::with_config(provider, config)?))
    }

    /// The provider alone, for those who put an engine together themselves. Of the engine's settings it has to know the key, and uses nothing else; as it
    /// comes, the key is made of the service's.
    ///
    /// ```
    /// use hibernaculum_backend_daytona::DaytonaBackend;
    /// use hibernaculum_engine::{Engine, EngineConfig, OwnerKey};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), hibernaculum_core::Error> {
    /// let config = EngineConfig::with_key(OwnerKey::of_secret(b"what hosts share"));
    /// let builder = DaytonaBackend::builder().api_url("http://daytona.example:3000/api").api_key("dtn_0123");
    /// let provider = builder.engine(config.clone()).provider()?;
    /// assert_eq!(provider.service(), "http://daytona.example:3000/api");
    /// let engine = Engine::with_config(provider, config)?;
    /// # drop(engine);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`DaytonaBackendBuilder::build`].
    pub fn provider(mut self) -> Result<DaytonaProvider, Error> {
        let config = self.engine.take();
        let mut service = self.service()?;
        if let Some(config) = config {
            service.key = config.owner_key;
        }
        Ok(DaytonaProvider { service: Arc::new(service) })
    }
}

impl fmt::Debug for DaytonaBackendBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DaytonaBackendBuilder")
            .field("api_url", &self.api_url)
            .field("snapshot", &self.snapshot)
            .field("image", &self.image)
            .field("target", &self.target)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
