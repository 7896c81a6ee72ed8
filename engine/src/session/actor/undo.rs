//! Back to an earlier state: to before an execution, by names or by a guard; or to a live checkpoint.
//!
//! ```text
//!  the answer says "rolled back", scope memory ─▶ held ─▶ control tells "restored", same connection ─┐
//!  the process died, and its guard stands ──────────────▶ another connection, to the guard ──────────┴▶ told: restored
//!  a request to go back to a checkpoint ────────────────▶ another connection, to a copy; then the old process ends
//! ```

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{
    CrashCause, Error, EventKind, Outcome, RestoredFrom, SessionError, StateAfter, Status, TransactionPolicy,
    TransactionScope,
};
use tokio::time::Instant;

use super::Actor;
use crate::connection::Connection;
use crate::session::decode::Decoder;
use crate::session::job::{Job, RunningJob, Work, wall_clock};
use crate::session::link::Link;
use crate::session::machine::{Input, State, Stop};
use crate::session::merge::Merge;
use crate::session::outcome;
use crate::session::state::{PendingTransaction, StateRequest};
use crate::wire::messages::{
    CheckpointFreeze, Executed, GoesOn, Settled, TransactionCommit, TransactionRollback,
};
use crate::wire::{WireError, rpc};

/// How long a rollback may take: more than the supervisor gives a guard to wake.
const ROLLBACK_WAIT: Duration = Duration::from_secs(12);
/// How often the connection to a process is tried that follows a dead one: it may die as it wakes or is born, and then the supervisor has
/// another.
const ATTEMPTS: u32 = 3;

impl Actor {
    /// Why a job must not begin now, although it was admitted.
    pub(super) fn objection(&self, job: &Job) -> Option<Error> {
        let session = self.parts.port.id();
        if let Work::State(request) = &job.work
            && let Some(execution) = request.target()
        {
            if self.pending.is_some_and(|pending| pending.execution == execution) {
                return None;
            }
            let known = self.settled.as_ref().filter(|(settled, _)| *settled == execution);
            let problem = match (known, self.pending) {
                (Some((_, problem)), _) => problem.clone(),
                (None, Some(other)) => format!("another waits, that of the execution {}", other.execution),
                (None, None) => "none waits".to_owned(),
            };
            return Some(SessionError::NoTransaction { session, execution, problem }.into());
        }
        let execution = self.pending.filter(|_| !job.work.fits_pending())?.execution;
        Some(SessionError::TransactionPending { session, execution }.into())
    }

    /// Sends a request about the whole state, or sets out to fetch the copy that is to take the session's place.
    pub(super) fn send_state(&mut self, request: StateRequest) -> Result<(), WireError> {
        let (execution, target) = (self.number, self.pending.map_or(0, |pending| pending.number));
        let frame = match request {
            StateRequest::Freeze { checkpoint } => {
                let checkpoint = checkpoint.to_string();
                rpc::request(execution, &CheckpointFreeze { execution, checkpoint })
            }
            StateRequest::Commit { .. } => rpc::request(execution, &TransactionCommit { execution, target }),
            StateRequest::Rollback { .. } => {
                rpc::request(execution, &TransactionRollback { execution, target })
            }
            StateRequest::Restore { checkpoint, .. } => {
                self.swap = Some(self.dial(Some(checkpoint), true));
                return Ok(());
            }
        }?;
        self.send(frame)
    }

    /// Whether the answer stands only once the guard has taken over.
    pub(super) fn is_undone_by_guard(&self, running: &RunningJob, executed: &Executed) -> bool {
        let scope = match &running.job.work {
            Work::Code(request) => request.transaction.scope(),
            Work::State(_) => self.pending.map(|pending| pending.scope),
            Work::Names(_) | Work::Save(_) | Work::Load(_) => None,
        };
        executed.transaction == Some(Settled::RolledBack) && scope == Some(TransactionScope::Memory)
    }

    /// Keeps the answer until the guard has taken over, or has not.
    pub(super) fn hold(&mut self, mut running: RunningJob, executed: Box<Executed>) {
        running.held = Some(executed);
        self.running = Some(running);
        self.ladder = Some(Instant::now() + ROLLBACK_WAIT);
        self.apply(Input::RollsBack);
        if let Some(ended) = self.woken.take() {
            self.woke(ended);
        }
    }

    /// What an answer makes of the session's state, and of the transaction that may wait from now on.
    pub(super) fn settle(&mut self, running: &RunningJob, executed: &Executed) -> StateAfter {
        let own = running.job.ring.execution();
        let (execution, policy) = match &running.job.work {
            Work::Code(request) => (own, request.transaction),
            Work::State(request) if request.target().is_some() => {
                let execution = request.target().unwrap_or(own);
                let word = if executed.transaction == Some(Settled::RolledBack) {
                    "it was rolled back already"
                } else {
                    "it was committed already"
                };
                self.forget_pending(word.to_owned());
                (execution, TransactionPolicy::None)
            }
            _ => return StateAfter::Kept,
        };
        match &executed.transaction {
            Some(Settled::RolledBack) => StateAfter::Restored { from: RestoredFrom::Bindings(execution) },
            Some(Settled::Pending) => {
                let scope = policy.scope().unwrap_or_default();
                self.pending = Some(PendingTransaction { execution, number: running.number, scope });
                self.tell_state();
                StateAfter::Kept
            }
            _ => StateAfter::Kept,
        }
    }

    /// The transaction that waited does so no longer.
    pub(super) fn forget_pending(&mut self, problem: String) {
        if let Some(pending) = self.pending.take() {
            self.settled = Some((pending.execution, problem));
            self.tell_state();
        }
    }

    /// Control tells that the guard goes on with the session's connection.
    pub(super) fn woke(&mut self, ended: u64) {
        if !matches!(self.state, State::Restoring(_)) || !self.link.is_up() {
            self.woken = Some(ended);
            return;
        }
        self.process += 1;
        self.warn_of_ended(ended);
        self.apply(Input::Restored);
    }

    /// A connection is there: to a fresh process, or to one that goes on from an earlier state.
    pub(super) fn came_up(&mut self, goes_on: Option<&GoesOn>) {
        self.attempts = 0;
        if self.loads(goes_on) {
            return;
        }
        match goes_on {
            Some(GoesOn { ended, .. }) if matches!(self.state, State::Restoring(_)) => {
                self.begin_anew();
                self.warn_of_ended(*ended);
                self.apply(Input::Restored);
            }
            _ if self.recalls_instead() => {}
            _ => self.apply(Input::Connected),
        }
    }

    /// Whether there is to be another attempt at a connection to the guard.
    pub(super) fn tries_again(&mut self) -> bool {
        // A session that nobody has yet is its opener's to try again.
        let follows = match self.state {
            State::Restoring(_) => true,
            State::Starting => self.opened.is_none(),
            _ => false,
        };
        let again = follows && self.attempts < ATTEMPTS;
        if again {
            self.attempts += 1;
            self.connect();
        }
        again
    }

    fn warn_of_ended(&mut self, ended: u64) {
        if ended > 0
            && let Some(running) = &mut self.running
        {
            running.job.warnings.push(format!(
                "{ended} child process{} of the session ended with the process that was undone",
                if ended == 1 { "" } else { "es" }
            ));
        }
    }

    /// The guard has taken over: the session is what it was before the execution that runs, or before the one that waited.
    pub(super) fn restored(&mut self, stop: Option<Stop>) {
        (self.ladder, self.attempts) = (None, 0);
        let cause = self.cause.clone().unwrap_or(CrashCause::Unknown);
        let running = self.running.take();
        // While one waits no code runs.
        let undone = self.pending;
        // Who asks that it be settled is told by the answer.
        let asks = matches!(&running, Some(RunningJob { job: Job { work: Work::State(_), .. }, .. }));
        let by_rollback = running.as_ref().is_some_and(|running| running.held.is_some());
        self.forget_pending(if by_rollback {
            "it was rolled back already".to_owned()
        } else {
            format!("it was rolled back when the session's process ended: {cause}")
        });
        if let Some(PendingTransaction { execution, .. }) = undone.filter(|_| !asks) {
            self.losses = vec![format!(
                "the execution {execution} was rolled back before this one: its transaction was pending as the session's process ended ({cause})"
            )];
        }
        let Some(mut running) = running else { return };
        self.flush_decoders(&running);
        let execution = undone.map_or_else(|| running.job.ring.execution(), |pending| pending.execution);
        let state = StateAfter::Restored { from: RestoredFrom::Guard(execution) };
        match running.held.take() {
            Some(executed) => self.finish(running, *executed, stop, state, None),
            None => self.tell_died(running, cause, stop, state),
        }
    }

    /// Tells that the running execution ended with its process.
    pub(super) fn tell_died(
        &mut self,
        running: RunningJob,
        cause: CrashCause,
        stop: Option<Stop>,
        state: StateAfter,
    ) {
        let (ring, is_code) = (Arc::clone(&running.job.ring), running.job.is_code());
        let outcome = outcome::died(running, cause, stop, state);
        self.note_end(&outcome, is_code);
        ring.push(EventKind::Finished(Box::new(outcome)), wall_clock());
    }

    /// Another process speaks from now on: positions and credit begin anew.
    pub(super) fn begin_anew(&mut self) {
        self.merge = Merge::default();
        self.decoders = [Decoder::default(), Decoder::default()];
        self.credit = 0;
    }

    /// The copy that is to take the session's place is connected, or there is none.
    pub(super) fn on_swapped(&mut self, result: Result<Connection, Error>) {
        let Some(running) = self.running.take() else { return };
        let ring = Arc::clone(&running.job.ring);
        let Work::State(StateRequest::Restore { checkpoint, number }) = running.job.work else { return };
        let connection = match result {
            Ok(connection) => connection,
            Err(error) => {
                self.parts.port.ended(None);
                self.apply(Input::Answered);
                return ring.fail(error);
            }
        };
        let Connection { inbound, outbound, welcome } = connection;
        let ended = welcome.restored.map_or(0, |goes_on| goes_on.ended);
        self.link = Link::Up(Box::new((inbound, outbound)));
        self.parting = None;
        // It may be the predecessor's, or that of the copy, which died as it woke.
        self.early_death = self.death.take();
        self.is_process(welcome.pid);
        self.begin_anew();
        self.number = self.number.max(number);
        self.parts.port.note_number(self.number);
        self.parts.port.note(|info| info.checkpoint = Some(checkpoint));
        let state = StateAfter::Restored { from: RestoredFrom::Live(checkpoint) };
        let mut outcome = Outcome::new(Status::Completed, state);
        outcome.timings.total = running.job.admitted.elapsed();
        if ended > 0 {
            outcome.warnings.push(format!("{ended} child processes that the checkpoint had are no more"));
        }
        self.parts.port.ended(None);
        self.apply(Input::Answered);
        ring.push(EventKind::Finished(Box::new(outcome)), wall_clock());
    }
}
