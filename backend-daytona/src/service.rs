//! The service and how sandboxes are had there: what the provider and its places share.

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Error, Features, SandboxError, SandboxId, SandboxSpec};
use hibernaculum_engine::{Boot, Fate, OwnerKey};
use tokio::time::{sleep, timeout};

use crate::api::{Api, Sandbox};
use crate::birth;
use crate::ending::Ending;
use crate::entry::{Entry, Met, Process};
use crate::inquiry;
use crate::order::Wishes;
use crate::pulse::beat;
use crate::transport::Way;
use crate::trouble::not_started;
use crate::tunnel::{Inquiry, Road};

/// How often a sandbox is started again that is stopped while the runner is on its way in: whoever stops it more often means it.
const STOPS: u32 = 3;
/// How often the service is asked what became of a sandbox whose toolbox failed, and how long is waited in between.
const LOOKS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(300);

/// The service, and what is asked of it for every sandbox.
pub(crate) struct Service {
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

/// The way to a runner, for as long as it lives.
#[derive(Debug, Clone)]
pub(crate) struct Inside {
    pub(crate) road: Arc<Road>,
    pub(crate) process: Process,
}

/// What the service says of a sandbox on whose way in something failed. Where it was the toolbox that did, it may say so a moment later only.
async fn said_after(error: &Error, api: &Api, sandbox: &str) -> Fate {
    let mut looks = if error.code().starts_with("sandbox.service") { LOOKS } else { 1 };
    loop {
        let fate = inquiry::of_sandbox(&api.impatient(), sandbox).await;
        looks -= 1;
        if fate != Fate::Unknown || looks == 0 {
            return fate;
        }
        sleep(PAUSE).await;
    }
}

impl Service {
    /// Gets the runner into a sandbox that is started. One that is stopped meanwhile is started again; the caller bounds it in time.
    pub(crate) async fn enter(
        &self,
        mut sandbox: Sandbox,
        spec: &SandboxSpec,
        boot: &Boot,
        window: Duration,
    ) -> Result<Met, Error> {
        let (api, python, way) = (&self.api, self.python.as_str(), &self.way);
        let mut stops = 0;
        loop {
            let entry = Entry { api, sandbox: &sandbox, spec, boot, python, window, way };
            let error = match entry.enter().await {
                Ok(met) => return Ok(met),
                Err(error) => error,
            };
            // A toolbox that fails may be that of a sandbox which is not started any more: the sandbox itself says more.
            match said_after(&error, api, &sandbox.id).await {
                Fate::Stopped(why) if stops < STOPS => {
                    tracing::debug!(%error, why, sandbox = sandbox.id, "it was stopped on the runner's way in");
                    stops += 1;
                    sandbox = birth::again(api, &sandbox.id).await?;
                }
                Fate::Stopped(why) => {
                    return Err(not_started(format!("{why}; it was started again {STOPS} times")));
                }
                Fate::Gone(why) => return Err(not_started(why)),
                _ => return Err(error),
            }
        }
    }

    /// Starts a sandbox that is at rest, and gets the runner in again.
    pub(crate) async fn enter_again(
        &self,
        id: &str,
        spec: &SandboxSpec,
        boot: &Boot,
        window: Duration,
    ) -> Result<Met, Error> {
        let entering = async {
            let sandbox = birth::again(&self.api, id).await?;
            self.enter(sandbox, spec, boot, window).await
        };
        timeout(self.start_timeout, entering).await.unwrap_or_else(|_| Err(self.late(id)))
    }

    /// The error of a start that took too long.
    pub(crate) fn late(&self, name: &str) -> Error {
        let after_ms = u64::try_from(self.start_timeout.as_millis()).unwrap_or(u64::MAX);
        let stderr = format!("the sandbox `{name}` at the service was not ready");
        SandboxError::StartTimeout { after_ms, stderr }.into()
    }

    /// The way to a runner that was met. What keeps it runs until the sandbox ends, or the runner does.
    pub(crate) fn inside(
        &self,
        sandbox: SandboxId,
        id: &str,
        (door, process): (crate::tunnel::Door, Process),
        ending: &Ending,
        window: Duration,
    ) -> Result<Inside, Error> {
        let inquiry: Inquiry = {
            let (api, id, process) = (self.api.impatient(), id.to_owned(), process.clone());
            Box::new(move || {
                let (api, id, process) = (api.clone(), id.clone(), process.clone());
                Box::pin(async move { inquiry::of_runner(&api, &id, &process).await })
            })
        };
        let host = getrandom::u64().map_err(|error| not_started(format!("no random numbers: {error}")))?;
        let road = Road::new(format!("{host:016x}"), door, self.key.secret(sandbox), window, inquiry);
        let road = Arc::new(road);
        ending.with_road(&road);
        ending.spawn(beat(self.api.clone(), id.to_owned(), self.wishes.auto_stop, Arc::downgrade(&road)));
        Ok(Inside { road, process })
    }
}
