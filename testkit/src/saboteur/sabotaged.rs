//! The decorator: a backend that hands everything on, but for what its saboteur bends.

use std::sync::Arc;

use futures_util::StreamExt as _;
use hibernaculum_core::{
    Backend, Error, Execution, ExecutionId, ExecutionRequest, Features, FileBody, FileInfo, InputReply,
    InputToken, NamespaceFilter, NamespaceListing, ReprLimits, SandboxCheckpoints, SandboxExecution,
    SandboxFiles, SandboxId, SandboxInfo, SandboxSpec, Sandboxes, SessionId, SessionInfo, SessionSpec, Value,
    async_trait,
};

use super::bends::{Bend, Call};
use super::events::Bent;
use super::vices::Vice;

/// A backend with a saboteur in front of it.
pub(super) struct Sabotaged {
    honest: Arc<dyn Backend>,
    bend: Arc<dyn Bend>,
}

impl Sabotaged {
    pub(super) fn new(honest: Arc<dyn Backend>, vice: Vice) -> Self {
        Self { honest, bend: vice.into() }
    }

    fn omits(&self, call: Call) -> bool {
        self.bend.omits(call)
    }
}

#[async_trait]
impl Sandboxes for Sabotaged {
    async fn create(&self, mut spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        self.bend.sandbox(&mut spec);
        self.honest.create(spec).await
    }

    async fn get(&self, sandbox: &SandboxId) -> Result<SandboxInfo, Error> {
        self.honest.get(sandbox).await
    }

    async fn list(&self) -> Result<Vec<SandboxInfo>, Error> {
        let mut sandboxes = self.honest.list().await?;
        self.bend.list(&mut sandboxes);
        Ok(sandboxes)
    }

    async fn destroy(&self, sandbox: &SandboxId) -> Result<(), Error> {
        if self.omits(Call::Destroy) { Ok(()) } else { self.honest.destroy(sandbox).await }
    }

    fn abandon(&self, sandbox: &SandboxId) {
        if !self.omits(Call::Abandon) {
            self.honest.abandon(sandbox);
        }
    }
}

#[async_trait]
impl SandboxExecution for Sabotaged {
    async fn open_session(&self, sandbox: &SandboxId, mut spec: SessionSpec) -> Result<SessionInfo, Error> {
        if self.omits(Call::Open)
            && let Some(session) = self.honest.sessions(sandbox).await?.into_iter().next()
        {
            return Ok(session);
        }
        self.bend.session(&mut spec);
        self.honest.open_session(sandbox, spec).await
    }

    async fn session(&self, session: &SessionId) -> Result<SessionInfo, Error> {
        let mut info = self.honest.session(session).await?;
        self.bend.info(&mut info);
        Ok(info)
    }

    async fn sessions(&self, sandbox: &SandboxId) -> Result<Vec<SessionInfo>, Error> {
        self.honest.sessions(sandbox).await
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), Error> {
        if self.omits(Call::Close) { Ok(()) } else { self.honest.close_session(session).await }
    }

    fn abandon_session(&self, session: &SessionId) {
        if !self.omits(Call::AbandonSession) {
            self.honest.abandon_session(session);
        }
    }

    async fn execute(&self, session: &SessionId, mut request: ExecutionRequest) -> Result<Execution, Error> {
        self.bend.request(&mut request);
        let (id, limits) = (request.id, request.output);
        let execution = self.honest.execute(session, request).await?;
        Ok(Execution::new(id, *session, limits, Bent::new(execution, Arc::clone(&self.bend), 0)))
    }

    async fn attach(
        &self,
        session: &SessionId,
        execution: &ExecutionId,
        after_seq: u64,
    ) -> Result<Execution, Error> {
        let after_seq = self.bend.attach_after(after_seq);
        let honest = self.honest.attach(session, execution, after_seq).await?;
        let bent = Bent::new(honest, Arc::clone(&self.bend), after_seq);
        Ok(Execution::new(*execution, *session, hibernaculum_core::OutputLimits::default(), bent))
    }

    async fn interrupt(&self, session: &SessionId, execution: &ExecutionId) -> Result<bool, Error> {
        if self.omits(Call::Interrupt) { Ok(true) } else { self.honest.interrupt(session, execution).await }
    }

    async fn answer(&self, session: &SessionId, token: &InputToken, reply: InputReply) -> Result<(), Error> {
        let answered = self.honest.answer(session, token, self.bend.answer(reply)).await;
        if self.omits(Call::RefuseAnswer) { Ok(()) } else { answered }
    }

    async fn namespace_list(
        &self,
        session: &SessionId,
        filter: NamespaceFilter,
    ) -> Result<NamespaceListing, Error> {
        let mut listing = self.honest.namespace_list(session, filter).await?;
        self.bend.names(&mut listing);
        Ok(listing)
    }

    async fn namespace_get(&self, session: &SessionId, name: &str) -> Result<serde_json::Value, Error> {
        self.honest.namespace_get(session, name).await
    }

    async fn namespace_repr(
        &self,
        session: &SessionId,
        name: &str,
        limits: ReprLimits,
    ) -> Result<Value, Error> {
        self.honest.namespace_repr(session, name, limits).await
    }

    async fn namespace_set(
        &self,
        session: &SessionId,
        name: &str,
        value: serde_json::Value,
    ) -> Result<bool, Error> {
        self.honest.namespace_set(session, name, value).await
    }

    async fn namespace_delete(&self, session: &SessionId, name: &str) -> Result<bool, Error> {
        if self.omits(Call::Delete) { Ok(true) } else { self.honest.namespace_delete(session, name).await }
    }

    async fn namespace_clear(&self, session: &SessionId) -> Result<(), Error> {
        self.honest.namespace_clear(session).await
    }

    fn execution_backend(&self) -> &str {
        self.honest.execution_backend()
    }
}

impl SandboxCheckpoints for Sabotaged {
    fn checkpoints_backend(&self) -> &str {
        self.honest.checkpoints_backend()
    }
}

#[async_trait]
impl SandboxFiles for Sabotaged {
    fn files_backend(&self) -> &str {
        self.honest.files_backend()
    }

    async fn upload(&self, sandbox: &SandboxId, path: &str, body: FileBody) -> Result<FileInfo, Error> {
        self.honest.upload(sandbox, &self.bend.path(path), body).await
    }

    async fn download(&self, sandbox: &SandboxId, path: &str) -> Result<(FileInfo, FileBody), Error> {
        let (info, body) = self.honest.download(sandbox, &self.bend.path(path)).await?;
        let bend = Arc::clone(&self.bend);
        Ok((info, Box::pin(body.map(move |piece| piece.map(|piece| bend.piece(piece))))))
    }

    async fn list_files(&self, sandbox: &SandboxId, path: &str) -> Result<Vec<FileInfo>, Error> {
        let mut files = self.honest.list_files(sandbox, &self.bend.path(path)).await?;
        self.bend.files(&mut files);
        Ok(files)
    }

    async fn stat(&self, sandbox: &SandboxId, path: &str) -> Result<FileInfo, Error> {
        self.honest.stat(sandbox, &self.bend.path(path)).await
    }

    async fn mkdir(&self, sandbox: &SandboxId, path: &str) -> Result<(), Error> {
        self.honest.mkdir(sandbox, &self.bend.path(path)).await
    }

    async fn rename(&self, sandbox: &SandboxId, from: &str, to: &str) -> Result<(), Error> {
        self.honest.rename(sandbox, &self.bend.path(from), &self.bend.path(to)).await
    }

    async fn remove(&self, sandbox: &SandboxId, path: &str) -> Result<(), Error> {
        if self.omits(Call::Remove) {
            Ok(())
        } else {
            self.honest.remove(sandbox, &self.bend.path(path)).await
        }
    }
}

impl Backend for Sabotaged {
    fn features(&self) -> &Features {
        self.honest.features()
    }
}
