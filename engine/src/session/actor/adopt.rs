//! A session that an earlier host left: what it did meanwhile, and what it is doing.
//!
//! ```text
//!  hello ─▶ where it is: numbers, positions, what was asked last ─┬─ an execution ─▶ a ring under its id, which began with a gap
//!                                                                 └─ anything else that has no answer yet ─▶ it ends, for nobody
//!        ─▶ what is kept, as if it came now ─▶ all as ever
//! ```

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{CheckpointId, EventKind, ExecutionId, OutputLimits, Timeout, TransactionScope};
use tokio::time::Instant;

use super::Actor;
use crate::session::job::{Job, RunningJob, Work, wall_clock};
use crate::session::machine::Input;
use crate::session::memo::{self, ExecutionMemo};
use crate::session::names::Question;
use crate::session::state::{PendingTransaction, StateRequest};
use crate::wire::messages::{Adopted, Asked};

impl Actor {
    /// The session is here; what it said comes next.
    pub(super) fn adopt(&mut self, adopted: Adopted) {
        self.is_adopting = false;
        self.merge.begin_at(adopted.text, adopted.raw);
        self.number = adopted.number;
        self.parts.port.note_number(self.number);
        self.pending = adopted.pending.as_ref().and_then(pending);
        if let Some((id, memo)) = adopted.pending.as_ref().and_then(told) {
            self.note_session(id, memo);
        }
        let Some(asked) = adopted.request else { return };
        match told(&asked) {
            Some((id, memo)) if asked.method == "execute" => self.take_up(&asked, id, memo),
            _ if !adopted.answered => self.let_end(&asked),
            _ => {}
        }
    }

    /// The last execution: it runs, or its answer is among what comes.
    fn take_up(&mut self, asked: &Asked, id: ExecutionId, memo: ExecutionMemo) {
        let ring = self.parts.port.take_up(id, memo.output, true);
        let mut job = Job::new(Work::Code(memo.request(id)), Timeout::Unlimited, Arc::clone(&ring));
        job.deadline = memo.due();
        let (admitted, queued) = (memo.admitted, Duration::from_micros(memo.queued_us));
        self.note_session(id, memo);
        self.begin_adopted(job, asked.execution, queued);
        if let Some(running) = &mut self.running {
            running.adopted = Some(admitted);
        }
        ring.push(EventKind::Gap { from: None, to: None }, wall_clock());
    }

    /// Something that nobody waits for any more, and that must end before anything else can begin.
    fn let_end(&mut self, asked: &Asked) {
        let settles = self.pending.map(|pending| pending.execution);
        let work = match (asked.method.as_str(), settles) {
            ("transaction.commit", Some(execution)) => Work::State(StateRequest::Commit { execution }),
            ("transaction.rollback", Some(execution)) => Work::State(StateRequest::Rollback { execution }),
            ("checkpoint.freeze", _) => Work::State(StateRequest::Freeze { checkpoint: CheckpointId::new() }),
            // Of what was saved, and of a load, nobody has the rest: what comes of it is not looked at.
            _ => Work::Names(Question::Clear),
        };
        let ring = self.parts.port.take_up(ExecutionId::new(), OutputLimits::default(), false);
        self.begin_adopted(Job::new(work, Timeout::Unlimited, ring), asked.execution, Duration::ZERO);
    }

    fn begin_adopted(&mut self, job: Job, number: u64, queued: Duration) {
        self.running = Some(RunningJob::new(job, number, queued, Instant::now()));
        self.apply(Input::Begin);
    }

    /// What was known of the session when its last execution began.
    fn note_session(&self, execution: ExecutionId, memo: ExecutionMemo) {
        self.parts.port.note(|info| {
            memo.session.tell(info);
            info.last_execution = Some(execution);
        });
    }
}

/// An execution, and what its host said of it.
fn told(asked: &Asked) -> Option<(ExecutionId, ExecutionMemo)> {
    Some((asked.id.as_ref()?.parse().ok()?, memo::read(asked.memo.as_ref()?)?))
}

/// A transaction that waits.
fn pending(asked: &Asked) -> Option<PendingTransaction> {
    let (execution, memo) = told(asked)?;
    let scope = memo.transaction.scope().unwrap_or(TransactionScope::Memory);
    Some(PendingTransaction { execution, number: asked.execution, scope })
}
