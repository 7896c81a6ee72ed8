//! What `hib stdio` holds: the backends that were asked for, and whose sandboxes and sessions are whose.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hibernaculum::{
    Backend, CheckpointId, Error, SandboxError, SandboxId, SessionError, SessionId, SessionInfo,
};
use serde_json::value::RawValue;

use super::books::Books;
use super::lines::Writer;
use super::message::{self, Refusal};
use crate::place::BackendArgs;

pub(super) type Answer = Result<Box<RawValue>, Refusal>;

pub(super) struct Server {
    defaults: BackendArgs,
    pub(super) writer: Arc<Writer>,
    books: Mutex<Books>,
}

impl Server {
    pub(super) fn new(defaults: BackendArgs, writer: Arc<Writer>) -> Self {
        Self { defaults, writer, books: Mutex::default() }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a line, and sends the answer.
    pub(super) async fn serve(&self, line: &[u8]) {
        let request = match message::read(line) {
            Ok(request) => request,
            Err(refusal) => return self.writer.send(&refusal).await,
        };
        let outcome = self.call(&request.method, request.params).await;
        if let Some(id) = request.id {
            self.writer.send(&message::answer(id, outcome)).await;
        }
    }

    /// The backend of that name, made when it is first asked for.
    pub(super) async fn backend(
        &self,
        name: Option<String>,
        python: Option<String>,
    ) -> Result<Arc<dyn Backend>, Error> {
        let args = self.defaults.with(name, python);
        let key = args.key();
        if let Some(backend) = self.books().backends.get(&key) {
            return Ok(Arc::clone(backend));
        }
        let made = args.create().await?;
        // Of two that were made at once the first is kept.
        Ok(Arc::clone(self.books().backends.entry(key).or_insert(made)))
    }

    pub(super) fn enter_sandbox(&self, id: SandboxId, backend: &Arc<dyn Backend>) {
        self.books().sandboxes.insert(id, Arc::clone(backend));
    }

    pub(super) fn close_sandbox(&self, id: SandboxId) {
        self.books().close_sandbox(id);
    }

    pub(super) fn enter_session(&self, info: &SessionInfo, backend: &Arc<dyn Backend>) {
        self.books().enter_session(info, backend);
    }

    pub(super) fn close_session(&self, id: SessionId) {
        self.books().close_session(id);
    }

    pub(super) fn enter_checkpoint(&self, id: CheckpointId, backend: &Arc<dyn Backend>) {
        self.books().checkpoints.insert(id, Arc::clone(backend));
    }

    pub(super) fn forget_checkpoint(&self, id: CheckpointId) {
        self.books().checkpoints.remove(&id);
    }

    /// The backend of a sandbox.
    pub(super) fn of_sandbox(&self, id: SandboxId) -> Result<Arc<dyn Backend>, Error> {
        let known = self.books().sandboxes.get(&id).cloned();
        known.ok_or_else(|| SandboxError::Unknown { sandbox: id }.into())
    }

    /// The backend of a session.
    pub(super) fn of_session(&self, id: SessionId) -> Result<Arc<dyn Backend>, Error> {
        let known = self.books().of_session(id);
        known.ok_or_else(|| SessionError::Unknown { session: id }.into())
    }

    /// The backend of a checkpoint. One that another program saved may be in the store of the backend that is used where none is named.
    pub(super) async fn of_checkpoint(&self, id: CheckpointId) -> Result<Arc<dyn Backend>, Error> {
        let known = self.books().checkpoints.get(&id).cloned();
        match known {
            Some(backend) => Ok(backend),
            None => self.backend(None, None).await,
        }
    }

    pub(super) fn sandboxes(&self) -> Vec<(SandboxId, Arc<dyn Backend>)> {
        self.books().sandboxes.iter().map(|(id, backend)| (*id, Arc::clone(backend))).collect()
    }

    /// Ends everything, and waits until nothing is left.
    pub(super) async fn close(&self) {
        for (id, backend) in self.sandboxes() {
            // Whoever could be told is gone.
            let _ = backend.destroy(&id).await;
            self.close_sandbox(id);
        }
    }
}
