//! What keeps a sandbox awake that is in use, and notices one that is not awake any more.
//!
//! The service stops a sandbox that nobody uses, and what runs inside does not count as use. So as long as this program holds one it says so, three times
//! in each interval. When this program is gone nobody says so, and auto-stop is the guard against leaks that it is meant to be.

use std::sync::{Arc, Weak};
use std::time::Duration;

use hibernaculum_engine::Fate;
use tokio::time::{MissedTickBehavior, interval};

use crate::api::Api;
use crate::inquiry;
use crate::tunnel::Road;

/// How often the sandbox's state is looked at, at least: a stream that breaks tells sooner.
const LOOK: Duration = Duration::from_mins(1);

/// Runs as long as the road does.
pub(crate) async fn beat(api: Api, sandbox: String, auto_stop: u64, road: Weak<Road>) {
    let third = Duration::from_secs(auto_stop.saturating_mul(20));
    let mut ticks = interval(if third.is_zero() { LOOK } else { third.min(LOOK) });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await; // the first is at once
    loop {
        ticks.tick().await;
        let Some(road) = road.upgrade() else { return };
        road.end(tell(&api, &sandbox, auto_stop, &road).await);
        if road.fate() != Fate::Unknown {
            return;
        }
    }
}

async fn tell(api: &Api, sandbox: &str, auto_stop: u64, road: &Arc<Road>) -> Fate {
    if road.fate() != Fate::Unknown {
        return Fate::Unknown;
    }
    if auto_stop > 0
        && let Err(error) = api.touch(sandbox).await
    {
        tracing::debug!(%error, sandbox, "the service did not hear that a sandbox is in use");
    }
    inquiry::of_sandbox(&api.impatient(), sandbox).await
}
