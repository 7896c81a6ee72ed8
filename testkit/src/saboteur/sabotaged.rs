//! The decorator: a backend that hands everything on, but for what its saboteur bends.

use std::sync::Arc;

use futures_util::StreamExt as _;
use hibernaculum_core::{
    Backend, CheckpointId, CheckpointInfo, CheckpointRequest, Error, Execution, ExecutionId,
    ExecutionRequest, Features, FileBody, FileInfo, InputReply, InputToken, Manifest, NamespaceFilter,
    NamespaceListing, ReprLimits, SandboxCheckpoints, SandboxExecution, SandboxFiles, SandboxId, SandboxInfo,
    SandboxSnapshots, SandboxSpec, Sandboxes, SessionId, SessionInfo, SessionSpec, SnapshotId, SnapshotInfo,
    Value, async_trait,
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

    async fn adopt(&self) -> Result<Vec<SandboxInfo>, Error> {
        self.honest.adopt().await
    }

    async fn release(&self, sandbox: &SandboxId) -> Result<(), Error> {
        self.honest.release(sandbox).await
    }

    fn sandboxes_backend(&self) -> &str {
        self.honest.sandboxes_backend()
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

#[async_trait]
impl SandboxCheckpoints for Sabotaged {
    fn checkpoints_backend(&self) -> &str {
        self.honest.checkpoints_backend()
    }

    async fn checkpoint(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        let mut info = self.honest.checkpoint(session, request).await?;
        self.bend.checkpoint(&mut info);
        Ok(info)
    }

    async fn checkpoints(&self, session: &SessionId) -> Result<Vec<CheckpointInfo>, Error> {
        self.honest.checkpoints(session).await
    }

    async fn restore(&self, session: &SessionId, checkpoint: &CheckpointId) -> Result<(), Error> {
        if self.omits(Call::Restore) { Ok(()) } else { self.honest.restore(session, checkpoint).await }
    }

    async fn branch(&self, checkpoint: &CheckpointId, spec: SessionSpec) -> Result<SessionInfo, Error> {
        self.honest.branch(checkpoint, spec).await
    }

    async fn delete_checkpoint(&self, checkpoint: &CheckpointId) -> Result<(), Error> {
        if self.omits(Call::DeleteCheckpoint) {
            Ok(())
        } else {
            self.honest.delete_checkpoint(checkpoint).await
        }
    }

    async fn stored_checkpoints(&self) -> Result<Vec<CheckpointInfo>, Error> {
        self.honest.stored_checkpoints().await
    }

    async fn manifest(&self, checkpoint: &CheckpointId) -> Result<Manifest, Error> {
        let mut manifest = self.honest.manifest(checkpoint).await?;
        self.bend.manifest(&mut manifest);
        Ok(manifest)
    }

    async fn wake(
        &self,
        sandbox: &SandboxId,
        checkpoint: &CheckpointId,
        spec: SessionSpec,
    ) -> Result<SessionInfo, Error> {
        self.honest.wake(sandbox, checkpoint, spec).await
    }

    async fn hibernate(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        if self.omits(Call::Sleep) {
            self.honest.checkpoint(session, request).await
        } else {
            self.honest.hibernate(session, request).await
        }
    }

    async fn commit(&self, session: &SessionId, execution: &ExecutionId) -> Result<(), Error> {
        self.honest.commit(session, execution).await
    }

    async fn rollback(&self, session: &SessionId, execution: &ExecutionId) -> Result<(), Error> {
        if self.omits(Call::Rollback) {
            self.honest.commit(session, execution).await
        } else {
            self.honest.rollback(session, execution).await
        }
    }
}

#[async_trait]
impl SandboxSnapshots for Sabotaged {
    fn snapshots_backend(&self) -> &str {
        self.honest.snapshots_backend()
    }

    async fn snapshot(&self, sandbox: &SandboxId, name: Option<String>) -> Result<SnapshotInfo, Error> {
        let mut info = self.honest.snapshot(sandbox, name).await?;
        self.bend.snapshot(&mut info);
        Ok(info)
    }

    async fn snapshots(&self) -> Result<Vec<SnapshotInfo>, Error> {
        self.honest.snapshots().await
    }

    async fn restore_snapshot(&self, snapshot: &SnapshotId, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        self.honest.restore_snapshot(snapshot, spec).await
    }

    async fn delete_snapshot(&self, snapshot: &SnapshotId) -> Result<(), Error> {
        if self.omits(Call::DeleteSnapshot) { Ok(()) } else { self.honest.delete_snapshot(snapshot).await }
    }

    async fn fork_sandbox(&self, sandbox: &SandboxId, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        if self.omits(Call::Fork) {
            self.honest.get(sandbox).await
        } else {
            self.honest.fork_sandbox(sandbox, spec).await
        }
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
