//! How executions end: by an answer, with their process, with their session, with their sandbox, or before they began.

use std::sync::Arc;

use hibernaculum_core::{
    CrashCause, Error, EventKind, Outcome, OutputStream, RecoveryPolicy, SandboxError, SessionError, Source,
    StateAfter, Status, TransportError,
};

use super::Actor;
use crate::session::decode::Decoder;
use crate::session::job::{Job, Running, wall_clock};
use crate::session::machine::{Input, State, Stop};
use crate::session::merge::Merge;
use crate::session::outcome;
use crate::session::ring::Ring;
use crate::wire::RpcError;
use crate::wire::messages::Executed;

impl Actor {
    /// The session answered the running execution, and everything before the answer was delivered.
    pub(super) fn answered(&mut self, answer: Result<Box<Executed>, RpcError>) {
        let stop = match self.state {
            State::Killing(_) => return,
            State::Stopping(stop) => Some(stop),
            _ => None,
        };
        let Some(running) = self.running.take() else { return };
        self.flush_decoders(&running);
        let (ring, is_code) = (Arc::clone(&running.job.ring), running.job.is_code());
        match answer {
            Ok(executed) => {
                let at = crate::sandbox::timestamp(executed.at);
                match outcome::answered(running, *executed, stop) {
                    Ok(outcome) => {
                        self.note_end(&outcome, is_code);
                        self.apply(Input::Answered);
                        ring.push(EventKind::Finished(Box::new(outcome)), at);
                    }
                    Err(error) => self.fail(&ring, crate::failure::wire(error, "reading a result")),
                }
            }
            Err(error) => {
                let violation = format!("it refused to execute: {}", error.explain().what);
                self.fail(&ring, TransportError::Protocol { violation, source: None }.into());
            }
        }
    }

    fn fail(&mut self, ring: &Ring, error: Error) {
        self.parts.port.ended(None);
        self.apply(Input::Answered);
        ring.fail(error);
    }

    fn note_end(&self, outcome: &Outcome, is_code: bool) {
        self.parts.port.ended(is_code.then_some(outcome.timings.run));
        self.parts.port.note(|info| {
            if outcome.memory.as_u64() > 0 {
                info.memory = Some(outcome.memory);
            }
        });
    }

    /// A character that never became whole is told as far as it came.
    fn flush_decoders(&mut self, running: &Running) {
        for (decoder, stream) in self.decoders.iter_mut().zip([OutputStream::Stdout, OutputStream::Stderr]) {
            let text = decoder.finish();
            if !text.is_empty() {
                running.job.ring.push(EventKind::Output { stream, text }, wall_clock());
            }
        }
    }

    /// The process is dead, and everything that it said was delivered.
    pub(super) fn bury(&mut self) {
        let Some(died) = self.death.take() else { return };
        self.parting = None;
        self.ladder = None;
        self.cause = Some(match self.state {
            // However the process went in the end: it was its host that did not let it live.
            State::Killing(stop) => CrashCause::Killed { reason: stop.reason().to_owned() },
            _ => outcome::cause(died.cause),
        });
        let recover = self.parts.spec.recovery == RecoveryPolicy::FreshOnCrash;
        if self.opened.is_some() {
            let problem = format!("its process ended before it was ready: {}", self.last_words());
            self.tell_opened(Err(SessionError::Start { problem, source: None }.into()));
        }
        self.apply(Input::Died { recover });
    }

    fn last_words(&self) -> String {
        self.cause.as_ref().unwrap_or(&CrashCause::Unknown).to_string()
    }

    pub(super) fn lose(&mut self, stop: Option<Stop>) {
        let cause = self.cause.clone().unwrap_or(CrashCause::Unknown);
        let loss = format!("the session's state was lost before this execution: {cause}");
        // Before anybody is told, so that who hears of it finds it counted.
        self.parts.port.note(|info| info.crashes += 1);
        let mut was_told = false;
        if let Some(running) = self.running.take() {
            self.flush_decoders(&running);
            let (ring, is_code) = (Arc::clone(&running.job.ring), running.job.is_code());
            let outcome = outcome::lost(running, cause, stop);
            self.note_end(&outcome, is_code);
            ring.push(EventKind::Finished(Box::new(outcome)), wall_clock());
            was_told = is_code;
        }
        for job in self.queue.iter_mut().filter(|job| job.is_code()) {
            job.warnings.push(loss.clone());
            was_told = true;
        }
        self.loss = (!was_told).then_some(loss);
        self.merge = Merge::default();
        self.decoders = [Decoder::default(), Decoder::default()];
        self.number = 0;
        self.credit = 0;
    }

    /// No process could be started for the session.
    pub(super) fn refused(&mut self, error: Error) {
        self.cause = None;
        let error = match error {
            Error::Session(SessionError::Start { .. }) | Error::Sandbox(SandboxError::Lost { .. }) => error,
            other => {
                let problem = other.to_string();
                SessionError::Start { problem, source: Some(Source::new(other)) }.into()
            }
        };
        if self.opened.is_some() {
            self.tell_opened(Err(error));
            self.apply(Input::Close);
        } else {
            self.loss = Some(error.to_string());
            self.apply(Input::Refused);
        }
    }

    pub(super) fn refuse_all(&mut self) {
        let cause = self.loss.take().filter(|_| self.cause.is_none()).unwrap_or_else(|| self.last_words());
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
        self.take_admitted();
        if let Some(running) = self.running.take() {
            let (ring, is_code) = (Arc::clone(&running.job.ring), running.job.is_code());
            let mut outcome = outcome::lost(running, CrashCause::Unknown, Some(Stop::Interrupt));
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
