//! What is done with the whole of a session's state: transactions are settled, live checkpoints made and gone back to.
//!
//! ```text
//!  StateRequest ─▶ Port::change ─▶ the queue ─┬─ Freeze, Commit, Rollback: a request on the session's connection
//!                                             └─ Restore: another connection, to a copy that takes the session's place
//! ```

use hibernaculum_core::{
    CheckpointError, CheckpointId, Error, ExecutionId, ExecutionResult, SessionId, StateAfter, Status,
    TransactionPolicy, TransactionScope, TransportError,
};

use super::job::Work;
use super::outcome;
use crate::wire::RpcError;
use crate::wire::messages::Transaction;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StateRequest {
    /// Keep a frozen copy.
    Freeze { checkpoint: CheckpointId },
    /// Go back to a live checkpoint. `number`: no execution of that copy had a higher one.
    Restore { checkpoint: CheckpointId, number: u64 },
    /// Let what an execution did stay.
    Commit { execution: ExecutionId },
    /// Undo what an execution did.
    Rollback { execution: ExecutionId },
}

/// A transaction that waits for its commit or rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PendingTransaction {
    pub(super) execution: ExecutionId,
    /// Its number in the session's process.
    pub(super) number: u64,
    pub(super) scope: TransactionScope,
}

impl StateRequest {
    /// Whether it may be done while a transaction waits.
    pub(super) fn settles(&self) -> bool {
        matches!(self, Self::Commit { .. } | Self::Rollback { .. })
    }

    /// The execution whose transaction it settles.
    pub(super) fn target(&self) -> Option<ExecutionId> {
        match self {
            Self::Commit { execution } | Self::Rollback { execution } => Some(*execution),
            Self::Freeze { .. } | Self::Restore { .. } => None,
        }
    }

    /// What it wants, to say that it was not done.
    fn doing(&self) -> String {
        match self {
            Self::Freeze { .. } => "make a live checkpoint".to_owned(),
            Self::Restore { checkpoint, .. } => format!("go back to the checkpoint {checkpoint}"),
            Self::Commit { execution } => format!("commit the execution {execution}"),
            Self::Rollback { execution } => format!("roll back the execution {execution}"),
        }
    }

    /// Reads what came of it: the warnings.
    pub(super) fn read(&self, session: SessionId, result: ExecutionResult) -> Result<Vec<String>, Error> {
        let outcome = result.outcome;
        match (outcome.status, &outcome.state) {
            (Status::Completed, StateAfter::Kept | StateAfter::Restored { .. }) => Ok(outcome.warnings),
            _ => Err(outcome::not_served(session, self.doing(), &outcome)),
        }
    }
}

/// What a policy asks of the session; `None`: nothing.
pub(super) fn transaction(policy: TransactionPolicy) -> Option<Transaction> {
    let policy_word = match policy {
        TransactionPolicy::CommitOnSuccess { .. } => "commit_on_success",
        TransactionPolicy::RollbackOnFailure { .. } => "rollback_on_failure",
        TransactionPolicy::Explicit { .. } => "explicit",
        _ => return None,
    };
    let scope = match policy.scope()? {
        TransactionScope::Bindings => "bindings",
        _ => "memory",
    };
    Some(Transaction { policy: policy_word.to_owned(), scope: scope.to_owned() })
}

/// A session that refused a request, as the contract says it.
pub(super) fn refusal(error: &RpcError, work: &Work) -> Error {
    let told = error.explain();
    let doing = match work {
        Work::Code(_) => "an execution that can be undone",
        Work::State(_) => "a live checkpoint",
        Work::Names(_) => "a question about names",
        Work::Save(_) => "a portable checkpoint",
        Work::Load(_) => "a restore",
    };
    if told.code == "checkpoint.refused" {
        // What to do about it depends on what it is, which only the session knows.
        let problem = [told.why, told.how].join("; ");
        let problem = problem.trim_end_matches("; ").to_owned();
        return CheckpointError::Refused { doing: doing.to_owned(), problem }.into();
    }
    let violation = format!("it refused {doing}: {}", told.what);
    TransportError::Protocol { violation, source: None }.into()
}
