//! What is known of a session, and whether executions are admitted: one lock, and every change leaves it whole.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{CheckpointId, Error, SessionError, SessionId, SessionInfo, SessionState};

use super::Port;
use crate::session::ring::Ring;

/// How many ended executions are remembered.
const REMEMBERED: usize = 8;

/// What is known of the session.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) info: SessionInfo,
    pub(super) standing: Standing,
    /// Executions that were admitted and have not ended.
    pub(super) open: usize,
    /// Their rings, and those of the last that ended.
    pub(super) known: VecDeque<Arc<Ring>>,
    /// The highest number that any execution of its process has had, or of those whose state it goes on from.
    pub(super) number: u64,
    /// The newest portable checkpoint that it was saved as or restored from: blobs of that need not be sent again.
    pub(super) line: Option<CheckpointId>,
    /// What the next execution has to warn of.
    pub(super) warnings: Vec<String>,
}

/// Whether executions are admitted.
#[derive(Debug, Clone)]
pub(super) enum Standing {
    Open,
    Crashed(String),
    Closed,
    Gone(Error),
    /// It is being put to sleep: only what saves it is admitted.
    Sealed,
}

impl Port {
    /// The highest number that any execution of it has had.
    pub(crate) fn number(&self) -> u64 {
        self.book().number
    }

    /// From now on its state goes on from that checkpoint. Returns the one before.
    pub(crate) fn go_on_from(&self, checkpoint: CheckpointId) -> Option<CheckpointId> {
        self.book().info.checkpoint.replace(checkpoint)
    }

    pub(in crate::session) fn note_number(&self, number: u64) {
        self.book().number = number;
    }

    /// The newest portable checkpoint of its line.
    pub(crate) fn line(&self) -> Option<CheckpointId> {
        self.book().line
    }

    /// It was saved as that checkpoint, or goes on from it.
    pub(crate) fn note_line(&self, checkpoint: CheckpointId) {
        self.book().line = Some(checkpoint);
    }

    /// It goes on from a session in which so many executions had ended.
    pub(crate) fn note_executions(&self, executions: u64) {
        self.book().info.executions = executions;
    }

    /// The next execution that is admitted warns of this.
    pub(crate) fn warn(&self, warnings: Vec<String>) {
        self.book().warnings.extend(warnings);
    }

    /// What is known of the session now.
    pub(crate) fn info(&self) -> SessionInfo {
        let book = self.book();
        let running = usize::from(book.info.state == SessionState::Running);
        let mut info = book.info.clone();
        info.queued = book.open.saturating_sub(running);
        info
    }

    /// Looks at what is known, where not all of it is wanted.
    pub(in crate::session) fn known<T>(&self, look: impl FnOnce(&SessionInfo) -> T) -> T {
        look(&self.book().info)
    }

    /// Changes what is known.
    pub(in crate::session) fn note(&self, change: impl FnOnce(&mut SessionInfo)) {
        change(&mut self.book().info);
    }

    /// Takes note of the end of an execution, before anybody is told of it.
    pub(in crate::session) fn ended(&self, ran: Option<Duration>) {
        let mut book = self.book();
        book.open = book.open.saturating_sub(1);
        if let Some(time) = ran {
            book.info.executions += 1;
            book.info.execution_time += time;
        }
        let mut ended = book.known.iter().filter(|ring| ring.is_ended()).count();
        // The one that ends now is not counted as ended yet.
        book.known.retain(|ring| {
            let forget = ended >= REMEMBERED && ring.is_ended();
            ended -= usize::from(forget);
            !forget
        });
    }

    /// From now on nothing is admitted, because the session crashed for good.
    pub(in crate::session) fn crashed(&self, cause: String) {
        let mut book = self.book();
        book.info.state = SessionState::Crashed;
        book.standing = Standing::Crashed(cause);
    }

    /// From now on nothing is admitted, because the session is closed.
    pub(in crate::session) fn closed(&self) {
        let mut book = self.book();
        book.info.state = SessionState::Closed;
        book.standing = Standing::Closed;
    }

    /// From now on nothing is admitted, because the sandbox is gone.
    pub(in crate::session) fn gone(&self, error: Error) {
        let mut book = self.book();
        book.info.state = SessionState::Closed;
        book.standing = Standing::Gone(error);
    }
}

/// Keeps everything but a save from being admitted. Dropped, it opens the session again, unless that was closed or has crashed meanwhile.
#[derive(Debug)]
pub(crate) struct Sealed(pub(super) Arc<Port>);

impl Drop for Sealed {
    fn drop(&mut self) {
        let mut book = self.0.book();
        if matches!(book.standing, Standing::Sealed) {
            book.standing = Standing::Open;
        }
    }
}

impl Standing {
    /// Whether one more is.
    pub(super) fn admits(&self, session: SessionId) -> Result<(), Error> {
        match self {
            Self::Open => Ok(()),
            Self::Crashed(cause) => Err(SessionError::Crashed { session, cause: cause.clone() }.into()),
            Self::Closed | Self::Sealed => Err(SessionError::Closed { session }.into()),
            Self::Gone(error) => Err(error.clone()),
        }
    }
}
