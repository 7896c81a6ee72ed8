//! What every module of cases uses.

use std::time::Duration;

pub(crate) use hibernaculum_core::{
    CrashCause, EventKind, ExecutionId, ExecutionRequest, Feature, InputReply, LimitKind, Limits,
    RecoveryPolicy, Sandbox, Session, SessionId, SessionSpec, SessionState, StateAfter, Status, StdinPolicy,
    Timeout,
};

pub(crate) use crate::case::{Need, cases};
pub(crate) use crate::context::{Context, eventually};
pub(crate) use crate::expect::{Expect, ExpectError, ensure, ensure_eq};
pub(crate) use crate::failure::{Failure, Outcome};
pub(crate) use crate::python::python;
pub(crate) use crate::watch::Watch;

pub(crate) const INTERRUPT: Need = Need::Feature(Feature::Interrupt);
pub(crate) const INPUT: Need = Need::Feature(Feature::Input);
pub(crate) const ATTACH: Need = Need::Feature(Feature::Attach);
pub(crate) const PRELOAD: Need = Need::Feature(Feature::Preload);

/// Says `ready`, then sleeps for ten minutes: ends only if it is made to.
pub(crate) const SLEEPER: &str = "import time\nprint('ready')\ntime.sleep(600)";

/// Says `ready`, then computes for ever.
pub(crate) const BUSY: &str = "print('ready')\nwhile True: pass";

/// Says `ready`, then ignores every `KeyboardInterrupt`: ends only with its process.
pub(crate) const STUBBORN: &str = "import time\nprint('ready')\nwhile True:\n    try:\n        while True: time.sleep(1)\n    except KeyboardInterrupt:\n        pass";

/// Code that goes on once another session of the sandbox has made the file.
pub(crate) fn wait_for(file: &str) -> String {
    format!("import os, time\nwhile not os.path.exists({file:?}): time.sleep(0.002)\n")
}

/// Code that makes the file that another session waits for.
pub(crate) fn make(file: &str) -> String {
    format!("open({file:?}, 'w').close()\n")
}

/// A request with a deadline.
pub(crate) fn within(limit: Duration, code: &str) -> ExecutionRequest {
    ExecutionRequest::new(code).timeout(limit)
}

/// A request whose questions are to be asked.
pub(crate) fn asking(code: impl Into<String>) -> ExecutionRequest {
    ExecutionRequest::new(code).stdin(StdinPolicy::Ask)
}

/// A session whose stubborn code is given a tenth of a second.
pub(crate) fn impatient() -> SessionSpec {
    SessionSpec::default().grace(Duration::from_millis(100))
}

/// What a process was ended by that the host killed.
pub(crate) fn killed(reason: &str) -> CrashCause {
    CrashCause::Killed { reason: reason.to_owned() }
}

/// What a process was ended by that died of a signal.
pub(crate) fn signal(signal: i32, name: &str) -> CrashCause {
    CrashCause::Signal { signal, name: name.to_owned() }
}

/// What a loop prints.
pub(crate) fn lines(range: impl IntoIterator<Item = u32>, line: impl Fn(u32) -> String) -> String {
    range.into_iter().fold(String::new(), |text, i| text + &line(i))
}
