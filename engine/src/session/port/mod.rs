//! A session as its callers see it: admission to the queue, and what is known (`book`).
//!
//! Admission is decided here and not by the actor, so that `execute` costs no round trip between tasks: a lock, a few comparisons, a send.

mod book;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hibernaculum_core::{
    ConfigError, Error, Execution, ExecutionError, ExecutionId, ExecutionRequest, InputReply, InputToken,
    OutputLimits, SessionError, SessionId, SessionInfo, Timeout,
};
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot};

use self::book::{Book, Sealed, Standing};
use super::actor::Ask;
use super::job::{Afterword, Job, Work};
use super::names::{Answer, Asked, Question};
use super::ring::Ring;
use super::state::StateRequest;

/// The longest code that is taken, in bytes.
const CODE_LIMIT: usize = 64 << 20;
/// The longest line that answers a question, in bytes.
const REPLY_LIMIT: usize = 64 << 20;

/// The callers' side of a session.
#[derive(Debug)]
pub(crate) struct Port {
    id: SessionId,
    queue_limit: usize,
    book: Mutex<Book>,
    jobs: mpsc::Sender<Job>,
    asks: mpsc::Sender<Ask>,
    /// Wakes the actor: a reader took something or left, an execution was cancelled.
    attention: Arc<Notify>,
}

impl Port {
    pub(crate) fn new(
        info: SessionInfo,
        queue_limit: usize,
        asks: mpsc::Sender<Ask>,
    ) -> (Arc<Self>, mpsc::Receiver<Job>) {
        // Room for the running one besides those that wait: admission sees to it that this is never exceeded.
        let (jobs, admitted) = mpsc::channel(queue_limit + 1);
        let (standing, known) = (Standing::Open, VecDeque::new());
        let book = Book { info, standing, open: 0, known, number: 0, line: None, warnings: Vec::new() };
        let id = book.info.id;
        let attention = Arc::new(Notify::new());
        (Arc::new(Self { id, queue_limit, book: Mutex::new(book), jobs, asks, attention }), admitted)
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(super) fn attention(&self) -> &Notify {
        &self.attention
    }

    /// Every change under the lock leaves the book whole, so that a poisoned one is as good as any.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an execution into the queue.
    pub(crate) fn execute(&self, request: ExecutionRequest) -> Result<Execution, Error> {
        request.validate()?;
        if request.code.len() > CODE_LIMIT {
            let (bytes, limit) = (request.code.len() as u64, CODE_LIMIT as u64);
            return Err(ExecutionError::CodeTooLarge { bytes, limit }.into());
        }
        let (id, limits, timeout) = (request.id, request.output, request.timeout);
        self.admit(id, limits, timeout, Work::Code(request), None)
    }

    /// Puts a question about names into the queue, and waits for the answer.
    pub(crate) async fn ask(&self, question: Question, timeout: Timeout) -> Result<Answer, Error> {
        question.validate()?;
        let asked = Asked::new(self.id, &question);
        let execution = self.admit_with(None, timeout, Work::Names(question))?;
        asked.read(execution.await?)
    }

    /// Puts a request about the whole state into the queue, and waits until it is done: what there is to warn of.
    pub(crate) async fn change(
        &self,
        request: StateRequest,
        afterword: Option<Afterword>,
    ) -> Result<Vec<String>, Error> {
        let execution = self.admit_with(afterword, Timeout::default(), Work::State(request))?;
        request.read(self.id, execution.await?)
    }

    /// Admits what is no execution of a caller's.
    pub(super) fn admit_with(
        &self,
        afterword: Option<Afterword>,
        timeout: Timeout,
        work: Work,
    ) -> Result<Execution, Error> {
        self.admit(ExecutionId::new(), OutputLimits::default(), timeout, work, afterword)
    }

    fn admit(
        &self,
        id: ExecutionId,
        limits: OutputLimits,
        timeout: Timeout,
        work: Work,
        afterword: Option<Afterword>,
    ) -> Result<Execution, Error> {
        let mut book = self.book();
        if !(matches!(book.standing, Standing::Sealed) && matches!(work, Work::Save(_))) {
            book.standing.admits(self.id)?;
        }
        if let Some(execution) = book.info.pending.filter(|_| !work.fits_pending()) {
            return Err(SessionError::TransactionPending { session: self.id, execution }.into());
        }
        if book.known.iter().any(|ring| ring.execution() == id) {
            return Err(ExecutionError::Exists { execution: id }.into());
        }
        if book.open > self.queue_limit {
            return Err(self.busy());
        }
        let ring = Ring::new(id, limits, Arc::clone(&self.attention));
        let reader = ring.attach(0);
        let mut job = Job::new(work, timeout, Arc::clone(&ring));
        job.afterword = afterword;
        let is_code = job.is_code();
        if is_code {
            job.warnings.append(&mut book.warnings);
        }
        // The lock is held: the order of admission is the order of the queue.
        if let Err(refused) = self.jobs.try_send(job) {
            book.warnings = refused.into_inner().warnings;
            return Err(self.busy());
        }
        book.open += 1;
        if is_code {
            book.known.push_back(ring);
        }
        book.info.last_used = Timestamp::now();
        drop(book);
        Ok(Execution::new(id, self.id, limits, reader))
    }

    /// Work of the actor's own, which stands in no queue and no book; and what reads its end.
    pub(super) fn unlisted(&self, work: Work, timeout: Timeout) -> (Job, Execution) {
        let (id, limits) = (ExecutionId::new(), OutputLimits::default());
        let ring = Ring::new(id, limits, Arc::clone(&self.attention));
        let reader = ring.attach(0);
        (Job::new(work, timeout, ring), Execution::new(id, self.id, limits, reader))
    }

    /// Counts work that an earlier host had begun; an execution is known from now on.
    pub(super) fn take_up(&self, id: ExecutionId, limits: OutputLimits, is_code: bool) -> Arc<Ring> {
        let ring = Ring::unread(id, limits, Arc::clone(&self.attention));
        let mut book = self.book();
        book.open += 1;
        if is_code {
            book.known.push_back(Arc::clone(&ring));
        }
        ring
    }

    fn busy(&self) -> Error {
        SessionError::Busy { session: self.id, limit: self.queue_limit }.into()
    }

    /// Takes up an execution's events.
    pub(crate) fn attach(&self, execution: ExecutionId, after_seq: u64) -> Result<Execution, Error> {
        let ring = self.ring(execution)?;
        let reader = ring.attach(after_seq);
        Ok(Execution::new(execution, self.id, ring.limits(), reader))
    }

    /// Wants an execution stopped; whether it had not ended.
    pub(crate) fn interrupt(&self, execution: ExecutionId) -> Result<bool, Error> {
        let ring = self.ring(execution)?;
        let open = ring.cancel();
        if open {
            self.attention.notify_one();
        }
        Ok(open)
    }

    fn ring(&self, execution: ExecutionId) -> Result<Arc<Ring>, Error> {
        let book = self.book();
        let ring = book.known.iter().find(|ring| ring.execution() == execution).cloned();
        ring.ok_or_else(|| ExecutionError::Unknown { execution }.into())
    }

    /// Answers a question of the running execution. One that is refused because of its reply stands.
    pub(crate) async fn answer(&self, token: InputToken, reply: InputReply) -> Result<(), Error> {
        if let InputReply::Line(line) = &reply
            && line.len() > REPLY_LIMIT
        {
            let (field, value) = ("reply".to_owned(), format!("{} bytes", line.len()));
            let rule = format!("must have at most {REPLY_LIMIT}; more goes through a file");
            return Err(ConfigError::Invalid { field, value, rule }.into());
        }
        let (done, answered) = oneshot::channel();
        let nobody = || Error::from(ExecutionError::NoSuchInput { token: token.clone() });
        let ask = Ask::Answer { token: token.clone(), reply, done };
        self.asks.send(ask).await.map_err(|_| nobody())?;
        if answered.await.unwrap_or(false) { Ok(()) } else { Err(nobody()) }
    }

    /// Closes the session and waits until nothing of it is left.
    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.asks.send(Ask::Close { done }).await.is_ok() {
            let _ = closed.await;
        }
        // An actor that is gone has closed its session.
        self.asks.closed().await;
    }

    /// Closes the session without waiting. The actor hears of it when it next looks.
    pub(crate) fn abandon(&self) {
        let (done, _) = oneshot::channel();
        if let Err(mpsc::error::TrySendError::Full(ask)) = self.asks.try_send(Ask::Close { done }) {
            // So many others ask at this moment: wait among them, in a task of its own.
            let asks = self.asks.clone();
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move { asks.send(ask).await });
            }
        }
    }

    /// Admits nothing from now on but a save, until the seal is dropped.
    pub(crate) fn seal(self: &Arc<Self>) -> Result<Sealed, Error> {
        let mut book = self.book();
        book.standing.admits(self.id)?;
        book.standing = Standing::Sealed;
        drop(book);
        Ok(Sealed(Arc::clone(self)))
    }
}
