//! What a sandbox that may outlive its host keeps of what only the host knows: written here, read by the next host.
//!
//! Memos are read tolerantly, as what an earlier version wrote: a session whose memo makes no sense is not adopted.

use std::time::Duration;

use hibernaculum_core::{
    ByteSize, CheckpointId, ExecutionId, ExecutionRequest, OutputLimits, SandboxInfo, SandboxSpec,
    SessionInfo, SessionSpec, TransactionPolicy,
};
use jiff::Timestamp;
use jiff::fmt::serde::timestamp::microsecond;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::job::Job;

/// Under which name the sandbox's own memo is kept.
pub(crate) const SANDBOX: &str = "sandbox";

/// Of a sandbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SandboxMemo {
    pub(crate) info: SandboxInfo,
    pub(crate) spec: SandboxSpec,
}

/// Of a session, as it was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionMemo {
    pub(crate) spec: SessionSpec,
    pub(crate) info: SessionInfo,
}

/// Of an execution, as it began: what its request does not say, in as few words as can be, for each execution carries them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExecutionMemo {
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(crate) output: OutputLimits,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(crate) transaction: TransactionPolicy,
    /// When it was admitted.
    #[serde(with = "microsecond::required")]
    pub(crate) admitted: Timestamp,
    /// How long it waited then.
    #[serde(default)]
    pub(crate) queued_us: u64,
    /// When it has to be over.
    #[serde(default, with = "microsecond::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) deadline: Option<Timestamp>,
    /// What had become of its session, whose own memo says how it was opened.
    #[serde(default)]
    pub(crate) session: Known,
}

/// What is known of a session, and changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Known {
    pub(crate) executions: u64,
    pub(crate) execution_time_us: u64,
    #[serde(skip_serializing_if = "is_usual")]
    pub(crate) memory: Option<ByteSize>,
    #[serde(skip_serializing_if = "is_usual")]
    pub(crate) crashes: u64,
    #[serde(skip_serializing_if = "is_usual")]
    pub(crate) checkpoint: Option<CheckpointId>,
}

impl Known {
    pub(super) fn of(info: &SessionInfo) -> Self {
        Self {
            executions: info.executions,
            execution_time_us: in_micros(info.execution_time),
            memory: info.memory,
            crashes: info.crashes,
            checkpoint: info.checkpoint,
        }
    }

    /// Tells it to who knows the session only as it was opened.
    pub(super) fn tell(self, info: &mut SessionInfo) {
        info.executions = self.executions;
        info.execution_time = Duration::from_micros(self.execution_time_us);
        info.memory = self.memory;
        info.crashes = self.crashes;
        info.checkpoint = self.checkpoint;
    }
}

impl ExecutionMemo {
    /// Of an execution that begins now.
    pub(super) fn new(request: &ExecutionRequest, job: &Job, session: Known) -> Self {
        let ExecutionRequest { output, transaction, .. } = *request;
        let (now, queued) = (Timestamp::now(), job.admitted.elapsed());
        Self {
            output,
            transaction,
            admitted: now.checked_sub(queued).unwrap_or(now),
            queued_us: in_micros(queued),
            deadline: job.deadline.and_then(on_the_wall),
            session,
        }
    }

    /// The request again, but for its code.
    pub(super) fn request(&self, id: ExecutionId) -> ExecutionRequest {
        let mut request = ExecutionRequest::new("").output(self.output).transaction(self.transaction);
        request.id = id;
        request
    }

    /// Its deadline by this host's clock: now, where it has passed.
    pub(super) fn due(&self) -> Option<Instant> {
        let left = self.deadline?.duration_since(Timestamp::now());
        let now = Instant::now();
        Some(left.try_into().ok().and_then(|left| now.checked_add(left)).unwrap_or(now))
    }
}

fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn in_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A moment of this process' clock as others know it; none where it is beyond what can be said.
fn on_the_wall(moment: Instant) -> Option<Timestamp> {
    let left = moment.saturating_duration_since(Instant::now());
    Timestamp::now().checked_add(left).ok()
}

/// As JSON. What has no JSON form is no memo.
pub(crate) fn write(memo: &impl Serialize) -> Option<Value> {
    serde_json::to_value(memo).ok()
}

/// From JSON, where it makes sense.
pub(crate) fn read<T: DeserializeOwned>(memo: &Value) -> Option<T> {
    T::deserialize(memo).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hibernaculum_core::{SandboxId, SessionId, Timeout, TransactionScope};

    use super::*;
    use crate::session::job::Work;
    use crate::session::ring::Ring;

    fn memo(request: &ExecutionRequest) -> ExecutionMemo {
        let ring = Ring::new(request.id, request.output, Arc::default());
        let job = Job::new(Work::Code(request.clone()), request.timeout, ring);
        ExecutionMemo::new(request, &job, Known::of(&SessionInfo::new(SessionId::new(), SandboxId::new())))
    }

    #[tokio::test(start_paused = true)]
    async fn an_execution_can_be_told_again() {
        let explicit = TransactionPolicy::Explicit { scope: TransactionScope::Memory };
        let request = ExecutionRequest::new("x = 1").transaction(explicit);
        let written = write(&memo(&request)).unwrap();
        let read: ExecutionMemo = read(&written).unwrap();
        let again = read.request(request.id);
        assert_eq!((again.id, again.transaction, again.code.as_str()), (request.id, explicit, ""));
        let left = read.due().unwrap() - Instant::now();
        assert!((Duration::from_secs(28)..=Duration::from_secs(30)).contains(&left), "{left:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_has_passed_is_now() {
        let mut memo = memo(&ExecutionRequest::new("").timeout(Timeout::Unlimited));
        assert_eq!(memo.due(), None);
        memo.deadline = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(memo.due(), Some(Instant::now()));
    }

    #[test]
    fn what_is_usual_takes_few_words() {
        let written = write(&memo(&ExecutionRequest::new("1"))).unwrap().to_string();
        assert!(written.len() < 150, "{written}");
    }

    #[test]
    fn what_is_known_of_a_session_is_told_again() {
        let mut info = SessionInfo::new(SessionId::new(), SandboxId::new());
        (info.executions, info.execution_time, info.crashes) = (3, Duration::from_micros(7), 1);
        (info.memory, info.checkpoint) = (Some(ByteSize::mib(5)), Some(CheckpointId::new()));
        let known: Known = read(&write(&Known::of(&info)).unwrap()).unwrap();
        let mut again = SessionInfo::new(info.id, info.sandbox);
        (again.created, again.last_used) = (info.created, info.last_used);
        known.tell(&mut again);
        assert_eq!(again, info);
    }

    #[test]
    fn what_makes_no_sense_is_no_memo() {
        assert_eq!(read::<SessionMemo>(&serde_json::json!({ "spec": 7 })), None);
        assert_eq!(read::<ExecutionMemo>(&serde_json::json!(null)), None);
    }
}
