//! What is on its way through the actor: an execution, a question about names, a request about the whole state.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{ExecutionRequest, InputToken, Timeout};
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::names::Question;
use super::portable::{LoadWork, SaveWork};
use super::ring::Ring;
use super::state::StateRequest;
use crate::wire::Id;
use crate::wire::messages::Executed;

/// The time, to the millisecond, as the runner tells it too: so that events of both are in order.
pub(super) fn wall_clock() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// What a session is to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Run code.
    Code(ExecutionRequest),
    /// Answer a question. It is no execution of anybody's: it is not counted, and warnings and background output wait for one that is.
    Names(Question),
    /// Do something with the whole state. No execution of anybody's, either.
    State(StateRequest),
    /// Send the session's names, as blobs. No execution of anybody's, either.
    Save(Box<SaveWork>),
    /// Take names in place of the session's own.
    Load(Box<LoadWork>),
}

impl Work {
    /// Whether it may be done while a transaction waits for its commit or rollback.
    pub(super) fn fits_pending(&self) -> bool {
        match self {
            Self::Code(_) | Self::Save(_) | Self::Load(_) => false,
            Self::Names(_) => true,
            Self::State(request) => request.settles(),
        }
    }
}

/// Work that was admitted.
#[derive(Debug)]
pub(crate) struct Job {
    pub(super) work: Work,
    pub(super) ring: Arc<Ring>,
    pub(super) admitted: Instant,
    pub(super) deadline: Option<Instant>,
    /// What its outcome has to warn of, known before it began.
    pub(super) warnings: Vec<String>,
    /// Ends once its caller has put down what came of it, such as where a checkpoint is: a recovery waits for that.
    pub(super) afterword: Option<Afterword>,
}

/// See [`Job::afterword`]. Nothing is ever sent: it is the sender's end that tells.
pub(crate) type Afterword = oneshot::Receiver<()>;

impl Job {
    pub(super) fn new(work: Work, timeout: Timeout, ring: Arc<Ring>) -> Self {
        let admitted = Instant::now();
        // A timeout beyond what the clock can hold is as good as none.
        let deadline = timeout.limit().and_then(|limit| admitted.checked_add(limit));
        Self { work, ring, admitted, deadline, warnings: Vec::new(), afterword: None }
    }

    /// Whether it is an execution of a caller's.
    pub(super) fn is_code(&self) -> bool {
        matches!(self.work, Work::Code(_))
    }

    /// Whether it keeps the state: what happened to that before belongs to what is kept.
    pub(super) fn keeps_state(&self) -> bool {
        matches!(self.work, Work::Save(_) | Work::State(StateRequest::Freeze { .. }))
    }

    /// Whether nobody wants it any more.
    pub(super) fn is_unwanted(&self) -> bool {
        self.ring.is_cancelled()
    }

    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// The execution that runs.
#[derive(Debug)]
pub(super) struct RunningJob {
    pub(super) job: Job,
    /// Its number in the session's process.
    pub(super) number: u64,
    pub(super) queued: Duration,
    pub(super) sent: Instant,
    /// Questions that were not answered yet.
    pub(super) questions: HashMap<InputToken, Id>,
    /// Whether the supervisor was asked to forward what it prints.
    pub(super) watched: bool,
    /// Whether it has written, displayed or asked anything.
    pub(super) wrote: bool,
    /// Its answer, where that is told only once the session is what it was before.
    pub(super) held: Option<Box<Executed>>,
    /// Where an earlier host admitted it, when that was.
    pub(super) adopted: Option<Timestamp>,
}

impl RunningJob {
    pub(super) fn new(job: Job, number: u64, queued: Duration, sent: Instant) -> Self {
        let (watched, wrote, held, adopted) = (false, false, None, None);
        Self { job, number, queued, sent, questions: HashMap::new(), watched, wrote, held, adopted }
    }
}
