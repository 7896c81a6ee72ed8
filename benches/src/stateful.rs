//! The product's state, kept and undone: blocking calls that tell how long each took.

use std::time::{Duration, Instant};

use hibernaculum::{
    CheckpointInfo, CheckpointKind, CheckpointRequest, Error, ExecutionRequest, RecoveryPolicy, Session,
    SessionSpec, StateAfter, TransactionPolicy, TransactionScope,
};

use crate::product::{Product, answered};

/// A session of a product, with something in it.
#[derive(Debug)]
pub struct Stateful<'a> {
    product: &'a Product,
    session: Session,
}

impl<'a> Stateful<'a> {
    /// Opens one more session, and runs the code that makes its state.
    ///
    /// # Errors
    ///
    /// What the sandbox says.
    ///
    /// # Panics
    ///
    /// Where the code fails: there is no figure of a state that is not there.
    pub fn open(product: &'a Product, recovery: RecoveryPolicy, code: &str) -> Result<Self, Error> {
        let session = product.block_on(async {
            let session = product.handle().session_with(SessionSpec::default().recovery(recovery)).await?;
            let result = session.execute(code).await?;
            assert!(result.error().is_none(), "{result:?}");
            Ok::<_, Error>(session)
        })?;
        Ok(Self { product, session })
    }

    /// Runs `1+1`, as the session's policy has it.
    ///
    /// # Errors
    ///
    /// What the session says.
    ///
    /// # Panics
    ///
    /// Where it is not 2.
    pub fn answer(&self) -> Result<Duration, Error> {
        self.product.block_on(answered(&self.session, "1+1", "2"))
    }

    /// Has an execution fail, and be undone with all that it did to memory.
    ///
    /// # Errors
    ///
    /// What the session says.
    ///
    /// # Panics
    ///
    /// Where it was not undone.
    pub fn rollback(&self) -> Result<Duration, Error> {
        let policy = TransactionPolicy::CommitOnSuccess { scope: TransactionScope::Memory };
        let request = ExecutionRequest::new("raise ValueError").transaction(policy);
        self.product.block_on(async {
            let start = Instant::now();
            let result = self.session.execute(request).await?;
            let took = start.elapsed();
            assert!(matches!(result.outcome.state, StateAfter::Restored { .. }), "{result:?}");
            Ok(took)
        })
    }

    /// Makes a live checkpoint; tells how long that took.
    ///
    /// # Errors
    ///
    /// What the session says.
    pub fn checkpoint(&self) -> Result<(CheckpointInfo, Duration), Error> {
        self.product.block_on(async {
            let start = Instant::now();
            let checkpoint = self.session.checkpoint(CheckpointRequest::new(CheckpointKind::Live)).await?;
            Ok((checkpoint, start.elapsed()))
        })
    }

    /// Makes a live checkpoint, and deletes it; tells how long the making took.
    ///
    /// # Errors
    ///
    /// What the session says.
    pub fn checkpoint_once(&self) -> Result<Duration, Error> {
        let (checkpoint, took) = self.checkpoint()?;
        self.product.block_on(self.session.backend().delete_checkpoint(&checkpoint.id))?;
        Ok(took)
    }

    /// Branches a checkpoint; tells how long it took to the branch's first answer. It is closed before this returns.
    ///
    /// # Errors
    ///
    /// What the sandbox says.
    ///
    /// # Panics
    ///
    /// Where the answer is wrong.
    pub fn branch(&self, checkpoint: &CheckpointInfo) -> Result<Duration, Error> {
        self.product.block_on(async {
            let start = Instant::now();
            let branch = self.session.branch(&checkpoint.id).await?;
            answered(&branch, "1+1", "2").await?;
            let took = start.elapsed();
            branch.close().await?;
            Ok(took)
        })
    }
}
