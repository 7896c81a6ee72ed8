//! Host to supervisor: what is asked and told on the control connection. (`stats` has a file of its own.)

use serde::{Deserialize, Serialize};

use super::{Call, Notice, null_is_zero};

/// Interrupt one execution, and no other: SIGINT now, or as it begins if it has not begun; never after it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interrupt {
    /// The session's id.
    pub session: String,
    /// The execution's number.
    pub execution: u64,
    /// In which process: one that has followed it is left alone. Unset: in whichever there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

impl Notice for Interrupt {
    const METHOD: &'static str = "interrupt";
}

impl Call for Interrupt {
    const METHOD: &'static str = "interrupt";
    type Answer = Interrupted;
}

/// The answer to [`Interrupt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interrupted {
    /// Whether SIGINT was sent, or will be as the execution begins.
    pub delivered: bool,
}

/// End a session's process at once. Its death is told as any other, with `by` = `reason`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    /// The session's id.
    pub session: String,
    /// Why, for [`Cause`](super::Cause): `deadline`, say.
    pub reason: String,
    /// Which process: one that has followed it is left alone. Unset: whichever there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The execution that is given up: its answer is heard no more, and where a guard stands for it still, that takes over, answered or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<u64>,
}

impl Call for Kill {
    const METHOD: &'static str = "kill";
    type Answer = Killed;
}

/// The answer to [`Kill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Killed {
    /// Whether there was a process to kill.
    pub delivered: bool,
}

/// End a session and all its processes. No death is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close {
    /// The session's id.
    pub session: String,
}

impl Call for Close {
    const METHOD: &'static str = "close";
    type Answer = Closed;
}

/// The answer to [`Close`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Whether there was such a session.
    pub closed: bool,
}

/// End everything; the connection ends after the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shutdown {}

impl Call for Shutdown {
    const METHOD: &'static str = "shutdown";
    type Answer = Done;
}

/// The answer of what has nothing to say but that it is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

/// Forward this execution's text while it runs, instead of leaving it to the session's own sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The session's id.
    pub session: String,
    /// The execution's number.
    #[serde(deserialize_with = "null_is_zero")]
    pub execution: u64,
}

impl Notice for Watch {
    const METHOD: &'static str = "watch";
}

/// Allow so many more bytes of `output` and `text` for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// The session's id.
    pub session: String,
    /// How many bytes more.
    pub bytes: u64,
}

impl Notice for Credit {
    const METHOD: &'static str = "credit";
}
