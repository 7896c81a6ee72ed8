//! Checkpoints of sessions, and what is done with them.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Unsupported};
use crate::{
    ByteSize, CheckpointId, ExecutionId, Feature, Manifest, SandboxId, SessionId, SessionInfo, SessionSpec,
    Timeout,
};

/// What sort of checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CheckpointKind {
    /// A frozen fork of the session: everything in memory, in milliseconds; ends with its sandbox.
    Live,
    /// A serialised namespace with a manifest, in a checkpoint store; outlives everything.
    Portable,
}

/// What is asked of a checkpoint.
///
/// ```
/// use std::time::Duration;
/// use hibernaculum_core::{ByteSize, CheckpointKind, CheckpointLimits, CheckpointRequest};
///
/// let frozen = CheckpointRequest::new(CheckpointKind::Live).name("before the search");
/// let saved = CheckpointRequest::portable()
///     .name("after training")
///     .limits(CheckpointLimits::default().variable(ByteSize::gib(1)))
///     .timeout(Duration::from_secs(120));
/// assert_eq!(frozen.kind, CheckpointKind::Live);
/// assert_eq!(saved.limits.total, None); // no cap for all together
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckpointRequest {
    /// What sort.
    pub kind: CheckpointKind,
    /// A name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// How much a portable one may save.
    #[serde(default)]
    pub limits: CheckpointLimits,
    /// How long a portable one may take, the queue included; a live one takes no notice. Unset: 10 minutes.
    #[serde(default)]
    pub timeout: Option<Timeout>,
}

/// How much a portable checkpoint may save. What is over its cap is skipped, and the manifest says so; over the total, the rest is.
///
/// ```
/// use hibernaculum_core::{ByteSize, CheckpointLimits};
///
/// let limits = CheckpointLimits::default().variable(ByteSize::mib(256)).total(ByteSize::gib(2));
/// assert_eq!(limits.total, Some(ByteSize::gib(2)));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CheckpointLimits {
    /// Of one variable, in raw bytes; unset: no cap.
    pub variable: Option<ByteSize>,
    /// Of all together, in raw bytes; unset: no cap.
    pub total: Option<ByteSize>,
}

impl CheckpointLimits {
    /// Caps what one variable may take, in raw bytes: one that takes more is skipped, and the manifest says so. Unset: no cap.
    #[must_use]
    pub fn variable(mut self, limit: ByteSize) -> Self {
        self.variable = Some(limit);
        self
    }

    /// Caps what all may take together, in raw bytes: what comes beyond it is skipped, and the manifest says so. Unset: no cap.
    #[must_use]
    pub fn total(mut self, limit: ByteSize) -> Self {
        self.total = Some(limit);
        self
    }
}

impl CheckpointRequest {
    /// How long a portable checkpoint may take unless its request says otherwise: 10 minutes.
    pub const TIMEOUT: Duration = Duration::from_mins(10);

    /// A checkpoint without a name.
    pub fn new(kind: CheckpointKind) -> Self {
        Self { kind, name: None, limits: CheckpointLimits::default(), timeout: None }
    }

    /// A portable checkpoint without a name.
    pub fn portable() -> Self {
        Self::new(CheckpointKind::Portable)
    }

    /// Caps what a portable one saves; a live one takes no notice. Unset: no caps.
    #[must_use]
    pub fn limits(mut self, limits: CheckpointLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how long a portable one may take, the queue included. Unset: [`CheckpointRequest::TIMEOUT`], 10 minutes.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = Some(timeout.into());
        self
    }

    /// Gives it a name for people.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// What is known of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckpointInfo {
    /// Its id.
    pub id: CheckpointId,
    /// What sort it is.
    pub kind: CheckpointKind,
    /// The session that it was made of.
    pub session: SessionId,
    /// The checkpoint that the session had gone on from.
    #[serde(default)]
    pub parent: Option<CheckpointId>,
    /// When it was made.
    pub created: Timestamp,
    /// Its name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// What it takes: memory of its own if it is live, stored bytes if it is portable.
    #[serde(default)]
    pub size: ByteSize,
    /// What it could not hold, and why.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl CheckpointInfo {
    /// A checkpoint that was made just now. For those who implement a backend.
    ///
    /// ```
    /// use hibernaculum_core::{CheckpointId, CheckpointInfo, CheckpointKind, SessionId};
    ///
    /// let info = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Live, SessionId::new());
    /// assert_eq!(info.parent, None);
    /// ```
    pub fn new(id: CheckpointId, kind: CheckpointKind, session: SessionId) -> Self {
        Self {
            id,
            kind,
            session,
            parent: None,
            created: Timestamp::now(),
            name: None,
            size: ByteSize::default(),
            warnings: Vec::new(),
        }
    }
}

/// Checkpoints, branches and transactions of sessions.
///
/// Every method answers [`Error::Unsupported`] where the backend lacks the feature that it needs.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SandboxCheckpoints: Send + Sync {
    /// The backend's name, as its [`Features`](crate::Features) have it: refusals tell it.
    ///
    /// ```
    /// # fn example(backend: &dyn hibernaculum_core::Backend) {
    /// assert_eq!(backend.checkpoints_backend(), backend.features().backend);
    /// # }
    /// ```
    fn checkpoints_backend(&self) -> &str;

    /// Makes a checkpoint of an idle session.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId, request: hibernaculum_core::CheckpointRequest) -> Result<(), hibernaculum_core::Error> {
    /// let checkpoint = backend.checkpoint(&id, request).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::LiveCheckpoints`] or [`Feature::PortableCheckpoints`], by kind.
    ///
    /// # Cancel safety
    ///
    /// The checkpoint may have been made when the future is dropped; it is listed then, and is what the session's state goes on from.
    async fn checkpoint(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        let _ = session;
        Err(Unsupported::feature(self.checkpoints_backend(), feature_of(request.kind)).into())
    }

    /// Lists the checkpoints that were made of a session, the oldest first.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// for checkpoint in backend.checkpoints(&id).await? {
    ///     println!("{}", checkpoint.id);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::LiveCheckpoints`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn checkpoints(&self, session: &SessionId) -> Result<Vec<CheckpointInfo>, Error> {
        let _ = session;
        Err(Unsupported::feature(self.checkpoints_backend(), Feature::LiveCheckpoints).into())
    }

    /// Takes an idle session back to a checkpoint, live or portable. A portable one may be any session's.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId, checkpoint: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// backend.restore(&id, &checkpoint).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::LiveCheckpoints`] or [`Feature::PortableCheckpoints`], by kind; [`crate::CheckpointError`].
    /// The session is as it was then.
    ///
    /// # Cancel safety
    ///
    /// The session is in one of the two states when the future is dropped, never between; [`SessionInfo::checkpoint`] tells which.
    async fn restore(&self, session: &SessionId, checkpoint: &CheckpointId) -> Result<(), Error> {
        let _ = (session, checkpoint);
        Err(Unsupported::feature(self.checkpoints_backend(), Feature::LiveCheckpoints).into())
    }

    /// Opens a new session with the state of a checkpoint, live or portable, in the sandbox of the session that it was made of.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId, checkpoint: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// let other = backend.branch(&checkpoint, hibernaculum_core::SessionSpec::default()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::Branches`].
    ///
    /// # Cancel safety
    ///
    /// A session whose opening is given up is closed by the backend.
    async fn branch(&self, checkpoint: &CheckpointId, spec: SessionSpec) -> Result<SessionInfo, Error> {
        let _ = (checkpoint, spec);
        Err(Unsupported::feature(self.checkpoints_backend(), Feature::Branches).into())
    }

    /// Deletes a checkpoint; that it is gone already is no error.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId, checkpoint: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// backend.delete_checkpoint(&checkpoint).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::LiveCheckpoints`].
    ///
    /// # Cancel safety
    ///
    /// It may have been deleted when the future is dropped.
    async fn delete_checkpoint(&self, checkpoint: &CheckpointId) -> Result<(), Error> {
        let _ = checkpoint;
        Err(Unsupported::feature(self.checkpoints_backend(), Feature::LiveCheckpoints).into())
    }

    /// Lists the portable checkpoints that the backend's store holds, the oldest first: of all sessions, those long gone included.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend) -> Result<(), hibernaculum_core::Error> {
    /// for checkpoint in backend.stored_checkpoints().await? {
    ///     println!("{} of {}", checkpoint.id, checkpoint.session);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::PortableCheckpoints`], [`crate::CheckpointError::Store`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn stored_checkpoints(&self) -> Result<Vec<CheckpointInfo>, Error> {
        Err(Unsupported::feature(self.checkpoints_backend(), Feature::PortableCheckpoints).into())
    }

    /// Tells what is in a portable checkpoint, what is not, and why.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, checkpoint: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// for variable in backend.manifest(&checkpoint).await?.variables {
    ///     println!("{}: {:?}", variable.name, variable.treatment);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::PortableCheckpoints`], [`crate::CheckpointError`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn manifest(&self, checkpoint: &CheckpointId) -> Result<Manifest, Error> {
        let _ = checkpoint;
        Err(Unsupported::feature(self.checkpoints_backend(), Feature::PortableCheckpoints).into())
    }

    /// Opens a session with the state, the history and the execution count of a portable checkpoint, in any sandbox of any backend that has the store.
    /// It has the id that the spec names, else that of the session that was saved, unless a session of that id is open.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, sandbox: hibernaculum_core::SandboxId, checkpoint: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// let session = backend.wake(&sandbox, &checkpoint, hibernaculum_core::SessionSpec::default()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::PortableCheckpoints`], [`crate::CheckpointError`], and as [`crate::SandboxExecution::open_session`].
    /// Nothing is left of a session that could not be woken.
    ///
    /// # Cancel safety
    ///
    /// A session whose waking is given up is closed by the backend.
    async fn wake(
        &self,
        sandbox: &SandboxId,
        checkpoint: &CheckpointId,
        spec: SessionSpec,
    ) -> Result<SessionInfo, Error> {
        let _ = (sandbox, checkpoint, spec);
        Err(Unsupported::feature(self.checkpoints_backend(), Feature::PortableCheckpoints).into())
    }

    /// Puts a session to sleep: saves a portable checkpoint and closes it. Executions are refused from the call on; those that were admitted before it
    /// run first. Where the checkpoint fails the session goes on as before.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId) -> Result<(), hibernaculum_core::Error> {
    /// let checkpoint = backend.hibernate(&id, hibernaculum_core::CheckpointRequest::portable()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`SandboxCheckpoints::checkpoint`] of a portable one.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the session is open as before and was not saved, or it is saved and closed, soon: not one without the other.
    async fn hibernate(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        let _ = (session, request);
        Err(Unsupported::feature(self.checkpoints_backend(), Feature::PortableCheckpoints).into())
    }

    /// Makes the effects of an execution with an explicit transaction stay.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId, execution: hibernaculum_core::ExecutionId) -> Result<(), hibernaculum_core::Error> {
    /// backend.commit(&id, &execution).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::MemoryTransactions`].
    ///
    /// # Cancel safety
    ///
    /// It may have been committed when the future is dropped, whole or not at all. Asked again, it is, or [`crate::SessionError::NoTransaction`] tells what it was.
    async fn commit(&self, session: &SessionId, execution: &ExecutionId) -> Result<(), Error> {
        let _ = (session, execution);
        Err(Unsupported::feature(self.checkpoints_backend(), Feature::MemoryTransactions).into())
    }

    /// Undoes the effects of an execution with an explicit transaction.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId, execution: hibernaculum_core::ExecutionId) -> Result<(), hibernaculum_core::Error> {
    /// backend.rollback(&id, &execution).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::MemoryTransactions`].
    ///
    /// # Cancel safety
    ///
    /// It may have been rolled back when the future is dropped, whole or not at all. Asked again, it is, or [`crate::SessionError::NoTransaction`] tells what it
    /// was.
    async fn rollback(&self, session: &SessionId, execution: &ExecutionId) -> Result<(), Error> {
        let _ = (session, execution);
        Err(Unsupported::feature(self.checkpoints_backend(), Feature::MemoryTransactions).into())
    }
}

/// The feature that a kind of checkpoint needs.
fn feature_of(kind: CheckpointKind) -> Feature {
    match kind {
        CheckpointKind::Live => Feature::LiveCheckpoints,
        CheckpointKind::Portable => Feature::PortableCheckpoints,
    }
}
