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
    let (every, touches) = rhythm(auto_stop);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await; // the first is at once
    for tick in 1_u64.. {
        ticks.tick().await;
        let Some(road) = road.upgrade() else { return };
        let is_due = touches.is_some_and(|touches| tick.is_multiple_of(touches));
        road.end(tell(&api, &sandbox, is_due, &road).await);
        if road.fate() != Fate::Unknown {
            return;
        }
    }
}

/// How often it is looked at, and with every how manieth look a sandbox that is stopped after so many minutes is said to be in use.
fn rhythm(auto_stop: u64) -> (Duration, Option<u64>) {
    let third = Duration::from_secs(auto_stop.saturating_mul(20));
    if third.is_zero() {
        return (LOOK, None);
    }
    let every = third.min(LOOK);
    (every, Some(third.as_secs() / every.as_secs()))
}

async fn tell(api: &Api, sandbox: &str, is_due: bool, road: &Arc<Road>) -> Fate {
    if road.fate() != Fate::Unknown {
        return Fate::Unknown;
    }
    if is_due && let Err(error) = api.touch(sandbox).await {
        tracing::debug!(%error, sandbox, "the service did not hear that a sandbox is in use");
    }
    inquiry::of_sandbox(&api.impatient(), sandbox).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_at_each_minute_and_said_to_be_in_use_three_times_in_each_interval() {
        let seconds = Duration::from_secs;
        assert_eq!(rhythm(0), (LOOK, None), "it is never stopped");
        assert_eq!(rhythm(1), (seconds(20), Some(1)));
        assert_eq!(rhythm(2), (seconds(40), Some(1)));
        assert_eq!(rhythm(5), (LOOK, Some(1)));
        assert_eq!(rhythm(15), (LOOK, Some(5)));
        assert_eq!(rhythm(60), (LOOK, Some(20)));
    }
}
