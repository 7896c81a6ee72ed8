//! Executions that can be undone.

use serde::{Deserialize, Serialize};

/// What becomes of an execution's effects on the session.
///
/// Anything but `None` needs [`crate::Feature::BindingTransactions`] or [`crate::Feature::MemoryTransactions`], by scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "policy")]
#[non_exhaustive]
pub enum TransactionPolicy {
    /// Effects stay, whatever happens. The fast path.
    #[default]
    None,
    /// Anything but `completed` rolls back.
    CommitOnSuccess {
        /// How much is rolled back.
        scope: TransactionScope,
    },
    /// A Python exception rolls back; an interrupt or a timeout keeps what was reached. What code makes of an interrupt is its own exception,
    /// which rolls back: if the interrupt was the deadline's, the status is `timed_out` all the same.
    RollbackOnFailure {
        /// How much is rolled back.
        scope: TransactionScope,
    },
    /// Pending until `commit` or `rollback` names the execution.
    Explicit {
        /// How much is rolled back.
        scope: TransactionScope,
    },
}

/// How much a rollback undoes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransactionScope {
    /// Names only: what each name was bound to. An object that was changed in place stays changed.
    Bindings,
    /// Everything in memory, by a frozen fork of the interpreter from before the execution.
    #[default]
    Memory,
}

impl TransactionPolicy {
    /// The scope, where there is a transaction.
    ///
    /// ```
    /// use hibernaculum_core::{TransactionPolicy, TransactionScope};
    ///
    /// let policy = TransactionPolicy::Explicit { scope: TransactionScope::Bindings };
    /// assert_eq!(policy.scope(), Some(TransactionScope::Bindings));
    /// assert_eq!(TransactionPolicy::None.scope(), None);
    /// ```
    pub fn scope(self) -> Option<TransactionScope> {
        match self {
            Self::None => None,
            Self::CommitOnSuccess { scope }
            | Self::RollbackOnFailure { scope }
            | Self::Explicit { scope } => Some(scope),
        }
    }
}
