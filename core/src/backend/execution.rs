//! Sessions, what runs in them, and the names that they have.

use async_trait::async_trait;

use crate::error::{Error, Unsupported};
use crate::{
    Execution, ExecutionId, ExecutionRequest, Feature, InputReply, InputToken, NamespaceFilter,
    NamespaceListing, ReprLimits, SandboxId, SessionId, SessionInfo, SessionSpec, Value,
};

/// Opens sessions and runs code in them.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SandboxExecution: Send + Sync {
    /// Opens a session and waits until it takes code.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// let session = backend.open_session(&id, hibernaculum_core::SessionSpec::default()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::SandboxError::Unknown`], [`Error::Session`] where it did not start, [`Error::Unsupported`] for a recovery policy that this
    /// backend lacks.
    ///
    /// # Cancel safety
    ///
    /// A session whose opening is given up is closed by the backend.
    async fn open_session(&self, sandbox: &SandboxId, spec: SessionSpec) -> Result<SessionInfo, Error>;

    /// Tells about a session.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// println!("{:?}", backend.session(&id).await?.state);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::SessionError::Unknown`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn session(&self, session: &SessionId) -> Result<SessionInfo, Error>;

    /// Lists the open sessions of a sandbox, the oldest first.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// println!("{} sessions", backend.sessions(&id).await?.len());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::SandboxError::Unknown`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn sessions(&self, sandbox: &SandboxId) -> Result<Vec<SessionInfo>, Error>;

    /// Ends a session and all its processes; running and waiting executions end as interrupted. That it is closed already is no error.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// backend.close_session(&id).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::SessionError::Unknown`] for a session that never was.
    ///
    /// # Cancel safety
    ///
    /// The session is closed all the same when the future is dropped.
    async fn close_session(&self, session: &SessionId) -> Result<(), Error>;

    /// Closes a session as soon as may be, without waiting: what a handle that is dropped calls. Never blocks.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// backend.abandon_session(&id);
    /// # Ok(()) }
    /// ```
    fn abandon_session(&self, session: &SessionId);

    /// Puts code into the session's queue. Executions of one session run in the order of these calls.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// let result = backend.execute(&id, "6 * 7".into()).await?.await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Session`] where the session is unknown, closed, crashed or busy; [`Error::Config`] and [`Error::Unsupported`] for a request that
    /// makes no sense or that this backend lacks; [`crate::ExecutionError`] for code that is too large or an id that was used.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the execution does not run, or is interrupted.
    async fn execute(&self, session: &SessionId, request: ExecutionRequest) -> Result<Execution, Error>;

    /// Takes up the events of an execution that was detached, or whose stream another holds, after those up to `after_seq` (0: from the first).
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId, execution: hibernaculum_core::ExecutionId) -> Result<(), hibernaculum_core::Error> {
    /// let execution = backend.attach(&id, &execution, 0).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::ExecutionError::Unknown`] for an execution that never was, or that ended long ago.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn attach(
        &self,
        session: &SessionId,
        execution: &ExecutionId,
        after_seq: u64,
    ) -> Result<Execution, Error>;

    /// Interrupts an execution: a waiting one never begins, in a running one `KeyboardInterrupt` is raised; where that does not end it within the
    /// session's grace, its process is killed. `true` where it was waiting or running, `false` where it had ended: then nothing is done.
    ///
    /// Returns at once; the execution's own stream tells how it ended.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId, execution: hibernaculum_core::ExecutionId) -> Result<(), hibernaculum_core::Error> {
    /// let had_not_ended = backend.interrupt(&id, &execution).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::SessionError::Unknown`], [`crate::ExecutionError::Unknown`].
    ///
    /// # Cancel safety
    ///
    /// The interrupt may have been sent when the future is dropped.
    async fn interrupt(&self, session: &SessionId, execution: &ExecutionId) -> Result<bool, Error>;

    /// Answers an [`crate::EventKind::InputRequest`].
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId, token: hibernaculum_core::InputToken) -> Result<(), hibernaculum_core::Error> {
    /// backend.answer(&id, &token, "a line".into()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::ExecutionError::NoSuchInput`] where nobody waits for it (any more); [`crate::ConfigError::Invalid`] where the line is too
    /// long: the question stands.
    ///
    /// # Cancel safety
    ///
    /// The answer may have been given when the future is dropped.
    async fn answer(&self, session: &SessionId, token: &InputToken, reply: InputReply) -> Result<(), Error>;

    /// The backend's name, as its [`Features`](crate::Features) have it: refusals tell it.
    ///
    /// ```
    /// # fn example(backend: &dyn hibernaculum_core::Backend) {
    /// assert_eq!(backend.execution_backend(), backend.features().backend);
    /// # }
    /// ```
    fn execution_backend(&self) -> &str;

    /// Lists the names of a session; runs no user code. Like all `namespace_…` calls it takes its turn after the executions that were
    /// admitted before it, counts as one of the queue, and gives up after 30 s.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// let listing = backend.namespace_list(&id, hibernaculum_core::NamespaceFilter::default()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`SandboxExecution::execute`], and [`crate::SessionError::NotServed`] where it was not answered in time, or the session's process died.
    /// [`Error::Unsupported`] without [`Feature::Namespace`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn namespace_list(
        &self,
        session: &SessionId,
        filter: NamespaceFilter,
    ) -> Result<NamespaceListing, Error> {
        let _ = (session, filter);
        Err(self.lacks_namespace())
    }

    /// The JSON form of a variable, where it has an exact one: `None`, `bool`, `int` of 64 bits (`i64` or `u64`), finite `float`, `str`, and lists and
    /// dicts (with `str` keys) of those. Runs no user code.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// let value = backend.namespace_get(&id, "depth").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`SandboxExecution::namespace_list`], [`crate::SessionError::NoSuchName`], [`crate::SessionError::NotJson`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn namespace_get(&self, session: &SessionId, name: &str) -> Result<serde_json::Value, Error> {
        let _ = (session, name);
        Err(self.lacks_namespace())
    }

    /// The `repr` of a variable. It is user code: where it does not end in time it is interrupted like an execution. What it prints is dropped.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::{ByteSize, ReprLimits};
    /// use std::time::Duration;
    ///
    /// let limits = ReprLimits::new(ByteSize::kib(4), Duration::from_secs(1));
    /// let value = backend.namespace_repr(&id, "frame", limits).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`SandboxExecution::namespace_list`], [`crate::SessionError::NoSuchName`], [`Error::Config`] for limits that make no sense.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the `repr` is interrupted.
    async fn namespace_repr(
        &self,
        session: &SessionId,
        name: &str,
        limits: ReprLimits,
    ) -> Result<Value, Error> {
        let _ = (session, name, limits);
        Err(self.lacks_namespace())
    }

    /// Binds a name to a value; `true` where it was bound before. No execution's changes tell of it.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// backend.namespace_set(&id, "depth", 42.into()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`SandboxExecution::namespace_list`]; [`Error::Config`] for what cannot be a name, or is one of Python's own or the session's.
    ///
    /// # Cancel safety
    ///
    /// The name may have been bound when the future is dropped.
    async fn namespace_set(
        &self,
        session: &SessionId,
        name: &str,
        value: serde_json::Value,
    ) -> Result<bool, Error> {
        let _ = (session, name, value);
        Err(self.lacks_namespace())
    }

    /// Deletes a name; `false` where it was not bound.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// backend.namespace_delete(&id, "depth").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`SandboxExecution::namespace_list`]; [`Error::Config`] for one of Python's own names or the session's.
    ///
    /// # Cancel safety
    ///
    /// The name may have been deleted when the future is dropped.
    async fn namespace_delete(&self, session: &SessionId, name: &str) -> Result<bool, Error> {
        let _ = (session, name);
        Err(self.lacks_namespace())
    }

    /// Drops all names, with `_`, `In` and `Out`, and keeps the interpreter: its imports, its threads, its execution count.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// backend.namespace_clear(&id).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`SandboxExecution::namespace_list`].
    ///
    /// # Cancel safety
    ///
    /// The names, or some, may have been dropped when the future is dropped.
    async fn namespace_clear(&self, session: &SessionId) -> Result<(), Error> {
        let _ = session;
        Err(self.lacks_namespace())
    }

    /// What the `namespace_…` methods answer where they are not implemented.
    ///
    /// ```
    /// # fn example(backend: &dyn hibernaculum_core::Backend) {
    /// assert_eq!(backend.lacks_namespace().code(), "unsupported");
    /// # }
    /// ```
    fn lacks_namespace(&self) -> Error {
        Unsupported::feature(self.execution_backend(), Feature::Namespace).into()
    }
}
