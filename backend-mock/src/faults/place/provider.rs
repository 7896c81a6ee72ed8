//! Places that go wrong.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hibernaculum_core::{Error, Features, Limits, SandboxFiles, SandboxId, SandboxSpec};
use hibernaculum_engine::{Boot, ByteStream, Fate, Place, Provider, Ready, Role};
use tokio::task::JoinSet;

use super::doom::Doom;
use super::lane::Lane;
use super::plan::{Direction, PlaceFault, PlaceFaults, Road};
use super::wire;
use crate::faults::Dice;
use crate::faults::when::Times;

/// How many bytes a connection holds that nobody has read yet, each way.
const BUFFER: usize = 64 << 10;

/// Wraps any [`Provider`], and lets its places go wrong by plan. An engine over it is a backend with a bad day.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hibernaculum_core::Error> {
/// use std::sync::Arc;
/// use hibernaculum_backend_mock::faults::{CrashBy, FaultyProvider, PlaceFault, PlaceFaults, When};
/// use hibernaculum_backend_mock::{Account, Script, ScriptedProvider, when};
/// use hibernaculum_core::{Backend, Sandbox, SandboxSpec, Status};
/// use hibernaculum_engine::Engine;
///
/// let scripted = ScriptedProvider::new(Script::in_order([when("x = 1"), when("x").value(1)]));
/// let account = Account::of(&scripted);
/// let faults = PlaceFaults::seeded(1).fault(PlaceFault::Crash { at: When::Nth(2), by: CrashBy::OutOfMemory });
/// let backend: Arc<dyn Backend> = Arc::new(Engine::new(FaultyProvider::new(scripted, faults)?)?);
///
/// let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
/// let session = sandbox.session().await?;
/// session.execute("x = 1").await?;
/// assert_eq!(session.execute("x").await?.status(), Status::Crashed);
/// assert_eq!(session.execute("x").await?.json(), Some(&1.into()));
/// sandbox.close().await?;
/// account.verify().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct FaultyProvider<P> {
    inner: P,
    plan: Arc<Plan>,
}

/// The faults of a provider, and how often each was asked.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) faults: Vec<Armed>,
    struck: Mutex<Vec<String>>,
}

/// One fault with its dice.
#[derive(Debug)]
pub(super) struct Armed {
    pub(super) fault: PlaceFault,
    pub(super) dice: Dice,
    pub(super) asked: Times,
}

impl Plan {
    pub(super) fn of(faults: PlaceFaults) -> Self {
        let seed = faults.seed();
        let faults = faults.faults.into_iter().enumerate().map(|(index, fault)| Armed {
            fault,
            dice: Dice::of(seed, index),
            asked: Times::default(),
        });
        Self { faults: faults.collect(), struck: Mutex::default() }
    }

    pub(super) fn struck(&self) -> Vec<String> {
        self.struck.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, what: String) {
        self.struck.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

impl<P: Provider> FaultyProvider<P> {
    /// Wraps a provider.
    ///
    /// # Errors
    ///
    /// [`hibernaculum_core::ConfigError::Invalid`] where a fault could never strike.
    pub fn new(inner: P, faults: PlaceFaults) -> Result<Self, Error> {
        faults.check()?;
        Ok(Self { inner, plan: Arc::new(Plan::of(faults)) })
    }

    /// The faults that have struck, in the order in which they did.
    ///
    /// ```
    /// use hibernaculum_backend_mock::faults::{FaultyProvider, PlaceFaults};
    /// use hibernaculum_backend_mock::{Script, ScriptedProvider};
    ///
    /// let provider = FaultyProvider::new(ScriptedProvider::new(Script::default()), PlaceFaults::seeded(1))?;
    /// assert!(provider.struck().is_empty()); // `engine.provider().struck()`, once an engine has it
    /// # Ok::<(), hibernaculum_core::Error>(())
    /// ```
    pub fn struck(&self) -> Vec<String> {
        self.plan.struck()
    }

    fn place(&self, inner: P::Place) -> FaultyPlace<P::Place> {
        FaultyPlace {
            inner,
            plan: Arc::clone(&self.plan),
            doom: Arc::new(Doom::new(Arc::clone(&self.plan))),
            tasks: Mutex::new(JoinSet::new()),
        }
    }
}

impl<P: Provider> Provider for FaultyProvider<P> {
    type Place = FaultyPlace<P::Place>;

    fn features(&self) -> Features {
        self.inner.features()
    }

    async fn start(&self, spec: &SandboxSpec, boot: &Boot) -> Result<Self::Place, Error> {
        // Each fault counts every start, and the first that refuses one is the last that strikes it.
        let (mut refused, mut slow) = (None, Duration::ZERO);
        for armed in &self.plan.faults {
            match &armed.fault {
                PlaceFault::RefuseStart { when, error } => {
                    let time = armed.asked.next();
                    if refused.is_none() && when.strikes(time, armed.dice) {
                        self.plan.note(format!("start #{time} refused: {}", error.code()));
                        refused = Some(error);
                    }
                }
                PlaceFault::SlowStart { when, by } => {
                    let time = armed.asked.next();
                    if refused.is_none() && when.strikes(time, armed.dice) {
                        self.plan.note(format!("start #{time} slow by {by:?}"));
                        slow += *by;
                    }
                }
                _ => {}
            }
        }
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
        if let Some(error) = refused {
            return Err(error.error()?);
        }
        Ok(self.place(self.inner.start(spec, boot).await?))
    }

    async fn adopt(&self, known: &[SandboxId]) -> Result<Vec<(SandboxId, Self::Place)>, Error> {
        let adopted = self.inner.adopt(known).await?;
        Ok(adopted.into_iter().map(|(id, place)| (id, self.place(place))).collect())
    }
}

/// One sandbox of a [`FaultyProvider`].
pub struct FaultyPlace<P> {
    inner: P,
    plan: Arc<Plan>,
    doom: Arc<Doom>,
    /// One for each connection. They end with it, or with the place.
    tasks: Mutex<JoinSet<()>>,
}

impl<P> fmt::Debug for FaultyPlace<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyPlace").finish_non_exhaustive()
    }
}

impl<P: Place> FaultyPlace<P> {
    /// What goes wrong with this connection, each way.
    fn lanes(&self, role: &Role) -> Result<[Lane; 2], Error> {
        let mut lanes = HashMap::from([(false, Vec::new()), (true, Vec::new())]);
        let mut refused = None;
        for (index, armed) in self.plan.faults.iter().enumerate() {
            match &armed.fault {
                PlaceFault::RefuseConnection { road, when, error } if road.is(role) => {
                    let time = armed.asked.next();
                    if refused.is_none() && when.strikes(time, armed.dice) {
                        self.plan.note(format!("connection #{time} refused: {}", error.code()));
                        refused = Some(error);
                    }
                }
                PlaceFault::Stream(fault) if fault.road.is(role) => {
                    let time = armed.asked.next();
                    if fault.connection.strikes(time, armed.dice) {
                        let to_host = fault.direction == Direction::ToHost;
                        // Each connection throws dice of its own.
                        let dice = Dice::of(armed.dice.below(time, usize::MAX) as u64, index);
                        lanes.entry(to_host).or_default().push((fault.clone(), dice));
                    }
                }
                _ => {}
            }
        }
        if let Some(error) = refused {
            return Err(error.error()?);
        }
        let mut lane =
            |to_host| Lane::new(lanes.remove(&to_host).unwrap_or_default(), Arc::clone(&self.plan));
        Ok([lane(false), lane(true)])
    }
}

impl Road {
    fn is(self, role: &Role) -> bool {
        match self {
            Self::Any => true,
            Self::Control => *role == Role::Control,
            Self::Session => matches!(role, Role::Session(_)),
            Self::Files => *role == Role::Files,
        }
    }
}

impl<P: Place> Place for FaultyPlace<P> {
    fn ready(&self) -> &Ready {
        self.inner.ready()
    }

    fn workdir(&self) -> &str {
        self.inner.workdir()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn connect(&self, role: Role) -> Result<Box<dyn ByteStream>, Error> {
        let lanes = self.lanes(&role)?;
        let far = self.inner.connect(role).await?;
        let (near, ours) = tokio::io::duplex(BUFFER);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(wire::carry(ours, far, lanes, role, Arc::clone(&self.doom)));
        Ok(Box::new(near))
    }

    async fn stop(&self) {
        self.inner.stop().await;
        self.end().await;
    }

    async fn kill(&self) {
        self.inner.kill().await;
        self.end().await;
    }

    async fn release(&self) {
        self.inner.release().await;
        self.end().await;
    }

    async fn fate(&self) -> Fate {
        self.inner.fate().await
    }

    async fn revive(&self, spec: &SandboxSpec, boot: &Boot) -> Result<(), Error> {
        self.inner.revive(spec, boot).await
    }

    fn files(&self) -> Option<&dyn SandboxFiles> {
        self.inner.files()
    }
}

impl<P> FaultyPlace<P> {
    async fn end(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}
