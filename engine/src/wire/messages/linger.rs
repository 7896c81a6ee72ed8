//! What a sandbox that may outlive its host is told, and what the next host asks it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Call, Notice};

/// Keep this for the next host, in place of what was kept under that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remember {
    /// A session's id or a live checkpoint's, with which it is forgotten; or any other word.
    pub name: String,
    /// Anything of the host's: an object of at most 256 Ki characters of JSON.
    pub memo: Value,
}

impl Notice for Remember {
    const METHOD: &'static str = "remember";
}

/// Who is there, of those that an earlier host left?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopt {}

impl Call for Adopt {
    const METHOD: &'static str = "adopt";
    type Answer = Census;
}

/// The answer to [`Adopt`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Census {
    /// The ids of the sessions that a hello may take up.
    pub sessions: Vec<String>,
    /// What hosts left, by its name.
    pub memos: BTreeMap<String, Value>,
}

/// In the answer to the hello that takes a session up: where it is.
///
/// What is kept of the last execution follows: on the connection what the session said, on control what the supervisor said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Adopted {
    /// The highest number of an execution.
    pub number: u64,
    /// What was asked last.
    pub request: Option<Asked>,
    /// Whether the answer to that is among what follows.
    pub answered: bool,
    /// The execution whose transaction waits.
    pub pending: Option<Asked>,
    /// The position of the text that comes next.
    pub text: u64,
    /// The positions of the raw output that comes next.
    pub raw: [u64; 2],
}

/// A request, as far as it is known later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Its method.
    pub method: String,
    /// Its number in the session's process.
    pub execution: u64,
    /// The public id of an execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What the host said for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memo: Option<Value>,
    /// Of what settles a transaction: that execution's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<u64>,
}
