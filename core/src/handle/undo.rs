//! What can be undone, and gone on from twice: transactions and branches.

use std::sync::Arc;

use super::Session;
use crate::error::Error;
use crate::{CheckpointId, ExecutionId, SessionSpec};

impl Session {
    /// Makes the effects of an execution stay whose policy was [`crate::TransactionPolicy::Explicit`].
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::{ExecutionRequest, TransactionPolicy, TransactionScope};
    ///
    /// let explicit = TransactionPolicy::Explicit { scope: TransactionScope::Memory };
    /// let result = session.execute(ExecutionRequest::new("table.drop()").transaction(explicit)).await?;
    /// // while it waits, names can be read, and nothing else runs
    /// if session.namespace().get("rows").await? == 0 {
    ///     session.commit(&result.execution).await?;
    /// } else {
    ///     session.rollback(&result.execution).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxCheckpoints::commit`].
    ///
    /// # Cancel safety
    ///
    /// It may have been committed when the future is dropped, whole or not at all.
    pub async fn commit(&self, execution: &ExecutionId) -> Result<(), Error> {
        self.backend().commit(&self.id(), execution).await
    }

    /// Undoes the effects of an execution whose policy was [`crate::TransactionPolicy::Explicit`].
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session, execution: hibernaculum_core::ExecutionId) -> Result<(), hibernaculum_core::Error> {
    /// session.rollback(&execution).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxCheckpoints::rollback`].
    ///
    /// # Cancel safety
    ///
    /// It may have been rolled back when the future is dropped, whole or not at all.
    pub async fn rollback(&self, execution: &ExecutionId) -> Result<(), Error> {
        self.backend().rollback(&self.id(), execution).await
    }

    /// Opens another session with the state of a checkpoint, in the sandbox of the session that it was made of; with every default.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::{CheckpointKind, CheckpointRequest};
    ///
    /// let here = session.checkpoint(CheckpointRequest::new(CheckpointKind::Live)).await?;
    /// let (left, right) = (session.branch(&here.id).await?, session.branch(&here.id).await?);
    /// left.execute("go('left')").await?;
    /// right.execute("go('right')").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxCheckpoints::branch`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped.
    pub async fn branch(&self, checkpoint: &CheckpointId) -> Result<Self, Error> {
        self.branch_with(checkpoint, SessionSpec::default()).await
    }

    /// Opens another session with the state of a checkpoint.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session, checkpoint: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::SessionSpec;
    ///
    /// let other = session.branch_with(&checkpoint, SessionSpec::default().label("try", "2")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxCheckpoints::branch`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped.
    pub async fn branch_with(&self, checkpoint: &CheckpointId, spec: SessionSpec) -> Result<Self, Error> {
        let info = self.backend().branch(checkpoint, spec).await?;
        Ok(Self::owning(Arc::clone(self.backend()), info.id))
    }
}
