//! How the actor sets things going: processes, executions, the steps of the ladder.

use std::collections::HashMap;
use std::sync::Arc;

use hibernaculum_core::{EventKind, ExecutionRequest, StdinPolicy};
use tokio::time::Instant;

use super::{Actor, KILL_WAIT};
use crate::sandbox::{Order, loss};
use crate::session::job::{Running, Work, wall_clock};
use crate::session::link::Link;
use crate::session::machine::{Effect, Input, Stop};
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
            Effect::Start => self.connect(),
            Effect::RefuseAll => self.refuse_all(),
            Effect::EndAll => self.end_all(),
            Effect::FailAll => self.fail_all(),
        }
    }

    /// Starts a process for the session.
    pub(super) fn connect(&mut self) {
        let (dial, session) = (Arc::clone(&self.parts.dial), self.parts.port.id());
        self.process += 1;
        let (sandbox, mut lost) = (self.parts.sandbox, self.parts.lost.clone());
        self.link = Link::Connecting(Box::pin(async move {
            match dial.session(session).await {
                Ok(connection) => Ok(connection),
                Err(error) => Err(loss::explain(error, sandbox, &mut lost).await),
            }
        }));
    }

    /// Begins the next execution of the queue; whether there was one.
    pub(super) fn begin(&mut self) -> bool {
        let Some(mut job) = self.queue.pop_front() else { return false };
        let now = Instant::now();
        let mut events = Vec::new();
        if job.is_code() {
            job.warnings.extend(self.loss.take());
            let (written, dropped) = self.background.take();
            events = written;
            if dropped > 0 {
                job.warnings
                    .push(format!("{dropped} bytes of background output were dropped before this execution"));
            }
        }
        self.number += 1;
        if let Err(error) = self.send_work(&job.work) {
            // Nothing was sent: the caller's own message cannot be written.
            self.number -= 1;
            self.parts.port.ended(None);
            job.ring.fail(crate::failure::wire(error, "sending code to a session"));
            return true;
        }
        let queued = now.duration_since(job.admitted);
        let (number, questions) = (self.number, HashMap::new());
        let ring = Arc::clone(&job.ring);
        self.running =
            Some(Running { job, number, queued, sent: now, questions, watched: false, wrote: false });
        self.apply(Input::Begin);
        for (kind, at) in events {
            ring.push(kind, at);
        }
        ring.push(EventKind::Started, wall_clock());
        true
    }

    fn send_work(&mut self, work: &Work) -> Result<(), WireError> {
        match work {
            Work::Code(request) => self.send_code(request),
            Work::Names(question) => match &mut self.link {
                Link::Up(halves) => question.push(self.number, &mut halves.1),
                _ => Ok(()),
            },
        }
    }

    fn send_code(&mut self, request: &ExecutionRequest) -> Result<(), WireError> {
        let script = request.script.as_ref();
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
        self.orders.push_back(Order::Interrupt { session, execution });
        self.ladder = Instant::now().checked_add(self.parts.spec.grace);
    }

    fn kill(&mut self, stop: Stop) {
        let (session, reason) = (self.parts.port.id(), stop.reason());
        self.orders.push_back(Order::Kill { session, reason });
        self.ladder = Some(Instant::now() + KILL_WAIT);
        if let Some(running) = &self.running {
            running.job.ring.stop_waiting_for_readers();
        }
    }
}
