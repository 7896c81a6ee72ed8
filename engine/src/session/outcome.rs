//! What the wire says of an end, as the contract says it.

use std::time::Duration;

use hibernaculum_core::{
    ByteSize, Change, Changes, CrashCause, Outcome, PythonError, StateAfter, Status, Timings, TraceFrame,
    Value,
};
use tokio::time::Instant;

use super::job::{Job, Running};
use super::machine::Stop;
use crate::wire::WireError;
use crate::wire::messages::{self, Cause, Executed, Json};

/// The end of an execution that the session answered.
pub(super) fn answered(
    running: Running,
    executed: Executed,
    stop: Option<Stop>,
) -> Result<Outcome, WireError> {
    let status = match (executed.status, stop) {
        (messages::Status::Completed, _) => Status::Completed,
        (_, Some(Stop::Deadline)) => Status::TimedOut,
        (messages::Status::Interrupted, _) => Status::Interrupted,
        _ => Status::Failed,
    };
    let mut outcome = Outcome::new(status, StateAfter::Kept);
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
    Ok(ran(running, outcome))
}

/// The end of an execution whose process died.
pub(super) fn lost(running: Running, cause: CrashCause, stop: Option<Stop>) -> Outcome {
    let status = match (stop, &cause) {
        (Some(Stop::Deadline), _) => Status::TimedOut,
        (Some(Stop::Interrupt), _) => Status::Interrupted,
        _ => Status::Crashed,
    };
    let mut outcome = Outcome::new(status, StateAfter::Lost);
    outcome.crash = Some(cause);
    ran(running, outcome)
}

/// The end of an execution that never began, or that was ended with its session.
pub(super) fn not_run(job: Job, status: Status, state: StateAfter) -> Outcome {
    let mut outcome = Outcome::new(status, state);
    outcome.timings.queue = job.admitted.elapsed();
    outcome.timings.total = outcome.timings.queue;
    outcome.warnings = job.warnings;
    outcome
}

/// Adds what only the host knows.
fn ran(running: Running, mut outcome: Outcome) -> Outcome {
    let Running { job, queued, sent, .. } = running;
    let Timings { compile, run, capture, .. } = outcome.timings;
    outcome.timings.queue = queued;
    outcome.timings.total = job.admitted.elapsed();
    outcome.timings.transport = Instant::now().duration_since(sent).saturating_sub(compile + run + capture);
    outcome.warnings.splice(0..0, job.warnings);
    outcome
}

/// What ended a process.
pub(super) fn cause(cause: Cause) -> CrashCause {
    match cause {
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
