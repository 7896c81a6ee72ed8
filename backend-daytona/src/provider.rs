//! How sandboxes are started at the service.
//!
//! ```text
//!  the order (or a refusal) ─▶ birth: made, and started ─▶ entry: the runner is in, and met ─▶ DaytonaPlace
//!        └─ whatever fails, or is given up, from here on: Ending deletes the sandbox
//! ```

use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use hibernaculum_core::{Error, Features, HostLoss, SandboxId, SandboxSpec};
use hibernaculum_engine::{Boot, Provider};
use tokio::time::timeout;

use crate::api::Sandbox;
use crate::birth;
use crate::ending::Ending;
use crate::entry::Met;
use crate::labels;
use crate::order::name;
use crate::place::DaytonaPlace;
use crate::service::Service;
use crate::transport::Transport;
use crate::trouble::trouble;

/// How long the deletion of a sandbox that could not be started is waited for before the error is told.
const CLEARING: Duration = Duration::from_secs(10);

/// Starts sandboxes at a Daytona service: what [`crate::DaytonaBackend`] gives to the engine. For those who put an engine together themselves.
///
/// ```no_run
/// # async fn example() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_daytona::{DaytonaBackend, DaytonaProvider};
/// use hibernaculum_core::SandboxId;
///
/// let provider = DaytonaBackend::builder().provider()?;
/// provider.check().await?; // the service is there, and knows the key
/// println!("{} is reached by {:?}", provider.service(), provider.transport());
/// println!("its list would have {}", DaytonaProvider::name_of(SandboxId::new()));
/// # Ok(()) }
/// ```
pub struct DaytonaProvider {
    pub(crate) service: Arc<Service>,
}

impl fmt::Debug for DaytonaProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DaytonaProvider")
            .field("service", &self.service.api.base())
            .field("origin", &self.service.wishes.origin)
            .field("transport", &self.service.way.get())
            .finish_non_exhaustive()
    }
}

impl Provider for DaytonaProvider {
    type Place = DaytonaPlace;

    fn features(&self) -> Features {
        self.service.features.clone()
    }

    async fn start(&self, spec: &SandboxSpec, boot: &Boot) -> Result<DaytonaPlace, Error> {
        let service = &self.service;
        let network = spec.network.as_ref().unwrap_or(&service.features.default_network);
        let order = service.wishes.order(boot.sandbox, spec, network)?;
        let ending = Ending::new(&service.api, &order.name);
        let window = match spec.on_host_loss {
            Some(HostLoss::Linger(time)) => time,
            _ => service.window,
        };
        let start = async {
            let sandbox = birth::make(&service.api, &order, boot.sandbox, &ending).await?;
            Ok((service.enter(sandbox.clone(), spec, boot, window).await?, sandbox))
        };
        let started = timeout(service.start_timeout, start).await;
        let (met, told) = match started.unwrap_or_else(|_| Err(service.late(&order.name))) {
            Ok(started) => started,
            Err(error) => {
                ending.begin();
                let _ = timeout(CLEARING, ending.over()).await;
                return Err(error);
            }
        };
        self.place(boot.sandbox, told, met, ending, window, spec.limits.wall_time)
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
        told: Sandbox,
        met: Met,
        ending: Ending,
        window: Duration,
        wall_time: Option<Duration>,
    ) -> Result<DaytonaPlace, Error> {
        let Met { ready, workdir, door, process } = met;
        let (limits, id) = (told.limits(), told.id);
        let inside = self.service.inside(sandbox, &id, (door, process), &ending, window)?;
        let ending = Arc::new(ending);
        if let Some(time) = wall_time {
            ending.spawn(wind(Arc::downgrade(&ending), time));
        }
        let (service, inside) = (Arc::clone(&self.service), Mutex::new(inside));
        Ok(DaytonaPlace {
            ready,
            workdir,
            limits,
            inside,
            ending,
            service,
            id,
            window,
            revivals: Mutex::default(),
        })
    }

    /// Which way streams to its sandboxes take; `Auto` until the first one has told.
    pub fn transport(&self) -> Transport {
        self.service.way.get()
    }

    /// The address of the service.
    pub fn service(&self) -> &str {
        self.service.api.base()
    }

    /// Asks whether the service is there, and takes the key. Nothing is changed.
    ///
    /// # Errors
    ///
    /// [`hibernaculum_core::SandboxError::Service`], `ServiceRefused` or `ServiceBusy`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed when the future is dropped.
    pub async fn check(&self) -> Result<(), Error> {
        let nothing = labels::search(SandboxId::new());
        let listed = self.service.api.impatient().list(&nothing).await;
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
