//! `stats`: how a sandbox is doing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Call, null_is_zero};

/// Ask for [`Stats`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskStats {}

impl Call for AskStats {
    const METHOD: &'static str = "stats";
    type Answer = Stats;
}

/// The supervisor's figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// The supervisor's process.
    pub pid: u32,
    /// How many file descriptors it has open.
    pub fds: u64,
    /// Its resident memory, in bytes.
    pub memory_bytes: u64,
    /// How long it has been up, in milliseconds.
    pub uptime_ms: u64,
    /// Its sessions, by id.
    pub sessions: BTreeMap<String, SessionStats>,
    /// Dead children that nobody has reaped yet.
    pub zombies: u64,
    /// How many of its handlers failed and were contained since it began.
    pub errors: u64,
}

/// One session's figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionStats {
    /// Its process.
    pub pid: u32,
    /// Its resident memory, in bytes.
    pub memory_bytes: u64,
    /// How many processes it has, itself included.
    pub processes: u64,
    /// The number of the running execution; 0 while idle.
    #[serde(deserialize_with = "null_is_zero")]
    pub execution: u64,
}
