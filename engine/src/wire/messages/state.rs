//! What is done with the whole of a session's state: transactions settled, live checkpoints made, listed and dropped.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Call, Executed, Notice, Source};

/// How an execution can be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// When it is: `commit_on_success`, `rollback_on_failure`, `explicit`.
    pub policy: String,
    /// How much of it: `bindings`, `memory`.
    pub scope: String,
}

/// Freeze a copy of the session, and keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointFreeze {
    /// Its number in this session process.
    pub execution: u64,
    /// The checkpoint's id.
    pub checkpoint: String,
}

impl Call for CheckpointFreeze {
    const METHOD: &'static str = "checkpoint.freeze";
    type Answer = Executed;
}

/// Let what an execution did stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionCommit {
    /// Its own number in this session process.
    pub execution: u64,
    /// The number of the execution whose transaction is pending.
    pub target: u64,
}

impl Call for TransactionCommit {
    const METHOD: &'static str = "transaction.commit";
    type Answer = Executed;
}

/// Undo what an execution did. Of a scope of memory, [`Restored`] tells when that is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionRollback {
    /// Its own number in this session process.
    pub execution: u64,
    /// The number of the execution whose transaction is pending.
    pub target: u64,
}

impl Call for TransactionRollback {
    const METHOD: &'static str = "transaction.rollback";
    type Answer = Executed;
}

/// Supervisor to host: a session's guard has taken its place, with the connection that it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The session's id.
    pub session: String,
    /// Its process from now on.
    pub pid: u32,
    /// How many child processes it had, which are no more.
    #[serde(default)]
    pub ended: u64,
}

impl Notice for Restored {
    const METHOD: &'static str = "restored";
}

/// In the answer to a hello: the session goes on from an earlier state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoesOn {
    /// What held that state.
    pub from: Source,
    /// How many child processes there were then, which are no more.
    #[serde(default)]
    pub ended: u64,
}

/// End a live checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointDrop {
    /// Its id.
    pub checkpoint: String,
}

impl Call for CheckpointDrop {
    const METHOD: &'static str = "checkpoint.drop";
    type Answer = Dropped;
}

/// The answer to [`CheckpointDrop`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Whether it was there.
    pub dropped: bool,
}

/// Which live checkpoints are there, and what do they take?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointList {}

impl Call for CheckpointList {
    const METHOD: &'static str = "checkpoint.list";
    type Answer = Checkpoints;
}

/// The answer to [`CheckpointList`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoints {
    /// By id.
    #[serde(default)]
    pub checkpoints: BTreeMap<String, LiveCheckpoint>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCheckpoint {
    /// Its process.
    pub pid: u32,
    /// The session that it was made of.
    pub session: String,
    /// Memory that is nobody else's.
    #[serde(default)]
    pub memory_bytes: u64,
}
