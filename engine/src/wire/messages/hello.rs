//! The handshake's three messages. [`handshake`](crate::wire::handshake) makes and checks them.

use serde::{Deserialize, Serialize};

use super::{Adopted, Call, GoesOn, Notice, Role, StdinPolicy};

/// The runner's first word on every connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The protocol's version.
    pub protocol: u32,
    /// The runner's digest, in hexadecimal.
    #[serde(default)]
    pub digest: String,
    /// 32 hexadecimal digits, new for every connection.
    pub nonce: String,
}

impl Notice for Challenge {
    const METHOD: &'static str = "challenge";
}

/// The host's answer: what the connection is for, and that the host knows the sandbox's secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol's version.
    pub protocol: u32,
    /// The digest of the runner that the host ships with.
    #[serde(default)]
    pub digest: String,
    /// What the connection is for.
    pub role: Role,
    /// Which session, for the role `session`.
    #[serde(default)]
    pub session: Option<String>,
    /// 32 hexadecimal digits, new for every connection.
    pub nonce: String,
    /// 64 hexadecimal digits.
    pub proof: String,
    /// For the role `session`: how it is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<SessionOptions>,
}

impl Call for Hello {
    const METHOD: &'static str = "hello";
    type Answer = Welcome;
}

/// What a session begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionOptions {
    /// What `input()` does while nothing else is said; the runner's default is to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<StdinPolicy>,
    /// `sys.argv`; the runner's default is `[""]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// The live checkpoint that it goes on from; unset: it begins afresh, or with the guard that waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Whether the process that the session has now, if it has one, ends as soon as the branch is there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// Whether the session is taken up that an earlier host left.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adopt: bool,
}

/// The runner's acceptance: who it is, and that it knows the secret too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol's version.
    pub protocol: u32,
    /// The runner's digest, in hexadecimal.
    #[serde(default)]
    pub digest: String,
    /// Python's version: `3.11.7`.
    #[serde(default)]
    pub python: String,
    /// Which Python: `cpython`.
    #[serde(default)]
    pub implementation: String,
    /// The process that answers: the supervisor, or the session itself.
    pub pid: u32,
    /// For the role `session`: the earlier state that it goes on from; unset: it begins afresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<GoesOn>,
    /// For a session that is taken up: where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// What this runner can do beyond the protocol's floor.
    #[serde(default)]
    pub features: Vec<String>,
    /// 64 hexadecimal digits.
    pub proof: String,
}
