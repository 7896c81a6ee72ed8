//! The contract's methods, each told as a [`Call`]. The lint about missing methods keeps this true: a method that the contract gains
//! must pass here as well, and may not take its default in silence.

use std::sync::Arc;

use async_trait::async_trait;
use hibernaculum_core::{
    Backend, CheckpointId, CheckpointInfo, CheckpointRequest, Error, Execution, ExecutionId,
    ExecutionRequest, Feature, Features, FileBody, FileInfo, InputReply, InputToken, Manifest,
    NamespaceFilter, NamespaceListing, OutputLimits, ReprLimits, SandboxCheckpoints, SandboxExecution,
    SandboxFiles, SandboxId, SandboxInfo, SandboxSnapshots, SandboxSpec, Sandboxes, SessionId, SessionInfo,
    SessionSpec, SnapshotId, SnapshotInfo, Unsupported, Value,
};

use super::{Call, Layer, Run};

/// A backend behind a layer.
#[derive(Clone)]
pub(crate) struct Layered<L> {
    pub(crate) layer: L,
    pub(crate) inner: Arc<dyn Backend>,
}

impl<L: Layer> Backend for Layered<L> {
    fn features(&self) -> &Features {
        self.inner.features()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: Layer> Sandboxes for Layered<L> {
    async fn create(&self, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        let call = Call::new("create").with("spec", &spec);
        self.layer.call(call, self.inner.create(spec)).await
    }

    async fn get(&self, sandbox: &SandboxId) -> Result<SandboxInfo, Error> {
        let call = Call::new("get").with("sandbox", sandbox);
        self.layer.call(call, self.inner.get(sandbox)).await
    }

    async fn list(&self) -> Result<Vec<SandboxInfo>, Error> {
        let call = Call::new("list");
        self.layer.call(call, self.inner.list()).await
    }

    async fn destroy(&self, sandbox: &SandboxId) -> Result<(), Error> {
        let call = Call::new("destroy").with("sandbox", sandbox);
        self.layer.call(call, self.inner.destroy(sandbox)).await
    }

    fn abandon(&self, sandbox: &SandboxId) {
        let call = Call::new("abandon").with("sandbox", sandbox);
        self.layer.tell(call, || self.inner.abandon(sandbox));
    }

    async fn adopt(&self) -> Result<Vec<SandboxInfo>, Error> {
        self.layer.call(Call::new("adopt"), self.inner.adopt()).await
    }

    async fn release(&self, sandbox: &SandboxId) -> Result<(), Error> {
        let call = Call::new("release").with("sandbox", sandbox);
        self.layer.call(call, self.inner.release(sandbox)).await
    }

    fn sandboxes_backend(&self) -> &str {
        &self.inner.features().backend
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: Layer> SandboxExecution for Layered<L> {
    async fn open_session(&self, sandbox: &SandboxId, spec: SessionSpec) -> Result<SessionInfo, Error> {
        let call = Call::new("open_session").with("sandbox", sandbox).with("spec", &spec);
        self.layer.call(call, self.inner.open_session(sandbox, spec)).await
    }

    async fn session(&self, session: &SessionId) -> Result<SessionInfo, Error> {
        let call = Call::new("session").with("session", session);
        self.layer.call(call, self.inner.session(session)).await
    }

    async fn sessions(&self, sandbox: &SandboxId) -> Result<Vec<SessionInfo>, Error> {
        let call = Call::new("sessions").with("sandbox", sandbox);
        self.layer.call(call, self.inner.sessions(sandbox)).await
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), Error> {
        let call = Call::new("close_session").with("session", session);
        self.layer.call(call, self.inner.close_session(session)).await
    }

    fn abandon_session(&self, session: &SessionId) {
        let call = Call::new("abandon_session").with("session", session);
        self.layer.tell(call, || self.inner.abandon_session(session));
    }

    async fn execute(&self, session: &SessionId, request: ExecutionRequest) -> Result<Execution, Error> {
        let call = Call::new("execute").with("session", session).with("request", &request);
        let run = Run { execution: request.id, session: *session, limits: request.output };
        self.layer.run(call, run, self.inner.execute(session, request)).await
    }

    async fn attach(
        &self,
        session: &SessionId,
        execution: &ExecutionId,
        after_seq: u64,
    ) -> Result<Execution, Error> {
        let call = Call::new("attach")
            .with("session", session)
            .with("execution", execution)
            .with("after_seq", after_seq);
        let run = Run { execution: *execution, session: *session, limits: OutputLimits::default() };
        self.layer.run(call, run, self.inner.attach(session, execution, after_seq)).await
    }

    async fn interrupt(&self, session: &SessionId, execution: &ExecutionId) -> Result<bool, Error> {
        let call = Call::new("interrupt").with("session", session).with("execution", execution);
        self.layer.call(call, self.inner.interrupt(session, execution)).await
    }

    async fn answer(&self, session: &SessionId, token: &InputToken, reply: InputReply) -> Result<(), Error> {
        let call = Call::new("answer").with("session", session).with("token", token).with("reply", &reply);
        self.layer.call(call, self.inner.answer(session, token, reply)).await
    }

    fn execution_backend(&self) -> &str {
        &self.inner.features().backend
    }

    async fn namespace_list(
        &self,
        session: &SessionId,
        filter: NamespaceFilter,
    ) -> Result<NamespaceListing, Error> {
        let call = Call::new("namespace_list").with("session", session).with("filter", &filter);
        self.layer.call(call, self.inner.namespace_list(session, filter)).await
    }

    async fn namespace_get(&self, session: &SessionId, name: &str) -> Result<serde_json::Value, Error> {
        let call = Call::new("namespace_get").with("session", session).with("name", name);
        self.layer.call(call, self.inner.namespace_get(session, name)).await
    }

    async fn namespace_repr(
        &self,
        session: &SessionId,
        name: &str,
        limits: ReprLimits,
    ) -> Result<Value, Error> {
        let call =
            Call::new("namespace_repr").with("session", session).with("name", name).with("limits", limits);
        self.layer.call(call, self.inner.namespace_repr(session, name, limits)).await
    }

    async fn namespace_set(
        &self,
        session: &SessionId,
        name: &str,
        value: serde_json::Value,
    ) -> Result<bool, Error> {
        let call =
            Call::new("namespace_set").with("session", session).with("name", name).with("value", &value);
        self.layer.call(call, self.inner.namespace_set(session, name, value)).await
    }

    async fn namespace_delete(&self, session: &SessionId, name: &str) -> Result<bool, Error> {
        let call = Call::new("namespace_delete").with("session", session).with("name", name);
        self.layer.call(call, self.inner.namespace_delete(session, name)).await
    }

    async fn namespace_clear(&self, session: &SessionId) -> Result<(), Error> {
        let call = Call::new("namespace_clear").with("session", session);
        self.layer.call(call, self.inner.namespace_clear(session)).await
    }

    fn lacks_namespace(&self) -> Error {
        Unsupported::feature(&self.inner.features().backend, Feature::Namespace).into()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: Layer> SandboxCheckpoints for Layered<L> {
    fn checkpoints_backend(&self) -> &str {
        &self.inner.features().backend
    }

    async fn checkpoint(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        let call = Call::new("checkpoint").with("session", session).with("request", &request);
        self.layer.call(call, self.inner.checkpoint(session, request)).await
    }

    async fn checkpoints(&self, session: &SessionId) -> Result<Vec<CheckpointInfo>, Error> {
        let call = Call::new("checkpoints").with("session", session);
        self.layer.call(call, self.inner.checkpoints(session)).await
    }

    async fn restore(&self, session: &SessionId, checkpoint: &CheckpointId) -> Result<(), Error> {
        let call = Call::new("restore").with("session", session).with("checkpoint", checkpoint);
        self.layer.call(call, self.inner.restore(session, checkpoint)).await
    }

    async fn branch(&self, checkpoint: &CheckpointId, spec: SessionSpec) -> Result<SessionInfo, Error> {
        let call = Call::new("branch").with("checkpoint", checkpoint).with("spec", &spec);
        self.layer.call(call, self.inner.branch(checkpoint, spec)).await
    }

    async fn delete_checkpoint(&self, checkpoint: &CheckpointId) -> Result<(), Error> {
        let call = Call::new("delete_checkpoint").with("checkpoint", checkpoint);
        self.layer.call(call, self.inner.delete_checkpoint(checkpoint)).await
    }

    async fn stored_checkpoints(&self) -> Result<Vec<CheckpointInfo>, Error> {
        let call = Call::new("stored_checkpoints");
        self.layer.call(call, self.inner.stored_checkpoints()).await
    }

    async fn manifest(&self, checkpoint: &CheckpointId) -> Result<Manifest, Error> {
        let call = Call::new("manifest").with("checkpoint", checkpoint);
        self.layer.call(call, self.inner.manifest(checkpoint)).await
    }

    async fn wake(
        &self,
        sandbox: &SandboxId,
        checkpoint: &CheckpointId,
        spec: SessionSpec,
    ) -> Result<SessionInfo, Error> {
        let call =
            Call::new("wake").with("sandbox", sandbox).with("checkpoint", checkpoint).with("spec", &spec);
        self.layer.call(call, self.inner.wake(sandbox, checkpoint, spec)).await
    }

    async fn hibernate(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        let call = Call::new("hibernate").with("session", session).with("request", &request);
        self.layer.call(call, self.inner.hibernate(session, request)).await
    }

    async fn commit(&self, session: &SessionId, execution: &ExecutionId) -> Result<(), Error> {
        let call = Call::new("commit").with("session", session).with("execution", execution);
        self.layer.call(call, self.inner.commit(session, execution)).await
    }

    async fn rollback(&self, session: &SessionId, execution: &ExecutionId) -> Result<(), Error> {
        let call = Call::new("rollback").with("session", session).with("execution", execution);
        self.layer.call(call, self.inner.rollback(session, execution)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: Layer> SandboxFiles for Layered<L> {
    fn files_backend(&self) -> &str {
        &self.inner.features().backend
    }

    async fn upload(&self, sandbox: &SandboxId, path: &str, body: FileBody) -> Result<FileInfo, Error> {
        let call = Call::new("upload").with("sandbox", sandbox).with("path", path);
        self.layer.upload(call, body, |body| self.inner.upload(sandbox, path, body)).await
    }

    async fn download(&self, sandbox: &SandboxId, path: &str) -> Result<(FileInfo, FileBody), Error> {
        let call = Call::new("download").with("sandbox", sandbox).with("path", path);
        self.layer.download(call, self.inner.download(sandbox, path)).await
    }

    async fn list_files(&self, sandbox: &SandboxId, path: &str) -> Result<Vec<FileInfo>, Error> {
        let call = Call::new("list_files").with("sandbox", sandbox).with("path", path);
        self.layer.call(call, self.inner.list_files(sandbox, path)).await
    }

    async fn stat(&self, sandbox: &SandboxId, path: &str) -> Result<FileInfo, Error> {
        let call = Call::new("stat").with("sandbox", sandbox).with("path", path);
        self.layer.call(call, self.inner.stat(sandbox, path)).await
    }

    async fn mkdir(&self, sandbox: &SandboxId, path: &str) -> Result<(), Error> {
        let call = Call::new("mkdir").with("sandbox", sandbox).with("path", path);
        self.layer.call(call, self.inner.mkdir(sandbox, path)).await
    }

    async fn rename(&self, sandbox: &SandboxId, from: &str, to: &str) -> Result<(), Error> {
        let call = Call::new("rename").with("sandbox", sandbox).with("from", from).with("to", to);
        self.layer.call(call, self.inner.rename(sandbox, from, to)).await
    }

    async fn remove(&self, sandbox: &SandboxId, path: &str) -> Result<(), Error> {
        let call = Call::new("remove").with("sandbox", sandbox).with("path", path);
        self.layer.call(call, self.inner.remove(sandbox, path)).await
    }

    fn lacks_files(&self) -> Error {
        Unsupported::feature(&self.inner.features().backend, Feature::Files).into()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: Layer> SandboxSnapshots for Layered<L> {
    fn snapshots_backend(&self) -> &str {
        &self.inner.features().backend
    }

    async fn snapshot(&self, sandbox: &SandboxId, name: Option<String>) -> Result<SnapshotInfo, Error> {
        let call = Call::new("snapshot").with("sandbox", sandbox).with("name", &name);
        self.layer.call(call, self.inner.snapshot(sandbox, name)).await
    }

    async fn snapshots(&self) -> Result<Vec<SnapshotInfo>, Error> {
        let call = Call::new("snapshots");
        self.layer.call(call, self.inner.snapshots()).await
    }

    async fn restore_snapshot(&self, snapshot: &SnapshotId, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        let call = Call::new("restore_snapshot").with("snapshot", snapshot).with("spec", &spec);
        self.layer.call(call, self.inner.restore_snapshot(snapshot, spec)).await
    }

    async fn delete_snapshot(&self, snapshot: &SnapshotId) -> Result<(), Error> {
        let call = Call::new("delete_snapshot").with("snapshot", snapshot);
        self.layer.call(call, self.inner.delete_snapshot(snapshot)).await
    }

    async fn fork_sandbox(&self, sandbox: &SandboxId, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        let call = Call::new("fork_sandbox").with("sandbox", sandbox).with("spec", &spec);
        self.layer.call(call, self.inner.fork_sandbox(sandbox, spec)).await
    }

    fn lacks_snapshots(&self) -> Error {
        Unsupported::feature(&self.inner.features().backend, Feature::SandboxSnapshots).into()
    }
}
