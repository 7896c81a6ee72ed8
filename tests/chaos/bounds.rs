//! How long each call may take: what was asked, or what its documentation says where nothing was; what the ladder and a recovery may add
//! to it, each part with its name; and one allowance for a machine that has other work.
//!
//! ```text
//!  asked ─▶ + grace ─▶ + a guard, or a checkpoint, that has to come back ─▶ + the machine ─▶ a defect
//! ```

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hibernaculum::Timeout;
use tokio::time::Instant;

use crate::Tally;

/// What code is given between SIGINT and SIGKILL: asked of every session.
pub(crate) const GRACE: Duration = Duration::from_millis(500);
/// What a save is given.
pub(crate) const SAVE: Duration = Duration::from_secs(5);
/// Nobody who loads a portable checkpoint is stopped for longer: a load has ten minutes, and a stopped process uses all that it is given.
pub(crate) const STANDSTILL: Duration = Duration::from_secs(6);

/// How long a supervisor waits for a copy that is to wake, a stopped one: `frozen.py`.
const COPY_WAKES: Duration = Duration::from_secs(5);
/// How long it waits for a process that is to be ready: `nursery.py`.
const PROCESS_IS_READY: Duration = Duration::from_secs(20);
/// How long a host waits for a connection to a session: `EngineConfig::handshake_timeout`.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// How long a host waits for the end of a process that it had killed, before it gives the sandbox up.
const KILLED: Duration = Duration::from_secs(10);
/// How long a sandbox may take to start: `LocalBackendBuilder::start_timeout`.
const SANDBOX_STARTS: Duration = Duration::from_mins(1);

/// The one part that is no promise: other work on the machine, and a supervisor that stands still for less than a second. With two dozen programs
/// waiting for two cores half a second of it was needed in 5,000 operations.
const MACHINE: Duration = Duration::from_secs(5);

/// What there is to go back to, where the process dies: it may add to what a call takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WayBack {
    /// A guard stands, or may.
    pub(crate) guard: bool,
    /// The session goes back to checkpoints; so many of them are live, and may be stopped.
    pub(crate) live: Option<u32>,
}

impl WayBack {
    fn takes(self) -> Duration {
        let guard = if self.guard { COPY_WAKES } else { Duration::ZERO };
        // A load may stand still twice, since each checkpoint is tried twice.
        let checkpoints = self.live.map_or(Duration::ZERO, |live| COPY_WAKES * live + STANDSTILL * 2);
        // Who comes back to nothing is told when there is a fresh process.
        let fresh = if self.guard || self.live.is_some() { PROCESS_IS_READY } else { Duration::ZERO };
        guard + checkpoints + fresh
    }
}

/// How long one call may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    what: &'static str,
    promised: Duration,
}

impl Bound {
    fn new(what: &'static str, promised: Duration) -> Self {
        Self { what, promised }
    }

    /// Nobody has to be waited for.
    pub(crate) fn at_once(what: &'static str) -> Self {
        Self::new(what, Duration::ZERO)
    }

    /// Something that takes its turn in the session and has a deadline.
    pub(crate) fn timed(what: &'static str, timeout: Duration, way_back: WayBack) -> Self {
        Self::new(what, timeout + GRACE + way_back.takes())
    }

    /// The same where nothing was asked: the contract's default.
    pub(crate) fn by_default(what: &'static str, way_back: WayBack) -> Self {
        Self::timed(what, Timeout::DEFAULT, way_back)
    }

    /// A copy is woken within a request that has the default.
    pub(crate) fn live_restore(what: &'static str, way_back: WayBack) -> Self {
        Self::new(what, Timeout::DEFAULT + COPY_WAKES + way_back.takes())
    }

    /// A session's load of a portable checkpoint.
    pub(crate) fn load(what: &'static str, way_back: WayBack) -> Self {
        Self::new(what, STANDSTILL + way_back.takes())
    }

    pub(crate) fn open(what: &'static str) -> Self {
        Self::new(what, HANDSHAKE)
    }

    /// A session that is opened, and then loads.
    pub(crate) fn open_and_load(what: &'static str) -> Self {
        Self::new(what, HANDSHAKE + STANDSTILL)
    }

    pub(crate) fn hibernate(what: &'static str, way_back: WayBack) -> Self {
        Self::new(what, SAVE + GRACE + KILLED + way_back.takes())
    }

    pub(crate) fn close(what: &'static str) -> Self {
        Self::new(what, KILLED)
    }

    pub(crate) fn sandbox(what: &'static str) -> Self {
        Self::new(what, SANDBOX_STARTS)
    }
}

/// Of each kind of call, the one that took most of the machine's allowance: beyond its promise or, where that is negative, before its end.
static NEAREST: Mutex<BTreeMap<&'static str, (Duration, Duration)>> = Mutex::new(BTreeMap::new());

/// Waits for a call, for as long as it may take.
pub(crate) async fn in_time<F: Future>(bound: Bound, call: F) -> F::Output {
    let (Bound { what, promised }, began) = (bound, Instant::now());
    let Ok(output) = tokio::time::timeout(promised + MACHINE, call).await else {
        panic!("{what}: no answer in {promised:?}, and {MACHINE:?} more")
    };
    let took = began.elapsed();
    let mut nearest = NEAREST.lock().unwrap_or_else(PoisonError::into_inner);
    let known = nearest.entry(what).or_insert((took, promised));
    if took.saturating_sub(promised) > known.0.saturating_sub(known.1)
        || (took > known.0 && known.0 <= known.1 && took <= promised)
    {
        *known = (took, promised);
    }
    output
}

/// The longest calls, for whoever wants to know how much of the allowance was needed.
pub(crate) fn told() -> Tally {
    let nearest = NEAREST.lock().unwrap_or_else(PoisonError::into_inner);
    let line = |(what, (took, promised)): (&&str, &(Duration, Duration))| {
        (
            format!("{what}: ms, of {} promised", promised.as_millis()),
            u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        )
    };
    nearest.iter().map(line).collect()
}
