//! How the actor sets things going: processes, executions, the steps of the ladder.

use std::sync::Arc;

use hibernaculum_core::{CheckpointId, EventKind, ExecutionRequest, RecoveryPolicy, StdinPolicy};
use tokio::time::Instant;

use super::end::before_it_was_kept;
use super::{Actor, KILL_WAIT};
use crate::sandbox::{Order, Start, loss};
use crate::session::job::{Job, RunningJob, Work, wall_clock};
use crate::session::link::{Connecting, Link};
use crate::session::machine::{Effect, Input, Stop};
use crate::session::memo::{self, ExecutionMemo, Known};
use crate::session::state;
use crate::wire::messages::{self, Execute};
use crate::wire::{Frame, WireError, rpc};

impl Actor {
    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Interrupt => self.interrupt(),
            Effect::Kill(stop) => self.kill(stop),
            // `answered` knows what to tell.
            Effect::Finish => self.ladder = None,
            Effect::Lose(stop) => self.lose(stop),
            Effect::Restore(stop) if self.recovery.is_some() => self.recovered(stop),
            Effect::Restore(stop) => self.restored(stop),
            Effect::Start => self.connect(),
            Effect::Recall => self.recall(),
            Effect::RefuseAll => self.refuse_all(),
            Effect::EndAll => self.end_all(),
            Effect::FailAll => self.fail_all(),
        }
    }

    /// Connects to a process for the session: the first time to the branch that it is, if it is one; then to its guard where one waits, else
    /// to a fresh one.
    pub(super) fn connect(&mut self) {
        let branch = self.parts.branch.take().map(|(checkpoint, _)| checkpoint);
        self.link = Link::Connecting(self.dial(branch, false));
    }

    /// Another connection, which nobody has yet.
    pub(super) fn dial(&mut self, branch: Option<CheckpointId>, replace: bool) -> Connecting {
        let (dial, session) = (Arc::clone(&self.parts.dial), self.parts.port.id());
        self.process += 1;
        let (sandbox, mut lost) = (self.parts.sandbox, self.parts.lost.clone());
        let start = Start { branch, replace, adopt: self.is_adopting };
        Box::pin(async move {
            match dial.session(session, start).await {
                Ok(connection) => Ok(connection),
                Err(error) => Err(loss::explain(error, sandbox, &mut lost).await),
            }
        })
    }

    /// Begins the next execution of the queue; whether there was one.
    pub(super) fn begin(&mut self) -> bool {
        let Some(mut job) = self.queue.pop_front() else { return false };
        if let Some(error) = self.objection(&job) {
            self.parts.port.ended(None);
            job.ring.fail(error);
            return true;
        }
        let now = Instant::now();
        let mut events = Vec::new();
        if job.is_code() {
            job.warnings.append(&mut self.losses);
            let (written, dropped) = self.background.take();
            events = written;
            if dropped > 0 {
                job.warnings
                    .push(format!("{dropped} bytes of background output were dropped before this execution"));
            }
        }
        if job.keeps_state() && job.warnings.is_empty() {
            // The next execution is told as well.
            job.warnings.extend(before_it_was_kept(&self.losses));
        }
        self.number += 1;
        self.woken = None;
        if let Err(error) = self.send_work(&job) {
            // Nothing was sent: the caller's own message cannot be written.
            self.number -= 1;
            self.parts.port.ended(None);
            job.ring.fail(crate::failure::wire(error, "sending code to a session"));
            return true;
        }
        let queued = now.duration_since(job.admitted);
        self.parts.port.note_number(self.number);
        let ring = Arc::clone(&job.ring);
        self.running = Some(RunningJob::new(job, self.number, queued, now));
        self.apply(Input::Begin);
        for (kind, at) in events {
            ring.push(kind, at);
        }
        ring.push(EventKind::Started, wall_clock());
        true
    }

    pub(super) fn send_work(&mut self, job: &Job) -> Result<(), WireError> {
        match &job.work {
            Work::Code(request) => self.send_code(request, job),
            Work::Names(question) => match &mut self.link {
                Link::Up(halves) => question.push(self.number, &mut halves.1),
                _ => Ok(()),
            },
            Work::State(request) => self.send_state(*request),
            Work::Save(work) => self.send_save(work),
            Work::Load(work) => self.send_load(work),
        }
    }

    fn send_code(&mut self, request: &ExecutionRequest, job: &Job) -> Result<(), WireError> {
        let script = request.script.as_ref();
        let memo =
            self.parts.lingers.then(|| ExecutionMemo::new(request, job, self.parts.port.known(Known::of)));
        let mut execute = Execute {
            stdin: Some(match request.stdin {
                StdinPolicy::Ask => messages::StdinPolicy::Ask,
                _ => messages::StdinPolicy::Deny,
            }),
            filename: script.map(|script| script.filename.clone()),
            first_line: script.map(|script| script.first_line),
            argv: script.and_then(|script| script.argv.clone()),
            store_history: (!request.store_history).then_some(false),
            value_bytes: Some(request.output.value.as_u64()),
            transaction: state::transaction(request.transaction),
            guard: self.parts.spec.recovery == RecoveryPolicy::Guard,
            memo: memo.as_ref().and_then(memo::write),
            ..Execute::new(self.number, request.id.to_string(), request.code.clone())
        };
        let Link::Up(halves) = &mut self.link else { return Ok(()) };
        halves.1.push_texts(&mut execute)?;
        halves.1.push(rpc::request(self.number, &execute)?)
    }

    /// Sends a frame to the session, if it is there.
    pub(super) fn send(&mut self, frame: Frame) -> Result<(), WireError> {
        match &mut self.link {
            Link::Up(halves) => halves.1.push(frame),
            _ => Ok(()),
        }
    }

    fn interrupt(&mut self) {
        let Some(running) = &self.running else { return };
        running.job.ring.stop_waiting_for_readers();
        let (session, execution) = (self.parts.port.id(), running.number);
        self.orders.push_back(Order::Interrupt { session, execution, pid: self.process_meant() });
        self.ladder = Instant::now().checked_add(self.parts.spec.grace);
    }

    /// Has the session's process killed.
    pub(super) fn order_kill(&mut self, reason: &'static str) {
        let (session, pid) = (self.parts.port.id(), self.process_meant());
        let execution = self.running.as_ref().map(|running| running.number);
        self.orders.push_back(Order::Kill { session, reason, pid, execution });
    }

    /// The process that an order is about: one that follows it before the order arrives is left alone. While a connection is being made
    /// that is whichever there is.
    fn process_meant(&self) -> Option<u32> {
        self.pid.filter(|_| !matches!(self.link, Link::Connecting(_)))
    }

    fn kill(&mut self, stop: Stop) {
        self.order_kill(stop.reason());
        self.ladder = Some(Instant::now() + KILL_WAIT);
        if let Some(running) = &self.running {
            running.job.ring.stop_waiting_for_readers();
        }
    }
}
