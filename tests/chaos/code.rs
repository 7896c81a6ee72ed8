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

impl End {
    /// How long code that ends so may take.
    pub(crate) fn timeout(self) -> Duration {
        match self {
            Self::Sleeps | Self::IsLate | Self::IsStubborn => Duration::from_millis(600),
            _ => Duration::from_secs(5),
        }
    }
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
    ExecutionRequest::new(code).transaction(policy).timeout(end.timeout())
}

/// How long a look may take.
pub(crate) const LOOK: Duration = Duration::from_secs(5);

/// Tells what a session holds, and how many descriptors it has, as JSON.
pub(crate) fn look() -> ExecutionRequest {
    let descriptors = "len(__import__('os').listdir('/proc/self/fd'))";
    let code = format!("[x, n, {descriptors}] if 'x' in globals() else [[], 0, {descriptors}]");
    ExecutionRequest::new(code).timeout(LOOK)
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
