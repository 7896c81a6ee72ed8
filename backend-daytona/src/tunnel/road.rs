//! The way to one sandbox's tunnel, for all its streams: how a link is had again after a break.
//!
//! ```text
//!  reach ─▶ knock ──┬─ let in ──────────────────────────▶ a link (and whoever waits knocks at once)
//!           ^       ├─ the tunnel refuses ──────────────▶ the stream is over
//!           │       └─ nobody there ─▶ wait ─┬─ patience is over ──▶ the stream is over
//!           └────────────────────────────────┤
//!                  now and then: what does the service say of the sandbox? ─ it is at rest, or gone ─▶ every stream is over
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hibernaculum_engine::Fate;
use hibernaculum_engine::wire::Secret;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep};

use super::door::{Door, Knock};
use super::hello::{Ask, Greeting};
use super::link::Link;

/// How many knock at the same time: a sandbox may have hundreds of streams, and all of them break at once.
const AT_ONCE: usize = 8;
/// How long is waited between two knocks: a break of a moment costs a moment, a long one few requests.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const USUAL_PAUSE: Duration = Duration::from_millis(150);
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// From when on a break is a long one.
const LONG_BREAK: Duration = Duration::from_secs(30);
/// After how many failures the service is asked about the sandbox, and how often at most.
const FAILURES: u32 = 4;
const INQUIRY: Duration = Duration::from_secs(1);

/// Asks the service why a sandbox might not answer; unknown where it should.
pub(crate) type Inquiry = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Fate> + Send>> + Send + Sync>;

/// The way to one sandbox's tunnel.
pub(crate) struct Road {
    /// Whose streams they are: what their ids begin with.
    host: String,
    door: Door,
    secret: Secret,
    patience: Duration,
    inquiry: Inquiry,
    next_inquiry: Mutex<Instant>,
    turns: Semaphore,
    back: Notify,
    ended: watch::Sender<Fate>,
    /// Why a stream was given up, the first of them.
    given_up: OnceLock<String>,
}

impl Road {
    /// `patience` is how long a break may last.
    pub(crate) fn new(
        host: String,
        door: Door,
        secret: Secret,
        patience: Duration,
        inquiry: Inquiry,
    ) -> Self {
        Self {
            host,
            door,
            secret,
            patience,
            inquiry,
            next_inquiry: Mutex::new(Instant::now()),
            turns: Semaphore::new(AT_ONCE),
            back: Notify::new(),
            ended: watch::Sender::new(Fate::Unknown),
            given_up: OnceLock::new(),
        }
    }

    /// Whose streams they are.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// How long a break may last.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Ends every stream, where what became of the sandbox is known. The first word counts.
    pub(crate) fn end(&self, fate: Fate) {
        self.ended.send_if_modified(|told| {
            let is_first = *told == Fate::Unknown && fate != Fate::Unknown;
            if is_first {
                *told = fate;
            }
            is_first
        });
    }

    /// A stream was given up, and why.
    pub(crate) fn give_up(&self, problem: String) {
        let _ = self.given_up.set(problem);
    }

    /// Why a stream was given up, where one was.
    pub(crate) fn given_up(&self) -> Option<&str> {
        self.given_up.get().map(String::as_str)
    }

    /// What ended it; unknown, where it has not ended.
    pub(crate) fn fate(&self) -> Fate {
        self.ended.borrow().clone()
    }

    /// Waits until it ends.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as `self`.
        let _ = ended.wait_for(|fate| *fate != Fate::Unknown).await;
    }

    /// A link, however often it takes within `patience`; why there is none, otherwise. `failures` counts those that have just been.
    pub(crate) async fn reach(
        &self,
        ask: Ask<'_>,
        patience: Duration,
        mut failures: u32,
    ) -> Result<(Link, Greeting), String> {
        let begun = Instant::now();
        loop {
            if failures > 0 {
                tokio::select! {
                    () = sleep(pause(failures, begun.elapsed())) => {}
                    () = self.back.notified() => {}
                    () = self.ended() => {}
                }
            }
            if let Some(why) = self.fate().why() {
                return Err(why.to_owned());
            }
            let knocked = match self.turns.acquire().await {
                Ok(_turn) => self.door.knock(&self.secret, ask).await,
                Err(closed) => return Err(closed.to_string()),
            };
            let problem = match knocked {
                Ok(let_in) => {
                    self.back.notify_waiters();
                    return Ok(let_in);
                }
                Err(refused @ Knock::Refused(_)) => return Err(refused.to_string()),
                Err(problem) => problem,
            };
            failures += 1;
            tracing::debug!(%problem, failures, "the tunnel was not reached");
            if begun.elapsed() >= patience {
                return Err(format!("not reached within {patience:?}; the last time {problem}"));
            }
            if failures.is_multiple_of(FAILURES) && self.may_inquire() {
                self.end((self.inquiry)().await);
            }
        }
    }

    /// One asks for all.
    fn may_inquire(&self) -> bool {
        let mut next = self.next_inquiry.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_due = now >= *next;
        if is_due {
            *next = now + INQUIRY;
        }
        is_due
    }
}

fn pause(failures: u32, outage: Duration) -> Duration {
    if outage >= LONG_BREAK {
        return LONG_PAUSE;
    }
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(4)).min(USUAL_PAUSE)
}

impl fmt::Debug for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Road").field("door", &self.door).field("ended", &self.fate()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_break_is_met_with_short_pauses() {
        let outage = Duration::from_secs(1);
        assert_eq!(pause(1, outage), FIRST_PAUSE);
        assert!((1..100).all(|failures| pause(failures, outage) <= USUAL_PAUSE));
        assert_eq!(pause(100, LONG_BREAK), LONG_PAUSE);
    }
}
