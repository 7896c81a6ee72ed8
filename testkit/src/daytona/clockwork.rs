//! What happens to sandboxes over time: changes of state that take a while, and those that nobody asked for.
//!
//! ```text
//!            creating ──▶ started ──▶ stopping ──▶ stopped ──▶ archiving ──▶ archived
//!                          ▲  │ ▲                    │                          │
//!                          │  │ └───── starting ◀────┴──────── restoring ◀──────┘
//!              resuming ───┘  └──▶ pausing ──▶ paused ──▶ resuming
//!   any settled state ──▶ destroying ──▶ gone
//! ```
//!
//! While a change is in progress every other is refused with 409.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use rustix::process::Signal;
use serde_json::Value;
use tokio::time::Instant;

use super::refusal::Refusal;
use super::sandbox::{Sandbox, State};
use super::world::World;

/// A change of state: from where, by what, to where, and what is done meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    pub from: &'static [State],
    pub via: State,
    /// None: gone.
    pub to: Option<State>,
    pub work: fn(&Sandbox) -> std::io::Result<()>,
}

pub(crate) const START: Change = Change {
    from: &[State::Stopped, State::Error],
    via: State::Starting,
    to: Some(State::Started),
    work: nothing,
};
pub(crate) const UNARCHIVE: Change = Change { from: &[State::Archived], via: State::Restoring, ..START };
pub(crate) const RESUME: Change =
    Change { from: &[State::Paused], via: State::Resuming, to: Some(State::Started), work: thaw };
pub(crate) const STOP: Change = Change {
    from: &[State::Started, State::Paused, State::Error],
    via: State::Stopping,
    to: Some(State::Stopped),
    work: end,
};
pub(crate) const ARCHIVE: Change =
    Change { from: &[State::Stopped], via: State::Archiving, to: Some(State::Archived), work: nothing };
pub(crate) const PAUSE: Change =
    Change { from: &[State::Started], via: State::Pausing, to: Some(State::Paused), work: freeze };
pub(crate) const DESTROY: Change = Change {
    from: &[State::Started, State::Stopped, State::Archived, State::Paused, State::Error, State::BuildFailed],
    via: State::Destroying,
    to: None,
    work: remove,
};

#[expect(clippy::unnecessary_wraps, reason = "one of several kinds of work")]
fn nothing(_: &Sandbox) -> std::io::Result<()> {
    Ok(())
}

fn end(sandbox: &Sandbox) -> std::io::Result<()> {
    sandbox.sessions.forget();
    match sandbox.mark.end() {
        0 => Ok(()),
        left => Err(std::io::Error::other(format!("{left} processes would not end"))),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one of several kinds of work")]
fn freeze(sandbox: &Sandbox) -> std::io::Result<()> {
    sandbox.mark.signal(Signal::STOP);
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "one of several kinds of work")]
fn thaw(sandbox: &Sandbox) -> std::io::Result<()> {
    sandbox.mark.signal(Signal::CONT);
    Ok(())
}

fn remove(sandbox: &Sandbox) -> std::io::Result<()> {
    end(sandbox)?;
    match std::fs::remove_dir_all(&sandbox.directory) {
        // One that could not be made has none.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

impl World {
    /// Begins a change, and gives the sandbox as it is told then; the rest happens by itself.
    pub(crate) fn change(self: &Arc<Self>, id_or_name: &str, change: Change) -> Result<Value, Refusal> {
        let Change { from, via, to, work } = change;
        let mut id = String::new();
        let told = self.alter(id_or_name, |sandbox| {
            if !sandbox.state.is_settled() {
                return Err(in_progress());
            }
            if !from.contains(&sandbox.state) {
                let why = format!("Sandbox is not in valid state: it is {}", sandbox.state.name());
                return Err(Refusal::api(StatusCode::BAD_REQUEST, why));
            }
            sandbox.state = via;
            sandbox.since = Instant::now();
            id.clone_from(&sandbox.id);
            Ok(())
        })?;
        let world = self.clone();
        self.spawn(async move { world.carry_out(&id, to, work).await });
        Ok(told)
    }

    async fn carry_out(&self, id: &str, to: Option<State>, work: fn(&Sandbox) -> std::io::Result<()>) {
        let Ok(sandbox) = self.find(id) else { return };
        tokio::time::sleep(self.config.change).await;
        let done = tokio::task::spawn_blocking(move || work(&sandbox)).await;
        let failed = match done {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(panic.to_string()),
        };
        match (to, failed) {
            (None, None) => self.lock().forget(id, &self.toolbox_url()),
            (to, failed) => self.settle(
                id,
                if failed.is_some() { State::Error } else { to.unwrap_or(State::Error) },
                failed,
            ),
        }
    }

    /// Ends a change.
    pub(crate) fn settle(&self, id: &str, state: State, error: Option<String>) {
        let _ = self.alter(id, |sandbox| {
            sandbox.state = state;
            sandbox.error = error;
            sandbox.zombie = false;
            sandbox.since = Instant::now();
            sandbox.active = Instant::now();
            Ok(())
        });
    }

    /// Stops a sandbox as its own clock does, now; gives when it is stopped.
    pub(crate) async fn stop_by_itself(&self, id: &str) {
        let began = self.alter(id, |sandbox| {
            if sandbox.state != State::Started {
                return Err(in_progress());
            }
            sandbox.state = State::Stopping;
            Ok(())
        });
        if began.is_ok() {
            self.carry_out(id, Some(State::Stopped), end).await;
        }
    }

    /// Looks at every sandbox's clock, again and again.
    pub(crate) async fn watch(world: Arc<Self>, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let due: Vec<(String, Change)> = {
                let inner = world.lock();
                inner
                    .sandboxes
                    .values()
                    .filter_map(|sandbox| Some((sandbox.id.clone(), world.due(sandbox)?)))
                    .collect()
            };
            for (id, change) in due {
                // Whoever was faster has it.
                let _ = world.change(&id, change);
            }
        }
    }

    /// What a sandbox's own clock does to it now.
    fn due(&self, sandbox: &Sandbox) -> Option<Change> {
        let minutes = |count: i64| {
            let count = u32::try_from(count).ok().filter(|count| *count > 0)?;
            Some(self.config.minute * count)
        };
        let over = |since: Instant, count: i64| minutes(count).is_some_and(|limit| since.elapsed() >= limit);
        let intervals = sandbox.intervals;
        if sandbox.state.is_settled() && sandbox.dies.is_some_and(|(at, _)| Instant::now() >= at) {
            return Some(DESTROY);
        }
        match sandbox.state {
            State::Started if over(sandbox.active, intervals.stop) => Some(STOP),
            State::Started if over(sandbox.active, intervals.pause) => Some(PAUSE),
            State::Stopped if intervals.delete == 0 || over(sandbox.since, intervals.delete) => Some(DESTROY),
            State::Stopped if over(sandbox.since, intervals.archive) => Some(ARCHIVE),
            _ => None,
        }
    }
}

pub(crate) fn in_progress() -> Refusal {
    Refusal::api(StatusCode::CONFLICT, "Sandbox state change in progress")
}

/// Copies a directory with everything in it. Sockets and pipes are left out.
pub(crate) fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, target)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
