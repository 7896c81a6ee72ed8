//! How sandboxes are started at the service.
//!
//! ```text
//!  the order (or a refusal) ─▶ birth: made, and started ─▶ entry: the runner is in, and met ─▶ DaytonaPlace
//!        └─ whatever fails, or is given up, from here on: Ending deletes the sandbox
//! ```

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hibernaculum_core::{Error, Features, HostLoss, SandboxError, SandboxId, SandboxSpec};
use hibernaculum_engine::{Boot, OwnerKey, Provider};
use tokio::time::timeout;

use crate::api::Api;
use crate::birth;
use crate::ending::Ending;
use crate::entry::{Entry, Met, inquire};
use crate::labels;
use crate::order::{Wishes, name};
use crate::place::DaytonaPlace;
use crate::pulse::beat;
use crate::transport::{Transport, Way};
use crate::trouble::{not_started, trouble};
use crate::tunnel::{Inquiry, Road};

/// How long the deletion of a sandbox that could not be started is waited for before the error is told.
const CLEARING: Duration = Duration::from_secs(10);

/// Starts sandboxes at a Daytona service: what [`crate::DaytonaBackend`] gives to the engine. For those who put an engine together themselves.
pub struct DaytonaProvider {
    pub(crate) api: Api,
    pub(crate) wishes: Wishes,
    pub(crate) way: Way,
    pub(crate) python: String,
    pub(crate) start_timeout: Duration,
    pub(crate) window: Duration,
    pub(crate) features: Features,
    /// Of what the sandboxes' secrets are made.
    pub(crate) key: OwnerKey,
}

impl fmt::Debug for DaytonaProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DaytonaProvider")
            .field("service", &self.api.base())
            .field("origin", &self.wishes.origin)
            .field("transport", &self.way.get())
            .finish_non_exhaustive()
    }
}

impl Provider for DaytonaProvider {
    type Place = DaytonaPlace;

    fn features(&self) -> Features {
        self.features.clone()
    }

    async fn start(&self, spec: &SandboxSpec, boot: &Boot) -> Result<DaytonaPlace, Error> {
        let network = spec.network.as_ref().unwrap_or(&self.features.default_network);
        let order = self.wishes.order(boot.sandbox, spec, network)?;
        let ending = Ending::new(&self.api, &order.name);
        let window = match spec.on_host_loss {
            Some(HostLoss::Linger(time)) => time,
            _ => self.window,
        };
        let late = |_| {
            let after_ms = u64::try_from(self.start_timeout.as_millis()).unwrap_or(u64::MAX);
            let stderr = format!("the sandbox `{}` at the service was not ready", order.name);
            Error::from(SandboxError::StartTimeout { after_ms, stderr })
        };
        let start = async {
            let sandbox = birth::make(&self.api, &order, boot.sandbox).await?;
            ending.born();
            let entry = Entry {
                api: &self.api,
                sandbox: &sandbox,
                spec,
                boot,
                python: &self.python,
                window,
                way: &self.way,
            };
            Ok((entry.enter().await?, sandbox.id.clone()))
        };
        let (met, id) = match timeout(self.start_timeout, start).await.map_err(late).flatten() {
            Ok(started) => started,
            Err(error) => {
                ending.begin();
                let _ = timeout(CLEARING, ending.over()).await;
                return Err(error);
            }
        };
        self.place(boot.sandbox, id, met, ending, window, spec.limits.wall_time)
    }

    async fn adopt(&self, known: &[SandboxId]) -> Result<Vec<(SandboxId, DaytonaPlace)>, Error> {
        self.lingering(known).await
    }
}

impl DaytonaProvider {
    /// The place of a sandbox whose runner was met.
    pub(crate) fn place(
        &self,
        sandbox: SandboxId,
        id: String,
        met: Met,
        ending: Ending,
        window: Duration,
        wall_time: Option<Duration>,
    ) -> Result<DaytonaPlace, Error> {
        let inquiry: Inquiry = {
            let (api, id, process) = (self.api.impatient(), id.clone(), met.process.clone());
            Box::new(move || {
                let (api, id, process) = (api.clone(), id.clone(), process.clone());
                Box::pin(async move { inquire(&api, &id, &process).await })
            })
        };
        let ending = Arc::new(ending);
        let host = getrandom::u64().map_err(|error| not_started(format!("no random numbers: {error}")))?;
        let road = Road::new(format!("{host:016x}"), met.door, self.key.secret(sandbox), window, inquiry);
        let road = Arc::new(road);
        ending.with_road(&road);
        ending.spawn(beat(self.api.clone(), id.clone(), self.wishes.auto_stop, Arc::downgrade(&road)));
        if let Some(time) = wall_time {
            ending.spawn(wind(Arc::downgrade(&ending), time));
        }
        let (ready, workdir, process) = (met.ready, met.workdir, met.process);
        Ok(DaytonaPlace { ready, workdir, road, ending, api: self.api.impatient(), id, process })
    }

    /// Which way streams to its sandboxes take; `Auto` until the first one has told.
    pub fn transport(&self) -> Transport {
        self.way.get()
    }

    /// The address of the service.
    pub fn service(&self) -> &str {
        self.api.base()
    }

    /// Asks whether the service is there, and takes the key. Nothing is changed.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Service`], [`SandboxError::ServiceRefused`] or [`SandboxError::ServiceBusy`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed when the future is dropped.
    pub async fn check(&self) -> Result<(), Error> {
        let nothing = labels::search(SandboxId::new());
        let listed = self.api.impatient().list(&nothing).await;
        listed.map(drop).map_err(|error| trouble("asking for a list of sandboxes", error))
    }

    /// The name that a sandbox has at the service.
    pub fn name_of(sandbox: SandboxId) -> String {
        name(sandbox)
    }
}

/// Ends a sandbox when its time is over.
async fn wind(ending: Weak<Ending>, time: Duration) {
    tokio::time::sleep(time).await;
    if let Some(ending) = ending.upgrade() {
        ending.put_an_end(format!("its wall time of {time:?} is over"));
    }
}
