//! Checkpoints of sessions, and what is done with them.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Unsupported};
use crate::{ByteSize, CheckpointId, ExecutionId, Feature, SessionId, SessionInfo, SessionSpec};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckpointRequest {
    /// What sort.
    pub kind: CheckpointKind,
    /// A name for people.
    #[serde(default)]
    pub name: Option<String>,
}

impl CheckpointRequest {
    /// A checkpoint without a name.
    pub fn new(kind: CheckpointKind) -> Self {
        Self { kind, name: None }
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

/// Checkpoints, branches and transactions of sessions.
///
/// Every method answers [`Error::Unsupported`] where the backend lacks the feature that it needs.
#[async_trait]
pub trait SandboxCheckpoints: Send + Sync {
    /// The backend's name, for refusals.
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
    /// The checkpoint may have been made when the future is dropped; it is listed then.
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

    /// Takes an idle session back to a checkpoint.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SessionId, checkpoint: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// backend.restore(&id, &checkpoint).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::LiveCheckpoints`].
    ///
    /// # Cancel safety
    ///
    /// The session is in one of the two states when the future is dropped, never between.
    async fn restore(&self, session: &SessionId, checkpoint: &CheckpointId) -> Result<(), Error> {
        let _ = (session, checkpoint);
        Err(Unsupported::feature(self.checkpoints_backend(), Feature::LiveCheckpoints).into())
    }

    /// Opens a new session with the state of a checkpoint.
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
    /// The session may have been opened when the future is dropped; it is listed then.
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
    /// It may have been committed when the future is dropped.
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
    /// It may have been rolled back when the future is dropped.
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
