//! Whose sandboxes, sessions and checkpoints are whose.
//!
//! What was closed lately is still known, so that its backend says that it is closed; what was closed long ago is forgotten: a program may open and
//! close sessions for months.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use hibernaculum::{Backend, CheckpointId, SandboxId, SessionId, SessionInfo};

/// Sessions that are remembered as closed.
const REMEMBERED: usize = 1000;

#[derive(Default)]
pub(super) struct Books {
    /// By name and Python.
    pub(super) backends: HashMap<(String, Option<String>), Arc<dyn Backend>>,
    pub(super) sandboxes: HashMap<SandboxId, Arc<dyn Backend>>,
    sessions: HashMap<SessionId, (SandboxId, Arc<dyn Backend>)>,
    closed: VecDeque<SessionId>,
    pub(super) checkpoints: HashMap<CheckpointId, Arc<dyn Backend>>,
}

impl Books {
    pub(super) fn enter_session(&mut self, info: &SessionInfo, backend: &Arc<dyn Backend>) {
        self.sessions.insert(info.id, (info.sandbox, Arc::clone(backend)));
    }

    pub(super) fn of_session(&self, id: SessionId) -> Option<Arc<dyn Backend>> {
        self.sessions.get(&id).map(|(_, backend)| Arc::clone(backend))
    }

    /// A session was closed, or went on elsewhere.
    pub(super) fn close_session(&mut self, id: SessionId) {
        if self.sessions.contains_key(&id) && !self.closed.contains(&id) {
            self.closed.push_back(id);
        }
        while self.closed.len() > REMEMBERED {
            if let Some(oldest) = self.closed.pop_front() {
                self.sessions.remove(&oldest);
            }
        }
    }

    /// A sandbox was closed, with its sessions.
    pub(super) fn close_sandbox(&mut self, id: SandboxId) {
        self.sandboxes.remove(&id);
        let sessions: Vec<_> =
            self.sessions.iter().filter(|(_, (home, _))| *home == id).map(|(session, _)| *session).collect();
        for session in sessions {
            self.close_session(session);
        }
    }
}

#[cfg(all(test, feature = "local"))]
mod tests {
    use hibernaculum::LocalBackend;

    use super::*;

    #[tokio::test]
    async fn what_was_closed_long_ago_is_forgotten_and_the_rest_is_not() {
        let backend = LocalBackend::builder().build().unwrap();
        let mut books = Books::default();
        let (home, other) = (SandboxId::new(), SandboxId::new());
        let enter = |books: &mut Books, sandbox| {
            let info = SessionInfo::new(SessionId::new(), sandbox);
            books.enter_session(&info, &backend);
            info.id
        };
        let open = enter(&mut books, other);
        let first = enter(&mut books, home);
        books.close_session(first);
        books.close_session(first);
        assert!(books.of_session(first).is_some(), "its backend says that it is closed");
        for _ in 0..REMEMBERED {
            enter(&mut books, home);
        }
        books.close_sandbox(home);
        assert!(books.of_session(first).is_none() && books.of_session(open).is_some());
        assert_eq!((books.sessions.len(), books.closed.len()), (REMEMBERED + 1, REMEMBERED));
    }
}
