//! How a sandbox ends at the service: once, whoever asks for it, and until the service knows it no more.
//!
//! ```text
//!  stop, kill, drop ──▶ streams ended ──▶ DELETE (by name, whether or not its making was answered) ──▶ GET until it is gone ──▶ over
//! ```
//!
//! Where this program dies instead, nobody deletes: the service's own guards do (auto-stop, auto-delete, time to live).

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hibernaculum_engine::Fate;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::api::{Api, State};
use crate::tunnel::Road;

/// How long the service may take to forget a sandbox.
const FORGETTING: Duration = Duration::from_secs(30);
/// A sandbox whose making was not answered may appear for so long.
const UNBORN: Duration = Duration::from_mins(1);
/// How often the service has to say that it knows it no more.
const WORDS: u32 = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(30);
const LONG_PAUSE: Duration = Duration::from_secs(1);

/// The one ending of a sandbox. Dropping it begins it.
pub(crate) struct Ending {
    api: Api,
    /// The sandbox's name: known before its id is.
    name: String,
    /// Set once its making has been answered.
    is_born: OnceLock<()>,
    road: Mutex<Option<Arc<Road>>>,
    /// Everything that runs for it: pumps, the pulse.
    tasks: Mutex<Option<JoinSet<()>>>,
    over: watch::Sender<bool>,
    runtime: Handle,
    /// Why it was begun, where that is worth telling.
    reason: OnceLock<String>,
}

impl Ending {
    pub(crate) fn new(api: &Api, name: &str) -> Self {
        Self {
            api: api.clone(),
            name: name.to_owned(),
            is_born: OnceLock::new(),
            road: Mutex::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
            over: watch::Sender::new(false),
            runtime: Handle::current(),
            reason: OnceLock::new(),
        }
    }

    /// The service has answered that it is made.
    pub(crate) fn born(&self) {
        let _ = self.is_born.set(());
    }

    /// The streams that end with it, from now on.
    pub(crate) fn with_road(&self, road: &Arc<Road>) {
        *self.road.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(road));
    }

    /// Runs something for as long as the sandbox is there. False where it is not any more.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> bool {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tasks) = tasks.as_mut() else { return false };
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.runtime);
        true
    }

    /// Ends it for a reason.
    pub(crate) fn put_an_end(&self, reason: String) {
        let _ = self.reason.set(reason);
        self.begin();
    }

    /// Why it was ended, where there was a reason.
    pub(crate) fn reason(&self) -> Option<String> {
        self.reason.get().cloned()
    }

    /// Whether it has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Begins the ending, unless it has begun.
    pub(crate) fn begin(&self) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut tasks) = tasks else { return };
        if let Some(road) = &*self.road.lock().unwrap_or_else(PoisonError::into_inner) {
            road.end(Fate::Gone(self.reason().unwrap_or_else(|| "it was ended".to_owned())));
        }
        let (api, name, over) = (self.api.clone(), self.name.clone(), Over(self.over.clone()));
        let is_born = self.is_born.get().is_some();
        self.runtime.spawn(async move {
            // Whatever is among them ends with the road, or may be cut off anywhere.
            tasks.shutdown().await;
            destroy(&api, &name, is_born).await;
            drop(over);
        });
    }

    /// There will be no ending: it was never made, or it goes on without us. Streams say their last words.
    pub(crate) fn release(&self) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut tasks) = tasks {
            tasks.detach_all();
            self.over.send_replace(true);
        }
    }

    /// Waits until it is over.
    pub(crate) async fn over(&self) {
        // The sender is ours: it cannot be gone.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.begin();
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending")
            .field("name", &self.name)
            .field("over", &*self.over.borrow())
            .finish_non_exhaustive()
    }
}

/// Says that it is over, even where the runtime ended before: those who wait must not wait for ever.
struct Over(watch::Sender<bool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// Deletes a sandbox and waits until it is gone, for as long as that may take. That it is gone has to be said twice, and by the service itself.
async fn destroy(api: &Api, name: &str, is_born: bool) {
    let begun = Instant::now();
    let (mut is_seen, mut disowned, mut pause) = (is_born, 0, FIRST_PAUSE);
    loop {
        let patience = if is_seen { FORGETTING } else { UNBORN };
        match api.sandbox(name).await {
            Ok(sandbox) if sandbox.state == State::Destroyed => return,
            Ok(sandbox) => {
                (is_seen, disowned) = (true, 0);
                // One that is being destroyed needs no second word, and answers one with 409.
                if sandbox.state != State::Destroying
                    && let Err(error) = api.destroy(name).await
                {
                    tracing::debug!(name, %error, "the sandbox could not be deleted");
                }
            }
            Err(error) if error.is_disowned() && is_seen => {
                disowned += 1;
                if disowned == WORDS {
                    return;
                }
            }
            Err(error) => tracing::debug!(name, %error, "a sandbox that is to be deleted was not found"),
        }
        if begun.elapsed() >= patience {
            if is_seen {
                tracing::warn!(name, "the service still knows the sandbox; its guards will end it");
            }
            return;
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LONG_PAUSE);
    }
}
