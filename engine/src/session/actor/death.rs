//! How a session's process ended, as the actor takes it: from what the supervisor told, or with its whole sandbox.

use hibernaculum_core::CrashCause;

use crate::session::outcome;
use crate::wire::messages::{Died, State};

/// The end of a process.
#[derive(Debug)]
pub(super) struct Death {
    pub(super) cause: CrashCause,
    /// Whether a guard stands, to go on in its place.
    pub(super) is_guarded: bool,
    /// Which process it was; unset: whichever the session had.
    pub(super) pid: Option<u32>,
}

impl From<Died> for Death {
    fn from(died: Died) -> Self {
        let is_guarded = died.state == State::Guarded;
        Self { cause: outcome::cause(died.cause), is_guarded, pid: Some(died.pid) }
    }
}

impl Death {
    /// Everything in the sandbox ended.
    pub(super) fn of_sandbox(problem: String) -> Self {
        Self { cause: CrashCause::SandboxStopped { problem }, is_guarded: false, pid: None }
    }

    pub(super) fn is_of_sandbox(&self) -> bool {
        matches!(self.cause, CrashCause::SandboxStopped { .. })
    }
}
