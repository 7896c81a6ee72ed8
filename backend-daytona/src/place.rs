//! One sandbox of the service.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hibernaculum_core::{Error, Limits, SandboxSpec, TransportError};
use hibernaculum_engine::{Boot, ByteStream, Fate, Place, Ready, Role};
use tokio::time::{Instant, timeout};

use crate::ending::Ending;
use crate::inquiry;
use crate::service::{Inside, Service};
use crate::tunnel::TunnelStream;

/// How long the news of an end may be held up for its cause: what is not known by then is lost for good, though one answer may be a gateway's.
const CAUSE: Duration = Duration::from_secs(5);
/// How often it is started again within how long: whoever stops it more often means it.
const REVIVALS: usize = 3;
const SPAN: Duration = Duration::from_mins(10);

/// One sandbox of the service.
///
/// Dropping it deletes the sandbox as soon as may be; [`Place::stop`] deletes it and waits.
///
/// ```no_run
/// # async fn example(provider: hibernaculum_backend_daytona::DaytonaProvider, boot: hibernaculum_engine::Boot) -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_core::SandboxSpec;
/// use hibernaculum_engine::{Place as _, Provider as _};
///
/// let place = provider.start(&SandboxSpec::default(), &boot).await?;
/// println!("the dashboard shows it as {}", place.id());
/// place.stop().await;
/// # Ok(()) }
/// ```
pub struct DaytonaPlace {
    pub(crate) ready: Ready,
    pub(crate) workdir: String,
    pub(crate) limits: Limits,
    pub(crate) inside: Mutex<Inside>,
    pub(crate) ending: Arc<Ending>,
    pub(crate) service: Arc<Service>,
    /// The service's own id of it.
    pub(crate) id: String,
    /// For how long no host need be there.
    pub(crate) window: Duration,
    /// When it was started again, lately.
    pub(crate) revivals: Mutex<VecDeque<Instant>>,
}

impl DaytonaPlace {
    /// The service's own id of the sandbox: what its dashboard shows.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn inside(&self) -> Inside {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it may be started again, and has been stopped by nobody who means it.
    fn may_revive(&self) -> bool {
        let mut revivals = self.revivals.lock().unwrap_or_else(PoisonError::into_inner);
        while revivals.front().is_some_and(|revival| revival.elapsed() > SPAN) {
            revivals.pop_front();
        }
        revivals.len() < REVIVALS
    }
}

impl Place for DaytonaPlace {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn workdir(&self) -> &str {
        &self.workdir
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    async fn connect(&self, role: Role) -> Result<Box<dyn ByteStream>, Error> {
        let broken = |problem: String| {
            let doing = format!("opening a stream through the tunnel: {problem}");
            Error::from(TransportError::Broken { doing, source: None })
        };
        let (stream, pump) = TunnelStream::begin(self.inside().road).await.map_err(broken)?;
        tracing::trace!(?role, sandbox = self.id, "a stream begins");
        if self.ending.spawn(pump) { Ok(Box::new(stream)) } else { Err(broken("it has ended".to_owned())) }
    }

    async fn fate(&self) -> Fate {
        if self.ending.has_begun() {
            return self.ending.reason().map_or(Fate::Unknown, Fate::Gone);
        }
        let Inside { road, process } = self.inside();
        let mut fate = road.fate();
        if fate == Fate::Unknown {
            let api = self.service.api.impatient();
            let inquiry = inquiry::until_known(&api, &self.id, &process);
            fate = tokio::select! {
                known = timeout(CAUSE, inquiry) => known.unwrap_or_default(),
                () = road.ended() => road.fate(),
            };
        }
        if let (Fate::Unknown, Some(problem)) = (&fate, road.given_up()) {
            fate = Fate::Gone(format!("{problem}; the service knows no reason"));
        }
        match fate {
            Fate::Stopped(why) if !self.may_revive() => {
                Fate::Gone(format!("{why}; it was started again {REVIVALS} times within {SPAN:?}"))
            }
            fate => fate,
        }
    }

    async fn revive(&self, spec: &SandboxSpec, boot: &Boot) -> Result<(), Error> {
        self.revivals.lock().unwrap_or_else(PoisonError::into_inner).push_back(Instant::now());
        // What still waits for the runner of before waits in vain.
        self.inside().road.end(Fate::Stopped("the sandbox was stopped".to_owned()));
        let service = &self.service;
        let met = service.enter_again(&self.id, spec, boot, self.window).await?;
        let way = (met.door, met.process);
        let inside = service.inside(boot.sandbox, &self.id, way, &self.ending, self.window)?;
        *self.inside.lock().unwrap_or_else(PoisonError::into_inner) = inside;
        Ok(())
    }

    async fn stop(&self) {
        self.ending.begin();
        self.ending.over().await;
    }

    async fn release(&self) {
        self.ending.release();
    }

    async fn kill(&self) {
        self.stop().await;
    }
}

impl Drop for DaytonaPlace {
    fn drop(&mut self) {
        self.ending.begin();
    }
}

impl std::fmt::Debug for DaytonaPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DaytonaPlace")
            .field("id", &self.id)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}
