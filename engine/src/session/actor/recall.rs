//! Recovery from a checkpoint: a process died, and its session goes back to the newest state that was kept.
//!
//! ```text
//!  died ─▶ Finding ─┬─ a live one ─────▶ Connecting to a copy ────────────────────────────▶ restored
//!            ▲      ├─ a portable one ─▶ Connecting to a fresh process ─▶ Loading ─┬──────▶ restored
//!            │      └─ none ───────────▶ a fresh process ──────────────────────────┼──────▶ lost
//!            └──────── it is gone, cannot be loaded, or its process died as well ──┘
//! ```
//!
//! Whoever waits for the execution that fell is told when it is known what became of the state.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use hibernaculum_core::{
    CheckpointId, CheckpointRecord, CheckpointRequest, CheckpointStore, CrashCause, Error, EventKind,
    RecoveryPolicy, RestoredFrom, SessionId, StateAfter, Timeout,
};
use tokio::time::Instant;

use super::{Actor, KILL_WAIT};
use crate::failure;
use crate::session::job::{RunningJob, wall_clock};
use crate::session::link::Link;
use crate::session::machine::{Input, State, Stop};
use crate::session::outcome;
use crate::session::portable::{Loading, Restored};
use crate::wire::messages::{Executed, GoesOn};

/// How often one checkpoint is tried: its process may be killed as it wakes or loads.
const TRIES: usize = 2;
/// How long a store may take to tell what it has.
const LOOK: Duration = Duration::from_mins(1);

/// A checkpoint that a session may go back to.
pub(crate) enum Found {
    /// A live one; no execution of its state had a higher number.
    Live { checkpoint: CheckpointId, number: u64 },
    /// A portable one, and where its blobs are.
    Portable { record: Box<CheckpointRecord>, store: Arc<dyn CheckpointStore> },
}

/// What came of looking for one.
#[derive(Default)]
pub(crate) struct Sought {
    pub(crate) found: Option<Found>,
    /// Those that were passed over, and why.
    pub(crate) problems: Vec<String>,
}

/// Whoever knows the checkpoints.
#[async_trait]
pub(crate) trait Recall: Send + Sync {
    /// The one that the state of a session goes on from, or else the newest that was made of it; none of `except`, and none whose record
    /// cannot be read.
    async fn newest(
        &self,
        session: SessionId,
        last: Option<CheckpointId>,
        except: &[CheckpointId],
    ) -> Result<Sought, Error>;
}

/// A recovery that is under way.
#[derive(Default)]
pub(super) struct Recovery {
    stage: Stage,
    /// One entry for each attempt.
    tried: Vec<CheckpointId>,
    /// What went wrong on the way.
    problems: Vec<String>,
    /// The execution that fell, while a load has its place.
    fallen: Option<RunningJob>,
}

#[derive(Default)]
enum Stage {
    /// A checkpoint is looked for.
    Finding(BoxFuture<'static, Result<Sought, Error>>),
    /// A connection is made, to a copy of that one or to a process that is to load it.
    Connecting(Found),
    /// It is loaded.
    Loading(CheckpointId, BoxFuture<'static, Result<Restored, Error>>),
    /// There is nothing to go back to.
    #[default]
    Afresh,
}

/// What came of waiting for a recovery.
pub(super) enum Recalled {
    Found(Result<Sought, Error>),
    Loaded(CheckpointId, Result<Restored, Error>),
}

/// The next that a recovery has to tell; never, where none is under way.
///
/// # Cancel safety
///
/// Cancel safe.
pub(super) async fn recalled(recovery: &mut Option<Recovery>) -> Recalled {
    match recovery.as_mut().map(|recovery| &mut recovery.stage) {
        Some(Stage::Finding(finding)) => Recalled::Found(finding.await),
        Some(Stage::Loading(checkpoint, loading)) => Recalled::Loaded(*checkpoint, loading.await),
        _ => pending().await,
    }
}

impl Recovery {
    fn failed(&mut self, checkpoint: CheckpointId, problem: &dyn std::fmt::Display) {
        self.problems.push(passed_over(checkpoint, problem));
    }

    /// Those that are not to be tried again.
    fn exhausted(&self) -> Vec<CheckpointId> {
        let count = |id: &CheckpointId| self.tried.iter().filter(|tried| *tried == id).count();
        self.tried.iter().filter(|id| count(id) >= TRIES).copied().collect()
    }
}

/// That a checkpoint was not gone back to.
pub(crate) fn passed_over(checkpoint: CheckpointId, problem: &dyn std::fmt::Display) -> String {
    format!("the checkpoint {checkpoint} did not come back: {problem}")
}

impl Actor {
    /// The process is dead: looks for the newest checkpoint that was not tried in vain.
    pub(super) fn recall(&mut self) {
        if let Some(running) = self.running.take() {
            self.flush_decoders(&running);
            self.running = Some(running);
        }
        self.take_place_back();
        let mut recovery = self.recovery.take().unwrap_or_default();
        if let Stage::Loading(checkpoint, _) = std::mem::take(&mut recovery.stage) {
            recovery.failed(checkpoint, &"the process that loaded it ended");
        }
        self.begin_anew();
        (self.number, self.attempts, self.ladder) = (0, 0, None);
        let port = &self.parts.port;
        port.note_number(0);
        let (port, afterwords) = (Arc::clone(port), std::mem::take(&mut self.afterwords));
        let (recall, except) = (Arc::clone(&self.parts.recall), recovery.exhausted());
        recovery.stage = Stage::Finding(Box::pin(async move {
            // What was kept just before the death may not have been put down yet.
            let _ = tokio::time::timeout(LOOK, futures_util::future::join_all(afterwords)).await;
            let (session, last) = (port.id(), port.info().checkpoint);
            let looking = tokio::time::timeout(LOOK, recall.newest(session, last, &except));
            looking.await.unwrap_or_else(|_| Err(failure::timeout("looking for a checkpoint", LOOK)))
        }));
        self.recovery = Some(recovery);
    }

    /// A recovery has come a step further.
    pub(super) fn on_recalled(&mut self, recalled: Recalled) {
        match recalled {
            Recalled::Found(found) => self.found(found),
            Recalled::Loaded(_, Ok(restored)) => {
                if let Some(recovery) = &mut self.recovery {
                    recovery.problems.extend(restored.warnings);
                }
                self.apply(Input::Restored);
            }
            Recalled::Loaded(checkpoint, Err(error)) => {
                if let Some(recovery) = &mut self.recovery {
                    recovery.failed(checkpoint, &error);
                    recovery.tried.push(checkpoint);
                }
                self.give_up_load();
            }
        }
    }

    /// What a load may have left half done goes with its process; what follows is told by that one's death.
    pub(super) fn give_up_load(&mut self) {
        self.take_place_back();
        if let Some(recovery) = &mut self.recovery {
            recovery.stage = Stage::Afresh;
        }
        self.order_kill("recovery");
        self.ladder = Some(Instant::now() + KILL_WAIT);
    }

    fn found(&mut self, sought: Result<Sought, Error>) {
        let Some(mut recovery) = self.recovery.take() else { return };
        let Sought { found, problems } = sought.unwrap_or_else(|error| {
            let problem = format!("the session's checkpoints could not be looked for: {error}");
            Sought { found: None, problems: vec![problem] }
        });
        if found.is_none() && recovery.tried.is_empty() && problems.is_empty() {
            recovery.problems.push("the session has no checkpoint to go back to".to_owned());
        }
        // The same are passed over each time.
        let new: Vec<String> =
            problems.into_iter().filter(|problem| !recovery.problems.contains(problem)).collect();
        recovery.problems.extend(new);
        let branch = match &found {
            Some(Found::Live { checkpoint, number }) => {
                recovery.tried.push(*checkpoint);
                self.number = *number;
                self.parts.port.note_number(*number);
                Some(*checkpoint)
            }
            Some(Found::Portable { record, .. }) => {
                recovery.tried.push(record.info.id);
                None
            }
            None => None,
        };
        recovery.stage = found.map_or(Stage::Afresh, Stage::Connecting);
        self.link = Link::Connecting(self.dial(branch, false));
        self.recovery = Some(recovery);
    }

    /// A fresh process is there where a guard was to take over, which ended before it could: whether the session goes back to a checkpoint instead.
    /// The process goes first: it would be in the way of a copy.
    pub(super) fn recalls_instead(&mut self) -> bool {
        let is_lost = matches!(self.state, State::Restoring(_)) && self.recovery.is_none();
        if !is_lost || self.parts.spec.recovery != RecoveryPolicy::FromCheckpoint {
            return false;
        }
        if let Some(running) = self.running.take() {
            self.flush_decoders(&running);
            self.running = Some(running);
        }
        self.begin_anew();
        self.give_up_load();
        true
    }

    /// The process that is to hold the state could not be had: whether another attempt is made.
    pub(super) fn recalls_again(&mut self, error: &Error) -> bool {
        let Some(recovery) = &mut self.recovery else { return false };
        let checkpoint = match &recovery.stage {
            Stage::Connecting(Found::Live { checkpoint, .. }) => *checkpoint,
            Stage::Connecting(Found::Portable { record, .. }) => record.info.id,
            _ => return false,
        };
        recovery.failed(checkpoint, error);
        self.recall();
        true
    }

    /// A process is there: whether it has more to do before the session goes on.
    pub(super) fn loads(&mut self, goes_on: Option<&GoesOn>) -> bool {
        let Some(mut recovery) = self.recovery.take() else { return false };
        let stage = match std::mem::take(&mut recovery.stage) {
            Stage::Connecting(Found::Portable { record, store }) if goes_on.is_none() => {
                recovery.fallen = self.running.take();
                self.begin_load(*record, store)
            }
            stage => stage,
        };
        recovery.stage = stage;
        let is_loading = matches!(recovery.stage, Stage::Loading(..));
        self.recovery = Some(recovery);
        is_loading
    }

    fn begin_load(&mut self, record: CheckpointRecord, store: Arc<dyn CheckpointStore>) -> Stage {
        let id = record.info.id;
        let begun = Loading::of(record, store).and_then(|(work, loading)| {
            let (job, execution) = self.parts.port.unlisted(work, Timeout::After(CheckpointRequest::TIMEOUT));
            self.number += 1;
            self.send_work(&job).map_err(|error| failure::wire(error, "restore a state"))?;
            let now = Instant::now();
            self.running = Some(RunningJob::new(job, self.number, Duration::ZERO, now));
            self.parts.port.note_number(self.number);
            Ok((loading, execution))
        });
        match begun {
            Ok((loading, execution)) => {
                self.ladder = Instant::now().checked_add(CheckpointRequest::TIMEOUT);
                Stage::Loading(id, Box::pin(async move { loading.finish(execution).await }))
            }
            // It cannot be loaded anywhere; the process for it goes, as that of any load that failed.
            Err(error) => Stage::Loading(id, Box::pin(async move { Err(error) })),
        }
    }

    /// Whether an answer is that to a load of the recovery: it is not told to the session's callers.
    pub(super) fn is_recovering(&self) -> bool {
        matches!(self.state, State::Restoring(_))
            && matches!(&self.recovery, Some(Recovery { stage: Stage::Loading(..), .. }))
    }

    /// Ends a load, if one has the place of the execution that fell, and gives that its place back.
    fn take_place_back(&mut self) {
        if let Some(fallen) = self.recovery.as_mut().and_then(|recovery| recovery.fallen.take()) {
            self.running = Some(fallen);
        } else if self.is_recovering() {
            self.running = None;
        }
    }

    /// The recovery is over, one way or another. Whether there was one: what it came back to, and what went wrong on the way.
    pub(super) fn end_recovery(&mut self) -> Option<(Option<RestoredFrom>, Vec<String>)> {
        self.take_place_back();
        let recovery = self.recovery.take()?;
        let from = match recovery.stage {
            Stage::Loading(checkpoint, _) => Some(RestoredFrom::Portable(checkpoint)),
            Stage::Connecting(Found::Live { checkpoint, .. }) => Some(RestoredFrom::Live(checkpoint)),
            _ => None,
        };
        Some((from, recovery.problems))
    }

    /// The session goes on from a checkpoint.
    pub(super) fn recovered(&mut self, stop: Option<Stop>) {
        let Some((Some(from), problems)) = self.end_recovery() else { return self.lose(stop) };
        (self.ladder, self.attempts) = (None, 0);
        let cause = self.cause.clone().unwrap_or(CrashCause::Unknown);
        let (checkpoint, is_stored) = match from {
            RestoredFrom::Portable(checkpoint) => (checkpoint, true),
            RestoredFrom::Live(checkpoint) => (checkpoint, false),
            _ => return self.lose(stop),
        };
        let back =
            format!("the session went back to the checkpoint {checkpoint} before this execution: {cause}");
        self.forget_pending(format!(
            "it was lost when the session went back to the checkpoint {checkpoint}: {cause}"
        ));
        // Before anybody is told, so that who hears of it finds it so.
        self.parts.port.note(|info| (info.crashes, info.checkpoint) = (info.crashes + 1, Some(checkpoint)));
        if is_stored {
            self.parts.port.note_line(checkpoint);
        }
        self.tell_all(stop, &cause, StateAfter::Restored { from }, &back, problems);
    }
}

/// The answer to a load: `Recalled::Loaded` follows.
pub(super) fn answered(running: RunningJob, executed: Executed) {
    let ring = Arc::clone(&running.job.ring);
    match outcome::answered(running, executed, None, StateAfter::Kept) {
        Ok(outcome) => ring.push(EventKind::Finished(Box::new(outcome)), wall_clock()),
        Err(error) => ring.fail(failure::wire(error, "restore a state")),
    }
}
