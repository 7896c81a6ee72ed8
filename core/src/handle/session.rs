//! A session in the hand.

use std::fmt;
use std::sync::Arc;

use super::Namespace;
use crate::error::Error;
use crate::{
    Backend, Execution, ExecutionId, ExecutionRequest, ExecutionResult, InputReply, InputToken, SessionId,
    SessionInfo,
};

/// A session that this program owns: dropping the handle closes it, [`Session::close`] closes it and waits.
///
/// Calls may be made concurrently through `&self`; executions run in order.
pub struct Session {
    backend: Arc<dyn Backend>,
    id: SessionId,
    owned: bool,
}

impl Session {
    pub(super) fn owning(backend: Arc<dyn Backend>, id: SessionId) -> Self {
        Self { backend, id, owned: true }
    }

    /// A handle for a session that is open already; dropping it leaves the session alone.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let (backend, id) = (session.backend(), session.id());
    /// let other = hibernaculum_core::Session::of(backend, id); // dropping it closes nothing
    /// # Ok(()) }
    /// ```
    pub fn of(backend: &Arc<dyn Backend>, id: SessionId) -> Self {
        Self { backend: Arc::clone(backend), id, owned: false }
    }

    /// Its id.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// assert!(session.id().to_string().starts_with("ses_"));
    /// # Ok(()) }
    /// ```
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// The backend that it is on.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let limits = &session.backend().features().limits;
    /// # Ok(()) }
    /// ```
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// Runs code to its end and collects everything that came of it.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let result = session.execute("6 * 7").await?;
    /// assert_eq!(result.json(), Some(&42.into()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::execute`] and [`Execution::result`]. A Python exception is no error.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the execution is interrupted; the session and its state live on.
    pub async fn execute(&self, request: impl Into<ExecutionRequest>) -> Result<ExecutionResult, Error> {
        self.start(request).await?.await
    }

    /// Puts code into the queue and gives the stream of its events.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let mut execution = session.start("print('one'); print('two')").await?;
    /// while let Some(event) = execution.next().await {
    ///     println!("{event:?}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::execute`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the execution does not run, or is interrupted.
    pub async fn start(&self, request: impl Into<ExecutionRequest>) -> Result<Execution, Error> {
        self.backend.execute(&self.id, request.into()).await
    }

    /// Takes up an execution that was detached.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let id = session.start("import time; time.sleep(60)").await?.detach();
    /// let execution = session.attach(&id, 0).await?; // from its first event on
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::attach`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    pub async fn attach(&self, execution: &ExecutionId, after_seq: u64) -> Result<Execution, Error> {
        self.backend.attach(&self.id, execution, after_seq).await
    }

    /// Interrupts an execution; `false` where it had ended.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let execution = session.start("while True: pass").await?;
    /// session.interrupt(&execution.id()).await?;
    /// assert!(!execution.await?.is_completed());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::interrupt`].
    ///
    /// # Cancel safety
    ///
    /// The interrupt may have been sent when the future is dropped.
    pub async fn interrupt(&self, execution: &ExecutionId) -> Result<bool, Error> {
        self.backend.interrupt(&self.id, execution).await
    }

    /// Answers a question of the running code.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::{EventKind, ExecutionRequest, StdinPolicy};
    ///
    /// let mut execution = session.start(ExecutionRequest::new("input()").stdin(StdinPolicy::Ask)).await?;
    /// while let Some(event) = execution.next().await {
    ///     if let EventKind::InputRequest { token, .. } = event.kind {
    ///         session.answer(&token, "a line").await?;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::answer`].
    ///
    /// # Cancel safety
    ///
    /// The answer may have been given when the future is dropped.
    pub async fn answer(&self, token: &InputToken, reply: impl Into<InputReply>) -> Result<(), Error> {
        self.backend.answer(&self.id, token, reply.into()).await
    }

    /// The session's names: to list, read, bind and delete.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// session.namespace().set("depth", 42).await?;
    /// # Ok(()) }
    /// ```
    pub fn namespace(&self) -> Namespace<'_> {
        Namespace::of(self)
    }

    /// What is known of the session now.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// println!("{} executions", session.info().await?.executions);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::session`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    pub async fn info(&self) -> Result<SessionInfo, Error> {
        self.backend.session(&self.id).await
    }

    /// Lets the session live on without the handle, until its sandbox ends.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let id = session.keep(); // it ends with its sandbox
    /// # Ok(()) }
    /// ```
    pub fn keep(mut self) -> SessionId {
        self.owned = false;
        self.id
    }

    /// Closes the session with all its processes, and waits until nothing is left.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// session.close().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::close_session`].
    ///
    /// # Cancel safety
    ///
    /// The session is closed all the same when the future is dropped.
    pub async fn close(mut self) -> Result<(), Error> {
        let done = self.backend.close_session(&self.id).await;
        self.owned = false;
        done
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.owned {
            self.backend.abandon_session(&self.id);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).field("owned", &self.owned).finish_non_exhaustive()
    }
}
