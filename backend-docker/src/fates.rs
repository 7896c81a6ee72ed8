//! What befalls containers: the engine tells, and one task hears it for all of a backend's.
//!
//! ```text
//!  engine ──events of our containers: oom, die──▶ Fates ──▶ why a sandbox is gone
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt as _;
use hibernaculum_engine::Tail;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::owner;

/// How long the news of an end may take after the end itself.
const NEWS: Duration = Duration::from_millis(400);
/// How long a process that failed may take until its last words are here.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(500);
/// How many of the last lines tell why it ended.
const LAST_LINES: usize = 8;
/// How long is waited before an engine that said no more is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// How near to each other, in the engine's nanoseconds, a want of memory and an end are cause and effect. A session that the kernel killed is no end.
const AT_ONCE: i64 = 2_000_000_000;

/// What is known of a container's end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// When the kernel killed in it last for want of memory, by the engine's clock.
    oom: Option<i64>,
    /// The status with which its first process ended, and when.
    end: Option<(i64, i64)>,
}

/// Why a container has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) why: String,
    /// Nobody killed it: its first process may have said something.
    pub(crate) by_itself: bool,
}

impl Fate {
    fn told(&self) -> Option<Told> {
        let (exit, at) = self.end?;
        let is_for_memory = self.oom.is_some_and(|oom| at.abs_diff(oom) <= AT_ONCE.unsigned_abs());
        let (why, by_itself) = match exit {
            // Whatever it ended with: what is left ends in order where the supervisor was killed.
            _ if is_for_memory => ("memory ran out in its container".to_owned(), false),
            0 => ("its container ended".to_owned(), true),
            137 => ("its container was killed".to_owned(), false),
            code => (format!("its container ended with status {code}"), true),
        };
        Some(Told { why, by_itself })
    }
}

/// What a sandbox's first process says on its stderr, for when it has ended.
#[derive(Debug, Clone)]
pub(crate) struct LastWords {
    tail: Tail,
    /// Ends when all of it is there.
    heard: watch::Receiver<()>,
}

impl LastWords {
    /// What goes into that tail, until the sender is dropped.
    pub(crate) fn of(tail: Tail) -> (Self, watch::Sender<()>) {
        let (sender, heard) = watch::channel(());
        (Self { tail, heard }, sender)
    }

    /// Its last lines.
    pub(crate) async fn lines(&self) -> String {
        // What it said last is on its way still.
        let _ = timeout(LAST_WORDS, self.heard.clone().changed()).await;
        let shown = self.tail.shown();
        let lines: Vec<&str> = shown.lines().collect();
        lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n")
    }
}

/// What is kept of a container while anybody needs it.
#[derive(Debug, Default)]
struct Kept {
    fate: Fate,
    /// How many places are of it: one that is just being made may be met by who adopts what lingers.
    places: usize,
}

/// The fates of a backend's containers.
#[derive(Debug)]
pub(crate) struct Fates {
    known: Arc<Known>,
    listener: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Known {
    by_name: Mutex<HashMap<String, Kept>>,
    changed: watch::Sender<u64>,
}

impl Fates {
    /// Listens from now on. Needs a runtime.
    pub(crate) fn listen(docker: Docker) -> Self {
        let known = Arc::new(Known::default());
        let heard = Arc::clone(&known);
        let listener = tokio::spawn(async move {
            loop {
                let label = format!("{}={}", owner::OWNER, owner::user());
                let filters = HashMap::from([
                    ("type".to_owned(), vec!["container".to_owned()]),
                    ("event".to_owned(), vec!["oom".to_owned(), "die".to_owned()]),
                    ("label".to_owned(), vec![label]),
                ]);
                let mut events =
                    docker.events(Some(EventsOptionsBuilder::default().filters(&filters).build()));
                while let Some(Ok(event)) = events.next().await {
                    heard.hear(&event);
                }
                sleep(AGAIN).await;
            }
        });
        Self { known, listener }
    }

    /// From now on that container's fate is kept, until it is forgotten as often.
    pub(crate) fn enlist(&self, container: &str) {
        self.known.lock().entry(container.to_owned()).or_default().places += 1;
    }

    pub(crate) fn forget(&self, container: &str) {
        let mut known = self.known.lock();
        if let Some(kept) = known.get_mut(container) {
            kept.places -= 1;
            if kept.places == 0 {
                known.remove(container);
            }
        }
    }

    /// Why that container has ended; nothing where no news of it comes in time.
    pub(crate) async fn of(&self, container: &str) -> Option<Told> {
        let mut changed = self.known.changed.subscribe();
        let told =
            changed.wait_for(|_| self.known.lock().get(container).is_none_or(|kept| kept.fate.end.is_some()));
        let _ = timeout(NEWS, told).await;
        self.known.lock().get(container).and_then(|kept| kept.fate.told())
    }
}

impl Drop for Fates {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Known {
    fn hear(&self, event: &EventMessage) {
        let attributes = event.actor.as_ref().and_then(|actor| actor.attributes.as_ref());
        let Some(attributes) = attributes else { return };
        let Some(name) = attributes.get("name") else { return };
        if let Some(Kept { fate, .. }) = self.lock().get_mut(name) {
            let at = event.time_nano.unwrap_or_default();
            match event.action.as_deref() {
                Some("oom") => fate.oom = Some(at),
                Some("die") => {
                    let exit = attributes.get("exitCode").and_then(|code| code.parse().ok());
                    fate.end = Some((exit.unwrap_or(-1), at));
                }
                _ => {}
            }
        }
        self.changed.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Kept>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::EventActor;

    use super::*;

    fn event(second: i64, name: &str, action: &str, exit: &str) -> EventMessage {
        let attributes =
            [("name", name), ("exitCode", exit)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let actor = EventActor { attributes: Some(HashMap::from(attributes)), ..EventActor::default() };
        EventMessage {
            action: Some(action.to_owned()),
            actor: Some(actor),
            time_nano: Some(second * 1_000_000_000),
            ..EventMessage::default()
        }
    }

    #[test]
    fn each_end_is_told_with_its_cause() {
        let told = |events: &[EventMessage]| {
            let known = Known::default();
            known.lock().insert("mine".to_owned(), Kept::default());
            for event in events {
                known.hear(event);
            }
            known.lock().get("mine").and_then(|kept| kept.fate.told()).map(|told| told.why)
        };
        let killed = event(60, "mine", "die", "137");
        assert_eq!(
            told(&[event(59, "mine", "oom", ""), killed.clone()]).unwrap(),
            "memory ran out in its container"
        );
        assert_eq!(told(std::slice::from_ref(&killed)).unwrap(), "its container was killed");
        let long_ago = event(1, "mine", "oom", "");
        assert_eq!(told(&[long_ago.clone(), killed]).unwrap(), "its container was killed");
        let ended = event(60, "mine", "die", "3");
        assert_eq!(told(&[long_ago, ended]).unwrap(), "its container ended with status 3");
        // What is left after the supervisor's end ends in order.
        let at_once = [event(60, "mine", "oom", ""), event(60, "mine", "die", "0")];
        assert_eq!(told(&at_once).unwrap(), "memory ran out in its container");
        assert_eq!(told(&[event(60, "mine", "die", "0")]).unwrap(), "its container ended");
        assert_eq!(told(&[event(60, "mine", "die", "3")]).unwrap(), "its container ended with status 3");
        assert_eq!(told(&[event(60, "another", "die", "3")]), None);
    }
}
