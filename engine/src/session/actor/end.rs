//! How executions end: by an answer, with their process, with their session, with their sandbox, or before they began.

use std::sync::Arc;

use hibernaculum_core::{
    CheckpointId, CrashCause, Error, EventKind, Outcome, OutputStream, RecoveryPolicy, SandboxError,
    SessionError, Source, StateAfter, Status,
};
use tokio::sync::oneshot::error::TryRecvError;

use super::{Actor, recall};
use crate::session::job::{Job, RunningJob, Work, wall_clock};
use crate::session::machine::{Input, Next, State, Stop};
use crate::session::ring::Ring;
use crate::session::{outcome, portable, state};
use crate::wire::RpcError;
use crate::wire::messages::Executed;

impl Actor {
    /// The session answered the running execution, and everything before the answer was delivered.
    pub(super) fn answered(&mut self, answer: Result<Box<Executed>, RpcError>) {
        let is_load = self.is_recovering();
        let stop = match self.state {
            // Whose state is on its way back has answered already.
            State::Restoring(_) if !is_load => return,
            State::Killing(_) => return,
            State::Stopping(stop) => Some(stop),
            _ => None,
        };
        let Some(running) = self.running.take() else { return };
        self.flush_decoders(&running);
        let ring = Arc::clone(&running.job.ring);
        let executed = match answer {
            Ok(executed) => executed,
            Err(error) if is_load => return ring.fail(state::refusal(&error, &running.job.work)),
            Err(error) => return self.fail(&ring, state::refusal(&error, &running.job.work)),
        };
        if is_load {
            return recall::answered(running, *executed);
        }
        if self.is_undone_by_guard(&running, &executed) {
            return self.hold(running, executed);
        }
        let state = self.settle(&running, &executed);
        self.finish(running, *executed, stop, state, Some(Input::Answered));
    }

    /// Tells how the running execution ended, as the session answered it, after the machine's step, if that is still to be taken.
    pub(super) fn finish(
        &mut self,
        mut running: RunningJob,
        executed: Executed,
        stop: Option<Stop>,
        state: StateAfter,
        input: Option<Input>,
    ) {
        let (ring, is_code) = (Arc::clone(&running.job.ring), running.job.is_code());
        self.afterwords.retain_mut(|afterword| matches!(afterword.try_recv(), Err(TryRecvError::Empty)));
        self.afterwords.extend(running.job.afterword.take());
        let at = crate::sandbox::timestamp(executed.at);
        let loaded = match &running.job.work {
            Work::Load(work) => Some(work.checkpoint),
            _ => None,
        };
        match outcome::answered(running, executed, stop, state) {
            Ok(outcome) => {
                self.note_end(&outcome, is_code);
                if let (Some(checkpoint), Some(warnings)) = (loaded, portable::taken(&outcome)) {
                    self.goes_on_from(checkpoint, warnings);
                }
                if let Some(input) = input {
                    self.apply(input);
                }
                ring.push(EventKind::Finished(Box::new(outcome)), at);
            }
            Err(error) => {
                self.parts.port.ended(None);
                if let Some(input) = input {
                    self.apply(input);
                }
                ring.fail(crate::failure::wire(error, "reading a result"));
            }
        }
    }

    /// The session has taken the state of a portable checkpoint, whether or not anybody waits to hear it.
    fn goes_on_from(&self, checkpoint: CheckpointId, warnings: Vec<String>) {
        let port = &self.parts.port;
        port.note_line(checkpoint);
        port.go_on_from(checkpoint);
        port.warn(warnings);
    }

    fn fail(&mut self, ring: &Ring, error: Error) {
        self.parts.port.ended(None);
        self.apply(Input::Answered);
        ring.fail(error);
    }

    pub(super) fn note_end(&self, outcome: &Outcome, is_code: bool) {
        self.parts.port.ended(is_code.then_some(outcome.timings.run));
        self.parts.port.note(|info| {
            if outcome.memory.as_u64() > 0 {
                info.memory = Some(outcome.memory);
            }
        });
    }

    /// A character that never became whole is told as far as it came.
    pub(super) fn flush_decoders(&mut self, running: &RunningJob) {
        for (decoder, stream) in self.decoders.iter_mut().zip([OutputStream::Stdout, OutputStream::Stderr]) {
            let text = decoder.finish();
            if !text.is_empty() {
                running.job.ring.push(EventKind::Output { stream, text }, wall_clock());
            }
        }
    }

    /// The process is dead, and everything that it said was delivered.
    pub(super) fn bury(&mut self) {
        let Some(death) = self.death.take() else { return };
        self.parting = None;
        self.ladder = None;
        let next = match (death.is_guarded, self.parts.spec.recovery) {
            (true, _) => Next::Guard,
            (_, RecoveryPolicy::None) => Next::Nothing,
            (_, RecoveryPolicy::FromCheckpoint) if self.opened.is_none() => Next::Checkpoint,
            _ => Next::Fresh,
        };
        match self.state {
            // It is the first death that has to be told, and not that of what was to mend it.
            State::Restoring(_) if self.cause.is_some() => {}
            State::Killing(_) if self.recovery.is_some() => {}
            // However the process went in the end: it was its host that did not let it live.
            State::Killing(stop) if death.pid.is_some() => {
                self.cause = Some(CrashCause::Killed { reason: stop.reason().to_owned() });
            }
            _ => self.cause = Some(death.cause),
        }
        if self.opened.is_some() {
            let problem = format!("its process ended before it was ready: {}", self.last_words());
            self.tell_opened(Err(SessionError::Start { problem, source: None }.into()));
        }
        self.apply(Input::Died(next));
    }

    fn last_words(&self) -> String {
        self.cause.as_ref().unwrap_or(&CrashCause::Unknown).to_string()
    }

    pub(super) fn lose(&mut self, stop: Option<Stop>) {
        let recovery = self.end_recovery();
        let cause = self.cause.clone().unwrap_or(CrashCause::Unknown);
        let lost = format!("the session's state was lost before this execution: {cause}");
        // Before anybody is told, so that who hears of it finds it counted.
        self.parts.port.note(|info| info.crashes += 1);
        self.forget_pending(format!("it was lost when the session's process ended: {cause}"));
        let is_anew = recovery.is_some();
        let problems = recovery.map_or_else(Vec::new, |(_, problems)| problems);
        self.tell_all(stop, &cause, StateAfter::Lost, &lost, problems);
        // A recovery did this when it began, and may have spoken with the process since.
        if !is_anew {
            self.begin_anew();
            self.number = 0;
            self.parts.port.note_number(0);
        }
        (self.ladder, self.attempts) = (None, 0);
        self.parts.port.note(|info| info.checkpoint = None);
    }

    /// Tells the execution that ended with its process what became of the state, and those that wait, or else the next one, what was
    /// `before` them.
    pub(super) fn tell_all(
        &mut self,
        stop: Option<Stop>,
        cause: &CrashCause,
        state: StateAfter,
        before: &str,
        problems: Vec<String>,
    ) {
        let mut was_told = false;
        let before = [before.to_owned()].into_iter().chain(problems.iter().cloned()).collect::<Vec<_>>();
        if let Some(mut running) = self.running.take() {
            self.flush_decoders(&running);
            was_told = running.job.is_code();
            running.job.warnings.extend(problems);
            self.tell_died(running, cause.clone(), stop, state);
        }
        for job in &mut self.queue {
            if job.is_code() {
                job.warnings.extend(before.iter().cloned());
                was_told = true;
            } else if job.keeps_state() {
                job.warnings.extend(before_it_was_kept(&before));
            }
        }
        self.losses = if was_told { Vec::new() } else { before };
    }

    /// No process could be started for the session.
    pub(super) fn refused(&mut self, error: Error) {
        let is_gone = matches!(error, Error::Sandbox(SandboxError::Lost { .. }));
        if is_gone && self.opened.is_none() && self.parts.lost.borrow().is_some() {
            // It is not the session that crashed for good: whoever asks now is told what they are told in a moment.
            return self.apply(Input::SandboxGone);
        }
        if self.recalls_again(&error) || self.tries_again() {
            return;
        }
        self.cause = None;
        let error = match error {
            Error::Session(SessionError::Start { .. })
            | Error::Sandbox(SandboxError::Lost { .. })
            | Error::Checkpoint(_) => error,
            other => {
                let problem = other.to_string();
                SessionError::Start { problem, source: Some(Source::new(other)) }.into()
            }
        };
        if self.opened.is_some() {
            self.tell_opened(Err(error));
            self.apply(Input::Close);
        } else {
            self.losses = vec![error.to_string()];
            self.apply(Input::Refused);
        }
    }

    pub(super) fn refuse_all(&mut self) {
        let told = std::mem::take(&mut self.losses).pop();
        let cause = told.filter(|_| self.cause.is_none()).unwrap_or_else(|| self.last_words());
        self.parts.port.crashed(cause.clone());
        let session = self.parts.port.id();
        self.fail_queue(&SessionError::Crashed { session, cause }.into());
    }

    fn fail_queue(&mut self, error: &Error) {
        self.take_admitted();
        for job in std::mem::take(&mut self.queue) {
            self.parts.port.ended(None);
            job.ring.fail(error.clone());
        }
    }

    /// Executions that were admitted before the gate was shut.
    fn take_admitted(&mut self) {
        while let Ok(job) = self.parts.jobs.try_recv() {
            self.queue.push_back(job);
        }
    }

    pub(super) fn end_all(&mut self) {
        self.parts.port.closed();
        self.end_recovery();
        self.take_admitted();
        if let Some(running) = self.running.take() {
            let (ring, is_code) = (Arc::clone(&running.job.ring), running.job.is_code());
            let mut outcome =
                outcome::died(running, CrashCause::Unknown, Some(Stop::Interrupt), StateAfter::Lost);
            outcome.crash = None;
            self.note_end(&outcome, is_code);
            ring.push(EventKind::Finished(Box::new(outcome)), wall_clock());
        }
        for job in std::mem::take(&mut self.queue) {
            self.end_unrun(job, Status::Interrupted, StateAfter::Lost);
        }
    }

    pub(super) fn fail_all(&mut self) {
        let problem = self.parts.lost.borrow().clone();
        let problem = problem.unwrap_or_else(|| {
            let problem = "its supervisor does not obey".to_owned();
            self.parts.dial.give_up(&problem);
            problem
        });
        let error = Error::from(SandboxError::Lost { sandbox: self.parts.sandbox, problem, source: None });
        self.parts.port.gone(error.clone());
        self.tell_opened(Err(error.clone()));
        self.end_recovery();
        if let Some(running) = self.running.take() {
            self.parts.port.ended(None);
            running.job.ring.fail(error.clone());
        }
        self.fail_queue(&error);
    }

    /// Ends an execution that never began.
    pub(super) fn end_unrun(&self, job: Job, status: Status, state: StateAfter) {
        let ring = Arc::clone(&job.ring);
        let outcome = outcome::not_run(job, status, state);
        self.parts.port.ended(None);
        ring.push(EventKind::Finished(Box::new(outcome)), wall_clock());
    }
}

/// What happened before an execution, as it is told of what keeps the state: that may be all that is left of the session.
pub(super) fn before_it_was_kept(before: &[String]) -> impl Iterator<Item = String> {
    before.iter().map(|line| line.replace("before this execution", "before this was kept"))
}
