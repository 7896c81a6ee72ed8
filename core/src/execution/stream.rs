//! A running execution, as a stream and as a future.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::{Collector, Event, EventKind, ExecutionResult, OutputLimits};
use crate::error::{Error, TransportError};
use crate::{ExecutionId, SessionId};

/// What a backend gives an [`Execution`] to read from.
///
/// ```
/// use std::collections::VecDeque;
/// use std::task::{Context, Poll};
/// use hibernaculum_core::{Error, Event, Execution, ExecutionId, ExecutionSource, OutputLimits, SessionId};
///
/// /// Events that are there already.
/// struct Recorded {
///     events: VecDeque<Event>,
///     error: Option<Error>,
/// }
///
/// impl ExecutionSource for Recorded {
///     fn poll_event(&mut self, _: &mut Context<'_>) -> Poll<Option<Event>> {
///         Poll::Ready(self.events.pop_front())
///     }
///     fn take_error(&mut self) -> Option<Error> {
///         self.error.take()
///     }
///     fn detach(&mut self) {} // nothing runs that a drop could interrupt
/// }
///
/// let recorded = Recorded { events: VecDeque::new(), error: None };
/// let execution = Execution::new(ExecutionId::new(), SessionId::new(), OutputLimits::default(), recorded);
/// ```
pub trait ExecutionSource: Send {
    /// The next event; `None` after [`EventKind::Finished`] or [`EventKind::Failed`] was given. Where none is there yet, it is [`Poll::Pending`], and
    /// the waker of `cx` is told when one is.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>>;

    /// The same for a reader that only wants to have them all: where none is there yet, the waker need not be told before the last event is, or so
    /// many that they are better taken now. A short execution is then waited for once, and not once for each of its events.
    ///
    /// As provided it is [`ExecutionSource::poll_event`].
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use hibernaculum_core::{Event, ExecutionSource};
    ///
    /// async fn all(source: &mut dyn ExecutionSource) -> Vec<Event> {
    ///     let mut events = Vec::new();
    ///     while let Some(event) = poll_fn(|cx| source.poll_collected(cx)).await {
    ///         events.push(event);
    ///     }
    ///     events
    /// }
    /// ```
    fn poll_collected(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }

    /// The error that a [`EventKind::Failed`] told of, once; `None` where there was none, or it was taken.
    fn take_error(&mut self) -> Option<Error>;

    /// Lets the execution run on when this is dropped. Without it the drop interrupts.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let id = session.start("train()").await?.detach(); // it runs on
    /// let result = session.attach(&id, 0).await?.await?;
    /// # Ok(()) }
    /// ```
    fn detach(&mut self);
}

/// One execution under way: a `Stream` of its [`Event`]s, or, awaited, the [`ExecutionResult`] that they add up to.
///
/// A slow reader slows the code down. Dropping it interrupts the execution (the session and its state live on); [`Execution::detach`] lets it
/// run on instead, to be taken up again with `attach`.
///
/// # Cancel safety
///
/// Both the stream and the future may be dropped at any point: nothing is stranded, and the execution is interrupted.
///
/// ```no_run
/// # async fn example(session: &hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_core::EventKind;
/// let mut execution = session.start("for i in range(3): print(i)").await?;
/// while let Some(event) = execution.next().await {
///     if let EventKind::Output { text, .. } = event.kind {
///         print!("{text}");
///     }
/// }
/// # Ok(()) }
/// ```
#[must_use = "an execution that is dropped is interrupted: await it, stream from it or detach it"]
pub struct Execution {
    id: ExecutionId,
    session: SessionId,
    limits: OutputLimits,
    source: Box<dyn ExecutionSource>,
}

impl Execution {
    /// An execution over a backend's source of events.
    ///
    /// ```
    /// use std::task::{Context, Poll};
    /// use hibernaculum_core::{Error, Event, Execution, ExecutionId, ExecutionSource, OutputLimits, SessionId};
    ///
    /// struct Silent;
    /// impl ExecutionSource for Silent {
    ///     fn poll_event(&mut self, _: &mut Context<'_>) -> Poll<Option<Event>> {
    ///         Poll::Ready(None)
    ///     }
    ///     fn take_error(&mut self) -> Option<Error> {
    ///         None
    ///     }
    ///     fn detach(&mut self) {}
    /// }
    ///
    /// let id = ExecutionId::new();
    /// let execution = Execution::new(id, SessionId::new(), OutputLimits::default(), Silent);
    /// assert_eq!(execution.id(), id);
    /// ```
    pub fn new(
        id: ExecutionId,
        session: SessionId,
        limits: OutputLimits,
        source: impl ExecutionSource + 'static,
    ) -> Self {
        Self { id, session, limits, source: Box::new(source) }
    }

    /// The execution's id.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let execution = session.start("1 + 1").await?;
    /// println!("{}", execution.id());
    /// # Ok(()) }
    /// ```
    pub fn id(&self) -> ExecutionId {
        self.id
    }

    /// The session that it runs in.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let execution = session.start("1 + 1").await?;
    /// assert_eq!(execution.session(), session.id());
    /// # Ok(()) }
    /// ```
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Lets the execution run on without this stream; gives the id with which `attach` takes it up again.
    ///
    /// What it writes meanwhile is kept in a bounded ring that overwrites the oldest ([`EventKind::Gap`] tells).
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let id = session.start("train()").await?.detach();
    /// let result = session.attach(&id, 0).await?.await?; // later, here or in another program
    /// # Ok(()) }
    /// ```
    pub fn detach(mut self) -> ExecutionId {
        self.source.detach();
        self.id
    }

    /// The next event, `None` after the last one.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let mut execution = session.start("print(1)").await?;
    /// while let Some(event) = execution.next().await {
    ///     println!("{}: {:?}", event.seq, event.kind);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.source.poll_event(cx)).await
    }

    /// Reads to the end. The same as awaiting the execution, but leaves it to be asked for its id.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let result = session.start("6 * 7").await?.result().await?;
    /// assert_eq!(result.json(), Some(&42.into()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// What [`EventKind::Failed`] told of: the way to the sandbox broke, or the execution never ran. A Python exception is no error.
    ///
    /// # Cancel safety
    ///
    /// What was collected is lost when the future is dropped; the execution goes on.
    pub async fn result(&mut self) -> Result<ExecutionResult, Error> {
        let mut collector = Collector::new(self.id, self.limits);
        while let Some(event) = poll_fn(|cx| self.source.poll_collected(cx)).await {
            if matches!(event.kind, EventKind::Failed { .. }) {
                break;
            }
            if let Some(outcome) = collector.push(event) {
                return Ok(collector.finish(outcome));
            }
        }
        Err(self.error())
    }

    /// The error that the stream ended with, after [`EventKind::Failed`].
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let mut execution = session.start("1 + 1").await?;
    /// while execution.next().await.is_some() {}
    /// println!("{}", execution.error()); // why its stream ended without an outcome, if it did
    /// # Ok(()) }
    /// ```
    pub fn error(&mut self) -> Error {
        self.source.take_error().unwrap_or_else(|| {
            TransportError::Broken { doing: "reading the events of an execution".to_owned(), source: None }
                .into()
        })
    }
}

impl Stream for Execution {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.source.poll_event(cx)
    }
}

impl IntoFuture for Execution {
    type Output = Result<ExecutionResult, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move { self.result().await })
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("id", &self.id)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
