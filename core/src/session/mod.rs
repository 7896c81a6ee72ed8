//! Sessions: what is asked of one, and what is known of one.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::ConfigError;
use crate::{ByteSize, CheckpointId, ExecutionId, SandboxId, SessionId, micros};

/// What a session shall be like.
///
/// ```
/// use hibernaculum_core::{RecoveryPolicy, SessionSpec};
/// let spec = SessionSpec::default().recovery(RecoveryPolicy::None).queue_limit(4);
/// assert_eq!(spec.queue_limit, 4);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SessionSpec {
    /// The id it shall have; unset: a new one. Refused while an open session has it.
    pub id: Option<SessionId>,
    /// What to do when its process ends.
    pub recovery: RecoveryPolicy,
    /// How many executions may wait behind the running one; one more is refused as busy. From 1 to 65,536.
    pub queue_limit: usize,
    /// How long an interrupt may take, at a deadline or asked for, before the process is killed. At most an hour.
    #[serde(rename = "grace_us", with = "micros")]
    pub grace: Duration,
    /// Labels, for `sessions` and for people.
    pub labels: BTreeMap<String, String>,
}

impl Default for SessionSpec {
    /// A fresh interpreter after a crash, 64 executions in the queue, 2 s of grace.
    fn default() -> Self {
        Self {
            id: None,
            recovery: RecoveryPolicy::default(),
            queue_limit: 64,
            grace: Duration::from_secs(2),
            labels: BTreeMap::new(),
        }
    }
}

impl SessionSpec {
    /// Asks for an id; it is refused while an open session has it. Unset: a new one.
    ///
    /// ```
    /// use hibernaculum_core::SessionSpec;
    /// use hibernaculum_core::SessionId;
    ///
    /// let id = SessionId::new();
    /// assert_eq!(SessionSpec::default().id(id).id, Some(id));
    /// ```
    #[must_use]
    pub fn id(mut self, id: SessionId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets what to do when its process ends. Unset: [`RecoveryPolicy::FreshOnCrash`].
    ///
    /// ```
    /// use hibernaculum_core::SessionSpec;
    /// use hibernaculum_core::RecoveryPolicy;
    ///
    /// let spec = SessionSpec::default().recovery(RecoveryPolicy::FreshOnCrash);
    /// ```
    #[must_use]
    pub fn recovery(mut self, policy: RecoveryPolicy) -> Self {
        self.recovery = policy;
        self
    }

    /// Sets how many executions may wait behind the running one, from 1 to 65,536; one more is refused as busy. Unset: 64.
    ///
    /// ```
    /// use hibernaculum_core::SessionSpec;
    ///
    /// assert_eq!(SessionSpec::default().queue_limit(8).queue_limit, 8);
    /// ```
    #[must_use]
    pub fn queue_limit(mut self, limit: usize) -> Self {
        self.queue_limit = limit;
        self
    }

    /// Sets how long an interrupt may take before the process is killed: at most an hour. Unset: 2 s.
    ///
    /// ```
    /// use hibernaculum_core::SessionSpec;
    /// use std::time::Duration;
    ///
    /// let spec = SessionSpec::default().grace(Duration::from_millis(500));
    /// ```
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Adds a label.
    ///
    /// ```
    /// use hibernaculum_core::SessionSpec;
    ///
    /// assert_eq!(SessionSpec::default().label("user", "7").labels["user"], "7");
    /// ```
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Refuses what no session could be.
    ///
    /// ```
    /// use hibernaculum_core::SessionSpec;
    ///
    /// assert!(SessionSpec::default().queue_limit(0).validate().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for a queue of zero or more than 65,536, or a grace of more than an hour.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field: &str, value: String, rule: &str| {
            Err(ConfigError::Invalid { field: field.to_owned(), value, rule: rule.to_owned() })
        };
        if !(1..=65_536).contains(&self.queue_limit) {
            return invalid("queue_limit", self.queue_limit.to_string(), "must be from 1 to 65536");
        }
        if self.grace > Duration::from_hours(1) {
            return invalid("grace", format!("{:?}", self.grace), "must be at most an hour");
        }
        Ok(())
    }
}

/// What to do when a session's process ends: by a crash, or because it had to be killed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecoveryPolicy {
    /// A fresh interpreter takes over under the same id; the state is lost, and the outcome says so.
    #[default]
    FreshOnCrash,
    /// The state from before the execution comes back; needs [`crate::Feature::Guard`].
    Guard,
    /// The checkpoint comes back that the state goes on from: the last that was made of it, or that it went back to. Where that one is
    /// gone or cannot be loaded, the newest other one of the session; where there is none, a fresh interpreter takes over, as with
    /// [`FreshOnCrash`](Self::FreshOnCrash). The outcome tells which, and warns of what did not come back. Needs
    /// [`crate::Feature::PortableCheckpoints`]; live checkpoints serve as well, as long as their sandbox lives.
    FromCheckpoint,
    /// Nothing: the session is crashed, and every call says so.
    None,
}

/// What is known of a session, at the moment of the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its id.
    pub id: SessionId,
    /// The sandbox that it is in.
    pub sandbox: SandboxId,
    /// What it is doing.
    pub state: SessionState,
    /// When it was opened.
    pub created: Timestamp,
    /// When it was last used.
    pub last_used: Timestamp,
    /// How many executions have ended in it.
    pub executions: u64,
    /// How long they ran, all together.
    #[serde(default, rename = "execution_time_us", with = "micros")]
    pub execution_time: Duration,
    /// How many executions wait.
    #[serde(default)]
    pub queued: usize,
    /// Resident memory of its process after the last execution, where that is known.
    #[serde(default)]
    pub memory: Option<ByteSize>,
    /// The version of its Python: `3.11.7`.
    #[serde(default)]
    pub python: String,
    /// How often its state was lost to a crash or a kill, the whole of it or what came after its last checkpoint.
    #[serde(default)]
    pub crashes: u64,
    /// The execution that runs, or the last that ran: what can be attached to.
    #[serde(default)]
    pub last_execution: Option<ExecutionId>,
    /// The execution whose explicit transaction waits for commit or rollback.
    #[serde(default)]
    pub pending: Option<ExecutionId>,
    /// The checkpoint that its state goes on from: the last that was made of it, or that it was restored or branched from.
    #[serde(default)]
    pub checkpoint: Option<CheckpointId>,
    /// The labels of its spec.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl SessionInfo {
    /// A session that was opened just now and is idle. For those who implement a backend.
    ///
    /// ```
    /// use hibernaculum_core::{SandboxId, SessionId, SessionInfo, SessionState};
    ///
    /// let info = SessionInfo::new(SessionId::new(), SandboxId::new());
    /// assert_eq!(info.state, SessionState::Idle);
    /// ```
    pub fn new(id: SessionId, sandbox: SandboxId) -> Self {
        let now = Timestamp::now();
        Self {
            id,
            sandbox,
            state: SessionState::Idle,
            created: now,
            last_used: now,
            executions: 0,
            execution_time: Duration::ZERO,
            queued: 0,
            memory: None,
            python: String::new(),
            crashes: 0,
            last_execution: None,
            pending: None,
            checkpoint: None,
            labels: BTreeMap::new(),
        }
    }
}

/// What a session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionState {
    /// Its process is being started, for the first time or after a crash.
    Starting,
    /// It waits for work.
    Idle,
    /// It runs an execution.
    Running,
    /// An explicit transaction waits for its commit or rollback.
    PendingTransaction,
    /// Its process ended and its policy is not to go on.
    Crashed,
    /// It was closed.
    Closed,
}
