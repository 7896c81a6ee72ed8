//! What outlives a handle: checkpoints of sessions, snapshots of sandboxes.

use std::sync::Arc;

use super::{Sandbox, Session};
use crate::error::Error;
use crate::{
    Backend, CheckpointId, CheckpointInfo, CheckpointRequest, SandboxSpec, SessionSpec, SnapshotId,
    SnapshotInfo,
};

impl Session {
    /// Makes a checkpoint, live or portable. It takes its turn after the executions that were admitted before it.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::CheckpointRequest;
    ///
    /// let checkpoint = session.checkpoint(CheckpointRequest::portable().name("trained")).await?;
    /// session.execute("model = None").await?;
    /// session.restore(&checkpoint.id).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxCheckpoints::checkpoint`].
    ///
    /// # Cancel safety
    ///
    /// The checkpoint may have been made when the future is dropped; it is listed then, and is what the state goes on from.
    pub async fn checkpoint(&self, request: CheckpointRequest) -> Result<CheckpointInfo, Error> {
        self.backend().checkpoint(&self.id(), request).await
    }

    /// Lists the checkpoints that were made of it, the oldest first.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let newest = session.checkpoints().await?.pop();
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxCheckpoints::checkpoints`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    pub async fn checkpoints(&self) -> Result<Vec<CheckpointInfo>, Error> {
        self.backend().checkpoints(&self.id()).await
    }

    /// Takes it back to a checkpoint.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session, checkpoint: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// session.restore(&checkpoint).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxCheckpoints::restore`].
    ///
    /// # Cancel safety
    ///
    /// It is in one of the two states when the future is dropped, never between.
    pub async fn restore(&self, checkpoint: &CheckpointId) -> Result<(), Error> {
        self.backend().restore(&self.id(), checkpoint).await
    }

    /// Puts it to sleep: saves a portable checkpoint and closes it. [`Sandbox::wake`] wakes it, here or elsewhere.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let (sandbox, backend) = (session.info().await?.sandbox, session.backend().clone());
    /// let checkpoint = session.hibernate(hibernaculum_core::CheckpointRequest::portable()).await?;
    /// let session = hibernaculum_core::Sandbox::of(&backend, sandbox).wake(&checkpoint.id).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxCheckpoints::hibernate`]; the session goes on then, without this handle ([`Session::of`] makes another).
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the session is open as before and was not saved, or it is saved and closed, soon. Open, it is nobody's:
    /// [`Session::of`] takes it up.
    pub fn hibernate(
        self,
        request: CheckpointRequest,
    ) -> impl Future<Output = Result<CheckpointInfo, Error>> + Send {
        let backend = Arc::clone(self.backend());
        // Here, and not with the first poll: to drop the future is not to drop the handle.
        let id = self.keep();
        async move { backend.hibernate(&id, request).await }
    }
}

impl Sandbox {
    /// Opens a session with the state of a portable checkpoint, with every default.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox, checkpoint: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// let session = sandbox.wake(&checkpoint).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxCheckpoints::wake`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped.
    pub async fn wake(&self, checkpoint: &CheckpointId) -> Result<Session, Error> {
        self.wake_with(checkpoint, SessionSpec::default()).await
    }

    /// Opens a session with the state of a portable checkpoint.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox, checkpoint: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::SessionSpec;
    ///
    /// let session = sandbox.wake_with(&checkpoint, SessionSpec::default().label("user", "7")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxCheckpoints::wake`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped.
    pub async fn wake_with(&self, checkpoint: &CheckpointId, spec: SessionSpec) -> Result<Session, Error> {
        let info = self.backend().wake(&self.id(), checkpoint, spec).await?;
        Ok(Session::owning(Arc::clone(self.backend()), info.id))
    }

    /// Makes a snapshot of its files and of the state of its sessions.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// let snapshot = sandbox.snapshot(Some("before the upgrade".into())).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxSnapshots::snapshot`].
    ///
    /// # Cancel safety
    ///
    /// The snapshot may have been made when the future is dropped; it is listed then, or soon.
    pub async fn snapshot(&self, name: Option<String>) -> Result<SnapshotInfo, Error> {
        self.backend().snapshot(&self.id(), name).await
    }

    /// Makes a sandbox with the files and the sessions of a snapshot.
    ///
    /// ```
    /// # async fn example(backend: std::sync::Arc<dyn hibernaculum_core::Backend>, snapshot: hibernaculum_core::SnapshotId) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::{Sandbox, SandboxSpec};
    ///
    /// let sandbox = Sandbox::restore(&backend, &snapshot, SandboxSpec::default()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxSnapshots::restore_snapshot`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped.
    pub async fn restore(
        backend: &Arc<dyn Backend>,
        snapshot: &SnapshotId,
        spec: SandboxSpec,
    ) -> Result<Self, Error> {
        let info = backend.restore_snapshot(snapshot, spec).await?;
        Ok(Self::owning(Arc::clone(backend), info.id))
    }
}
