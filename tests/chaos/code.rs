//! The code that the sessions run, and what it makes of their state.

use std::time::Duration;

use hibernaculum::{ExecutionRequest, Status, TransactionPolicy};

use crate::model::State;

/// How code goes about its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Completes,
    Fails,
    /// Leaves a child process behind, which ends with the session, or when this is undone.
    HasAChild,
    Crashes,
    Sleeps,
    /// Makes an exception of its own of the deadline's interrupt.
    IsLate,
    /// Nothing but SIGKILL ends it.
    IsStubborn,
}

/// Appends the token to `x`, binds it to `n`, prints it, and ends.
pub(crate) fn write(token: u64, end: End, policy: TransactionPolicy) -> ExecutionRequest {
    let last = match end {
        End::Completes => "pass",
        End::HasAChild => "__import__('subprocess').Popen(['sleep', '600'])",
        End::Fails => "1 / 0",
        End::Crashes => "os._exit(7)",
        End::Sleeps => "time.sleep(600)",
        End::IsLate => "try: time.sleep(600)\nexcept KeyboardInterrupt: raise ValueError('late')",
        End::IsStubborn => "while True:\n try:\n  while True: pass\n except BaseException: pass",
    };
    let code = format!(
        "if 'x' not in globals(): x, n = [], 0\nimport os, time\nx.append({token})\nn = {token}\nprint('wrote', {token}, flush=True)\n{last}"
    );
    let timeout = match end {
        End::Sleeps | End::IsLate | End::IsStubborn => Duration::from_secs(1),
        _ => Duration::from_secs(5),
    };
    ExecutionRequest::new(code).transaction(policy).timeout(timeout)
}

/// Tells what a session holds, as JSON.
pub(crate) fn look() -> ExecutionRequest {
    ExecutionRequest::new("[x, n] if 'x' in globals() else [[], 0]").timeout(Duration::from_secs(5))
}

/// What `write` made of a state that was kept.
pub(crate) fn after(state: &State, token: u64, status: Status) -> Vec<State> {
    match status {
        Status::Completed | Status::Failed => vec![state.written(token)],
        _ => vec![state.clone(), state.appended(token), state.written(token)],
    }
}

/// The same where its names, and nothing else, were put back.
pub(crate) fn with_names_back(before: &State, token: u64, status: Status) -> Vec<State> {
    let mut possible = vec![before.appended(token)];
    if !matches!(status, Status::Completed | Status::Failed) {
        possible.push(before.clone());
    }
    if before == &State::default() {
        // In a fresh session `x` itself is one of the names that are gone.
        possible.push(State::default());
    }
    possible
}
