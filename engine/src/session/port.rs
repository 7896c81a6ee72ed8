//! A session as its callers see it: admission to the queue, and what is known.
//!
//! Admission is decided here and not by the actor, so that `execute` costs no round trip between tasks: a lock, a few comparisons, a send.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hibernaculum_core::{
    CheckpointId, ConfigError, Error, Execution, ExecutionError, ExecutionId, ExecutionRequest, InputReply,
    InputToken, OutputLimits, SessionError, SessionId, SessionInfo, SessionState, Timeout,
};
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot};

use super::actor::Ask;
use super::job::{Afterword, Job, Work};
use super::names::{Answer, Asked, Question};
use super::ring::Ring;
use super::state::StateRequest;

/// How many ended executions are remembered.
const REMEMBERED: usize = 8;
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

/// What is known of the session.
#[derive(Debug)]
struct Book {
    info: SessionInfo,
    standing: Standing,
    /// Executions that were admitted and have not ended.
    open: usize,
    /// Their rings, and those of the last that ended.
    known: VecDeque<Arc<Ring>>,
    /// The highest number that any execution of its process has had, or of those whose state it goes on from.
    number: u64,
    /// The newest portable checkpoint that it was saved as or restored from: blobs of that need not be sent again.
    line: Option<CheckpointId>,
    /// What the next execution has to warn of.
    warnings: Vec<String>,
}

/// Whether executions are admitted.
#[derive(Debug, Clone)]
enum Standing {
    Open,
    Crashed(String),
    Closed,
    Gone(Error),
    /// It is being put to sleep: only what saves it is admitted.
    Sealed,
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

    /// The highest number that any execution of it has had.
    pub(crate) fn number(&self) -> u64 {
        self.book().number
    }

    /// From now on its state goes on from that checkpoint. Returns the one before.
    pub(crate) fn go_on_from(&self, checkpoint: CheckpointId) -> Option<CheckpointId> {
        self.book().info.checkpoint.replace(checkpoint)
    }

    pub(super) fn note_number(&self, number: u64) {
        self.book().number = number;
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

    /// The newest portable checkpoint of its line.
    pub(crate) fn line(&self) -> Option<CheckpointId> {
        self.book().line
    }

    /// It was saved as that checkpoint, or goes on from it.
    pub(crate) fn note_line(&self, checkpoint: CheckpointId) {
        self.book().line = Some(checkpoint);
    }

    /// It goes on from a session in which so many executions had ended.
    pub(crate) fn note_executions(&self, executions: u64) {
        self.book().info.executions = executions;
    }

    /// The next execution that is admitted warns of this.
    pub(crate) fn warn(&self, warnings: Vec<String>) {
        self.book().warnings.extend(warnings);
    }

    /// Admits nothing from now on but a save, until the seal is dropped.
    pub(crate) fn seal(self: &Arc<Self>) -> Result<Sealed, Error> {
        let mut book = self.book();
        book.standing.admits(self.id)?;
        book.standing = Standing::Sealed;
        drop(book);
        Ok(Sealed(Arc::clone(self)))
    }

    /// What is known of the session now.
    pub(crate) fn info(&self) -> SessionInfo {
        let book = self.book();
        let running = usize::from(book.info.state == SessionState::Running);
        let mut info = book.info.clone();
        info.queued = book.open.saturating_sub(running);
        info
    }

    /// Changes what is known.
    pub(super) fn note(&self, change: impl FnOnce(&mut SessionInfo)) {
        change(&mut self.book().info);
    }

    /// Takes note of the end of an execution, before anybody is told of it.
    pub(super) fn ended(&self, ran: Option<Duration>) {
        let mut book = self.book();
        book.open = book.open.saturating_sub(1);
        if let Some(time) = ran {
            book.info.executions += 1;
            book.info.execution_time += time;
        }
        let mut ended = book.known.iter().filter(|ring| ring.is_ended()).count();
        // The one that ends now is not counted as ended yet.
        book.known.retain(|ring| {
            let forget = ended >= REMEMBERED && ring.is_ended();
            ended -= usize::from(forget);
            !forget
        });
    }

    /// From now on nothing is admitted, because the session crashed for good.
    pub(super) fn crashed(&self, cause: String) {
        let mut book = self.book();
        book.info.state = SessionState::Crashed;
        book.standing = Standing::Crashed(cause);
    }

    /// From now on nothing is admitted, because the session is closed.
    pub(super) fn closed(&self) {
        let mut book = self.book();
        book.info.state = SessionState::Closed;
        book.standing = Standing::Closed;
    }

    /// From now on nothing is admitted, because the sandbox is gone.
    pub(super) fn gone(&self, error: Error) {
        let mut book = self.book();
        book.info.state = SessionState::Closed;
        book.standing = Standing::Gone(error);
    }
}

/// Keeps everything but a save from being admitted. Dropped, it opens the session again, unless that was closed or has crashed meanwhile.
#[derive(Debug)]
pub(crate) struct Sealed(Arc<Port>);

impl Drop for Sealed {
    fn drop(&mut self) {
        let mut book = self.0.book();
        if matches!(book.standing, Standing::Sealed) {
            book.standing = Standing::Open;
        }
    }
}

impl Standing {
    fn admits(&self, session: SessionId) -> Result<(), Error> {
        match self {
            Self::Open => Ok(()),
            Self::Crashed(cause) => Err(SessionError::Crashed { session, cause: cause.clone() }.into()),
            Self::Closed | Self::Sealed => Err(SessionError::Closed { session }.into()),
            Self::Gone(error) => Err(error.clone()),
        }
    }
}
