//! What the wire says of an end, as the contract says it.

use std::time::Duration;

use hibernaculum_core::{
    ByteSize, Change, Changes, CrashCause, Error, Outcome, PythonError, SessionError, SessionId, StateAfter,
    Status, Timings, TraceFrame, Value,
};
use jiff::Timestamp;
use tokio::time::Instant;

use super::job::{Job, RunningJob};
use super::machine::Stop;
use crate::sandbox::timestamp;
use crate::wire::WireError;
use crate::wire::messages::{self, Cause, Executed, Json};

/// The end of an execution that the session answered.
pub(super) fn answered(
    running: RunningJob,
    executed: Executed,
    stop: Option<Stop>,
    state: StateAfter,
) -> Result<Outcome, WireError> {
    let status = match (executed.status, stop) {
        (messages::Status::Completed, _) => Status::Completed,
        (_, Some(Stop::Deadline)) => Status::TimedOut,
        (messages::Status::Interrupted, _) => Status::Interrupted,
        _ => Status::Failed,
    };
    let mut outcome = Outcome::new(status, state);
    outcome.value = executed.value.map(value).transpose()?;
    outcome.error = executed.error.map(error).transpose()?;
    outcome.changes = changes(executed.changes);
    outcome.cpu_time = Duration::from_micros(executed.cpu_us);
    outcome.memory = ByteSize::bytes(executed.memory_bytes);
    outcome.memory_delta = executed.memory_delta;
    outcome.count = executed.count;
    outcome.timings = Timings {
        compile: Duration::from_micros(executed.timings.compile_us),
        run: Duration::from_micros(executed.timings.run_us),
        capture: Duration::from_micros(executed.timings.capture_us),
        ..Timings::default()
    };
    outcome.warnings = executed.warnings;
    Ok(ran(running, outcome, timestamp(executed.at)))
}

/// The end of an execution whose process died.
pub(super) fn died(running: RunningJob, cause: CrashCause, stop: Option<Stop>, state: StateAfter) -> Outcome {
    let status = match (stop, &cause) {
        (Some(Stop::Deadline), _) => Status::TimedOut,
        (Some(Stop::Interrupt), _) => Status::Interrupted,
        _ => Status::Crashed,
    };
    let mut outcome = Outcome::new(status, state);
    outcome.crash = Some(cause);
    ran(running, outcome, Timestamp::now())
}

/// The end of an execution that never began, or that was ended with its session.
pub(super) fn not_run(job: Job, status: Status, state: StateAfter) -> Outcome {
    let mut outcome = Outcome::new(status, state);
    outcome.timings.queue = job.admitted.elapsed();
    outcome.timings.total = outcome.timings.queue;
    outcome.warnings = job.warnings;
    outcome
}

/// Adds what only the host knows. `at`: when it ended, as the session says.
fn ran(running: RunningJob, mut outcome: Outcome, at: Timestamp) -> Outcome {
    let RunningJob { job, queued, sent, adopted, .. } = running;
    let Timings { compile, run, capture, .. } = outcome.timings;
    outcome.timings.queue = queued;
    outcome.timings.total = job.admitted.elapsed();
    outcome.timings.transport = Instant::now().duration_since(sent).saturating_sub(compile + run + capture);
    if let Some(admitted) = adopted {
        // It may have ended long before it was adopted; and two clocks of milliseconds may differ by one.
        let known = queued + compile + run + capture;
        outcome.timings.total =
            at.duration_since(admitted).try_into().map_or(known, |total: Duration| total.max(known));
        outcome.timings.transport = outcome.timings.total.saturating_sub(known);
    }
    outcome.warnings.splice(0..0, job.warnings);
    outcome
}

/// Why something that took its turn among the executions, and is none of anybody's, was not served.
pub(super) fn not_served(session: SessionId, doing: String, outcome: &Outcome) -> Error {
    let problem = match (outcome.status, &outcome.crash) {
        (Status::Interrupted, None) if outcome.state == StateAfter::Lost => {
            return SessionError::Closed { session }.into();
        }
        (Status::TimedOut, None) => {
            let (queue, total) = (outcome.timings.queue, outcome.timings.total);
            format!(
                "its time was over after {total:.1?}, of which {queue:.1?} went to the executions before it"
            )
        }
        (Status::TimedOut, Some(cause)) => {
            format!("its time was over and its process had to be ended: {cause}")
        }
        (_, Some(cause)) => format!("its process ended: {cause}"),
        _ => match &outcome.error {
            Some(error) => format!("{}: {}", error.type_name, error.message),
            None => "it was interrupted".to_owned(),
        },
    };
    SessionError::NotServed { session, doing, problem }.into()
}

/// Who killed a process, where it was the kernel.
const OUT_OF_MEMORY: &str = "oom";

/// What ended a process.
pub(super) fn cause(cause: Cause) -> CrashCause {
    match cause {
        Cause::Signal { by: Some(reason), .. } if reason == OUT_OF_MEMORY => CrashCause::OutOfMemory,
        Cause::Signal { by: Some(reason), .. } | Cause::Exit { by: Some(reason), .. } => {
            CrashCause::Killed { reason }
        }
        Cause::Signal { signal, name, .. } => CrashCause::Signal { signal, name },
        Cause::Exit { exit, .. } => CrashCause::Exit { code: exit },
    }
}

fn value(value: messages::Value) -> Result<Value, WireError> {
    let repr = value.repr.into_string()?;
    // A form that serde cannot read (a number beyond its range, say) is none: the `repr` still tells.
    let json = match value.json {
        Some(Json::Text(text)) => serde_json::from_str(&text.into_string()?).ok(),
        Some(Json::Repr(true)) => match repr.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            Some(inner) => serde_json::from_str(&format!("\"{inner}\"")).ok(),
            None => serde_json::from_str(&repr).ok(),
        },
        Some(Json::Repr(false)) | None => None,
    };
    Ok(Value { repr, json, type_name: value.type_name, cut: value.cut })
}

fn error(error: messages::PythonError) -> Result<PythonError, WireError> {
    Ok(PythonError {
        type_name: error.type_name,
        module: error.module,
        message: error.message.into_string()?,
        traceback: error.traceback.into_string()?,
        frames: error.frames.into_iter().map(frame).collect(),
        exit_code: error.exit_code.map(|code| i32::try_from(code).unwrap_or(i32::MAX)),
    })
}

fn frame(frame: messages::TraceFrame) -> TraceFrame {
    let messages::TraceFrame { file, line, function, source } = frame;
    TraceFrame { file, line: line.unwrap_or_default(), function, source: source.unwrap_or_default() }
}

fn changes(changes: messages::Changes) -> Changes {
    let change = |change: messages::Change| Change {
        name: change.name,
        type_name: change.type_name,
        size: change.size.map(ByteSize::bytes),
    };
    Changes {
        added: changes.added.into_iter().map(change).collect(),
        modified: changes.modified.into_iter().map(change).collect(),
        removed: changes.removed,
        more: changes.more,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_killed_a_process_is_named() {
        let signal =
            |by: Option<&str>| Cause::Signal { signal: 9, name: "SIGKILL".into(), by: by.map(Into::into) };
        assert_eq!(cause(signal(Some("oom"))), CrashCause::OutOfMemory);
        assert_eq!(cause(signal(Some("deadline"))), CrashCause::Killed { reason: "deadline".into() });
        assert_eq!(cause(signal(None)), CrashCause::Signal { signal: 9, name: "SIGKILL".into() });
        assert_eq!(cause(Cause::Exit { exit: 7, by: None }), CrashCause::Exit { code: 7 });
    }
}
