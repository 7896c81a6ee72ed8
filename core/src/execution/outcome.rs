//! What comes of an execution.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ByteSize, Changes, CheckpointId, ExecutionId, micros};

/// What came of an execution, without its output: the content of [`crate::EventKind::Finished`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// What became of the session's state.
    pub state: StateAfter,
    /// The value of a trailing expression, unless it was `None`.
    #[serde(default)]
    pub value: Option<Value>,
    /// The exception that ended it, where one did.
    #[serde(default)]
    pub error: Option<PythonError>,
    /// What ended the session's process, where something did.
    #[serde(default)]
    pub crash: Option<CrashCause>,
    /// Names that were bound, rebound or deleted.
    #[serde(default)]
    pub changes: Changes,
    /// What the caller should know besides.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Where the time went.
    #[serde(flatten)]
    pub timings: Timings,
    /// CPU time of the session's process during the execution.
    #[serde(default, rename = "cpu_us", with = "micros")]
    pub cpu_time: Duration,
    /// Resident memory of the session's process afterwards.
    #[serde(default)]
    pub memory: ByteSize,
    /// By how many bytes that changed during the execution; negative where it shrank.
    #[serde(default)]
    pub memory_delta: i64,
    /// Which execution of the session's interpreter this was, from 1.
    #[serde(default)]
    pub count: u64,
}

impl Outcome {
    /// An outcome that says no more than how it ended.
    ///
    /// ```
    /// use hibernaculum_core::{Outcome, StateAfter, Status};
    ///
    /// let mut outcome = Outcome::new(Status::Completed, StateAfter::Kept);
    /// outcome.warnings.push("the disk is nearly full".into());
    /// assert_eq!(outcome.value, None);
    /// ```
    pub fn new(status: Status, state: StateAfter) -> Self {
        Self {
            status,
            state,
            value: None,
            error: None,
            crash: None,
            changes: Changes::default(),
            warnings: Vec::new(),
            timings: Timings::default(),
            cpu_time: Duration::ZERO,
            memory: ByteSize::default(),
            memory_delta: 0,
            count: 0,
        }
    }
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// The code ran to its end.
    Completed,
    /// A Python exception ended it: [`Outcome::error`]. `sys.exit()` is one.
    Failed,
    /// The caller interrupted it, or cancelled it before it began.
    Interrupted,
    /// Its time ran out.
    TimedOut,
    /// The session's process ended: [`Outcome::crash`].
    Crashed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::TimedOut => "timed out",
            Self::Crashed => "crashed",
        })
    }
}

/// What became of the session's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StateAfter {
    /// Everything is there, with what the code did up to its end.
    Kept,
    /// The session went back to an earlier state.
    Restored {
        /// Which one.
        from: RestoredFrom,
    },
    /// Everything is gone; by the session's policy a fresh interpreter takes over, or none.
    Lost,
}

/// Which earlier state a session went back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RestoredFrom {
    /// The names as they were bound before that execution.
    Bindings(ExecutionId),
    /// The guard from before that execution.
    Guard(ExecutionId),
    /// A live checkpoint.
    Live(CheckpointId),
    /// A portable checkpoint.
    Portable(CheckpointId),
}

/// The value of a trailing expression.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Value {
    /// Its `repr`, of which `cut` bytes are missing at the end. Where `repr` raised, a text in angle brackets says so.
    pub repr: String,
    /// Its JSON form, where it has an exact one. An integer has one where an `i64` or a `u64` holds it.
    pub json: Option<serde_json::Value>,
    /// The qualified name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Bytes of the `repr` beyond the limit.
    pub cut: u64,
}

/// A Python exception.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PythonError {
    /// The name of its type: `ValueError`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The module of its type: `builtins`.
    pub module: String,
    /// Its message.
    pub message: String,
    /// The traceback as Python prints it, without the runner's own frames.
    pub traceback: String,
    /// The user's frames, the innermost last; of more than 200, the outermost 50 and the innermost 150.
    pub frames: Vec<TraceFrame>,
    /// For `SystemExit`: the exit code that a program would have had.
    pub exit_code: Option<i32>,
}

/// One frame of a traceback.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TraceFrame {
    /// The file, or `<cell N>`.
    pub file: String,
    /// The line, from 1; 0 where Python does not know it.
    pub line: u32,
    /// The function, or `<module>`.
    pub function: String,
    /// The source line, without its indentation; empty where it is not known.
    pub source: String,
}

/// What ended a session's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
#[non_exhaustive]
pub enum CrashCause {
    /// A signal.
    Signal {
        /// Its number.
        signal: i32,
        /// Its name: `SIGSEGV`.
        name: String,
    },
    /// The process exited by itself, `os._exit` for one.
    Exit {
        /// Its exit code.
        code: i32,
    },
    /// The host ended it, because an interrupt did not within the grace.
    Killed {
        /// Why: `deadline`, `interrupt`, `protocol`.
        reason: String,
    },
    /// Memory ran out and the kernel chose this process.
    OutOfMemory,
    /// Its sandbox was stopped with all that ran in it, and came back with its files alone.
    SandboxStopped {
        /// By whom, as far as that is known.
        problem: String,
    },
    /// Not known: the connection ended and no cause was told.
    Unknown,
}

impl fmt::Display for CrashCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal { signal, name } => write!(f, "killed by {name} (signal {signal})"),
            Self::Exit { code } => write!(f, "the process exited with code {code}"),
            Self::Killed { reason } => write!(f, "killed by the host ({reason})"),
            Self::OutOfMemory => f.write_str("killed because memory ran out"),
            Self::SandboxStopped { problem } => write!(f, "the sandbox was stopped: {problem}"),
            Self::Unknown => f.write_str("the process ended for an unknown reason"),
        }
    }
}

/// Where the time of an execution went. In JSON: whole microseconds, `queue_us` and so on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// Waiting for earlier executions of the session.
    #[serde(default, rename = "queue_us", with = "micros")]
    pub queue: Duration,
    /// Between host and session: the total less all that follows.
    #[serde(default, rename = "transport_us", with = "micros")]
    pub transport: Duration,
    /// Parsing and compiling.
    #[serde(default, rename = "compile_us", with = "micros")]
    pub compile: Duration,
    /// Running.
    #[serde(default, rename = "run_us", with = "micros")]
    pub run: Duration,
    /// Capturing the value, the changes and the last output.
    #[serde(default, rename = "capture_us", with = "micros")]
    pub capture: Duration,
    /// From the call to the end, the queue included.
    #[serde(default, rename = "total_us", with = "micros")]
    pub total: Duration,
}
