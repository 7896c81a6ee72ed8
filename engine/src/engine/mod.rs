//! The contract over any provider: sandboxes by id, sessions by id.

mod adoption;
mod backend;
mod checkpoints;
mod files;
mod live;
mod portable;
mod recall;
mod sandbox;
mod snapshots;
mod unclaimed;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hibernaculum_core::{ConfigError, Error, Features, SandboxError, SandboxId, SessionError, SessionId};
use tokio::runtime::Handle;
use tokio::time::Instant;

use self::live::LiveCheckpoints;
use self::sandbox::Sandbox;
use crate::boot::Boot;
use crate::config::EngineConfig;
use crate::failure;
use crate::provider::Provider;
use crate::session::Port;

/// How many closed sessions are remembered as closed; those before are unknown.
const REMEMBERED: usize = 1024;

/// A [`hibernaculum_core::Backend`] made of a [`Provider`].
///
/// It is cheap to clone; the last clone that is dropped ends all sandboxes.
///
/// ```no_run
/// # fn example(provider: impl hibernaculum_engine::Provider) -> Result<(), hibernaculum_core::Error> {
/// use std::sync::Arc;
/// use hibernaculum_core::Backend;
/// use hibernaculum_engine::Engine;
///
/// let backend: Arc<dyn Backend> = Arc::new(Engine::new(provider)?);
/// # Ok(()) }
/// ```
pub struct Engine<P: Provider> {
    inner: Arc<Inner<P>>,
}

impl<P: Provider> fmt::Debug for Engine<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("backend", &self.inner.features.backend).finish_non_exhaustive()
    }
}

impl<P: Provider> Clone for Engine<P> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

struct Inner<P: Provider> {
    provider: P,
    features: Features,
    config: EngineConfig,
    /// Where tasks are spawned: kept, because a `Drop` may run outside of any runtime.
    runtime: Handle,
    registry: Mutex<Registry<P>>,
    /// Held by whoever adopts.
    adopting: tokio::sync::Mutex<()>,
    /// When the checkpoint store was last seen to.
    collecting: Arc<Mutex<Option<Instant>>>,
}

/// Everything by its id.
struct Registry<P: Provider> {
    sandboxes: HashMap<SandboxId, Arc<Sandbox<P>>>,
    sessions: HashMap<SessionId, (SandboxId, Arc<Port>)>,
    /// Sessions that were closed lately.
    closed: VecDeque<SessionId>,
    live: LiveCheckpoints,
}

impl<P: Provider> Default for Registry<P> {
    fn default() -> Self {
        Self {
            sandboxes: HashMap::new(),
            sessions: HashMap::new(),
            closed: VecDeque::new(),
            live: LiveCheckpoints::default(),
        }
    }
}

impl<P: Provider> Engine<P> {
    /// An engine with its own key. Its tasks run on the current tokio runtime, whose clock and I/O must be enabled.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] outside of a tokio runtime, [`Error::Transport`] where the operating system gives no random numbers.
    pub fn new(provider: P) -> Result<Self, Error> {
        Self::with_config(provider, EngineConfig::new().map_err(failure::handshake)?)
    }

    /// An engine that behaves as told. Its tasks run on the current tokio runtime, as those of [`Engine::new`] do.
    ///
    /// ```
    /// # async fn example(provider: impl hibernaculum_engine::Provider) -> Result<(), Box<dyn std::error::Error>> {
    /// use hibernaculum_engine::{Engine, EngineConfig, OwnerKey};
    ///
    /// let key = OwnerKey::kept_in("/var/lib/dens/key".as_ref())?;
    /// let engine = Engine::with_config(provider, EngineConfig::with_key(key))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] outside of a tokio runtime.
    pub fn with_config(provider: P, config: EngineConfig) -> Result<Self, Error> {
        let runtime = Handle::try_current().map_err(|_| ConfigError::Invalid {
            field: "runtime".to_owned(),
            value: "none".to_owned(),
            rule: "must be a tokio runtime: make backends inside of `#[tokio::main]` or `Runtime::block_on`"
                .to_owned(),
        })?;
        let features = portable::offered(provider.features(), &config);
        Ok(Self {
            inner: Arc::new(Inner {
                provider,
                features,
                config,
                runtime,
                registry: Mutex::default(),
                adopting: tokio::sync::Mutex::default(),
                collecting: Arc::default(),
            }),
        })
    }

    /// The provider.
    ///
    /// ```
    /// # fn example<P: hibernaculum_engine::Provider>(engine: &hibernaculum_engine::Engine<P>) {
    /// use hibernaculum_engine::Provider as _;
    ///
    /// println!("without the engine it offers {:?}", engine.provider().features());
    /// # }
    /// ```
    pub fn provider(&self) -> &P {
        &self.inner.provider
    }
}

impl<P: Provider> Inner<P> {
    /// Every change under the lock leaves the registry whole, so that a poisoned one is as good as any.
    fn registry(&self) -> MutexGuard<'_, Registry<P>> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a sandbox's runner has to know.
    fn boot(&self, id: SandboxId) -> Boot {
        Boot::new(id, self.config.owner_key.secret(id))
    }

    fn sandbox(&self, id: SandboxId) -> Result<Arc<Sandbox<P>>, Error> {
        let found = self.registry().sandboxes.get(&id).cloned();
        found.ok_or_else(|| SandboxError::Unknown { sandbox: id }.into())
    }

    fn port(&self, id: SessionId) -> Result<Arc<Port>, Error> {
        let registry = self.registry();
        match registry.sessions.get(&id) {
            Some((_, port)) => Ok(Arc::clone(port)),
            None if registry.closed.contains(&id) => Err(SessionError::Closed { session: id }.into()),
            None => Err(SessionError::Unknown { session: id }.into()),
        }
    }

    /// Whether a session of that id is there.
    fn is_open(&self, id: SessionId) -> bool {
        self.registry().sessions.contains_key(&id)
    }

    /// The sandbox that a session is in.
    fn home(&self, id: SessionId) -> Result<SandboxId, Error> {
        let registry = self.registry();
        registry
            .sessions
            .get(&id)
            .map(|(home, _)| *home)
            .ok_or_else(|| SessionError::Unknown { session: id }.into())
    }

    /// Takes a session out of the books.
    fn forget_session(&self, id: SessionId) -> Option<Arc<Port>> {
        let mut registry = self.registry();
        let (_, port) = registry.sessions.remove(&id)?;
        registry.note_closed(id);
        Some(port)
    }
}

impl<P: Provider> Registry<P> {
    fn note_closed(&mut self, id: SessionId) {
        self.closed.push_back(id);
        if self.closed.len() > REMEMBERED {
            self.closed.pop_front();
        }
    }

    /// The open sessions of a sandbox, the oldest first.
    fn sessions_of(&self, sandbox: SandboxId) -> Vec<Arc<Port>> {
        let of_it = self.sessions.values().filter(|(home, _)| *home == sandbox);
        let mut ports: Vec<_> = of_it.map(|(_, port)| Arc::clone(port)).collect();
        ports.sort_by_key(|port| port.id());
        ports
    }
}

impl<P: Provider> Drop for Inner<P> {
    fn drop(&mut self) {
        let registry = self.registry.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (_, sandbox) in registry.sandboxes.drain() {
            self.runtime.spawn(async move { sandbox.end().await });
        }
    }
}
