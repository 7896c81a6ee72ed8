//! mockall mocks of every trait of the contract (feature `mocks`): for tests that say which calls are made, one by one.
//!
//! Each is generated where its trait is written, so that it has whatever the trait has. [`MockBackend`] is put together from them.
//! `hibernaculum_backend_mock::mocks` has an example of each, and `docs/mock.md` says when a script or a cassette serves better.
//!
//! A mock panics at a call that nobody expects, in a `drop` as well: where a handle is dropped that was not closed, expect `abandon`
//! or `abandon_session`.

use std::task::{Context, Poll};

use async_trait::async_trait;

pub use crate::backend::{MockSandboxExecution, MockSandboxes};
pub use crate::checkpoint::MockSandboxCheckpoints;
pub use crate::files::MockSandboxFiles;
pub use crate::portable::{MockCheckpointStore, MockCheckpointWriter};
pub use crate::snapshot::MockSandboxSnapshots;

use crate::{
    Backend, CheckpointId, CheckpointInfo, CheckpointRequest, Error, Event, Execution, ExecutionId,
    ExecutionRequest, ExecutionSource, Features, FileBody, FileInfo, InputReply, InputToken, Manifest,
    NamespaceFilter, NamespaceListing, NetworkPolicy, ReprLimits, SandboxCheckpoints, SandboxExecution,
    SandboxFiles, SandboxId, SandboxInfo, SandboxSnapshots, SandboxSpec, Sandboxes, SessionId, SessionInfo,
    SessionSpec, SnapshotId, SnapshotInfo, Value,
};

mockall::mock! {
    /// The events of an execution. (By hand, because a derived mock cannot name the lifetime; `tests/claims` holds it to the trait.)
    #[derive(Debug)]
    pub ExecutionSource {}

    impl ExecutionSource for ExecutionSource {
        fn poll_event<'a>(&mut self, cx: &mut Context<'a>) -> Poll<Option<Event>>;
        fn take_error(&mut self) -> Option<Error>;
        fn detach(&mut self);
    }
}

/// A [`Backend`] of mocks, one for each of the traits that a backend is made of.
///
/// ```
/// use hibernaculum_core::mocks::MockBackend;
///
/// let mut mock = MockBackend::default();
/// mock.sandboxes.expect_list().returning(|| Ok(Vec::new()));
/// ```
#[derive(Debug)]
pub struct MockBackend {
    /// Sandboxes.
    pub sandboxes: MockSandboxes,
    /// Sessions, executions, names.
    pub execution: MockSandboxExecution,
    /// Checkpoints and transactions.
    pub checkpoints: MockSandboxCheckpoints,
    /// Files.
    pub files: MockSandboxFiles,
    /// Snapshots of whole sandboxes.
    pub snapshots: MockSandboxSnapshots,
    features: Features,
}

impl MockBackend {
    /// A backend that says it can do this, and expects no call.
    ///
    /// ```
    /// use hibernaculum_core::mocks::MockBackend;
    /// use hibernaculum_core::{Backend as _, Feature, Features, NetworkPolicy};
    ///
    /// let mock = MockBackend::new(Features::new("mine", NetworkPolicy::Full).with([Feature::Input]));
    /// assert!(mock.features().supports(Feature::Input));
    /// ```
    pub fn new(features: Features) -> Self {
        Self {
            sandboxes: MockSandboxes::new(),
            execution: MockSandboxExecution::new(),
            checkpoints: MockSandboxCheckpoints::new(),
            files: MockSandboxFiles::new(),
            snapshots: MockSandboxSnapshots::new(),
            features,
        }
    }
}

impl Default for MockBackend {
    /// A backend named `mock` with no feature at all.
    fn default() -> Self {
        Self::new(Features::new("mock", NetworkPolicy::Full))
    }
}

impl Backend for MockBackend {
    fn features(&self) -> &Features {
        &self.features
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Sandboxes for MockBackend {
    async fn create(&self, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        self.sandboxes.create(spec).await
    }

    async fn get(&self, sandbox: &SandboxId) -> Result<SandboxInfo, Error> {
        self.sandboxes.get(sandbox).await
    }

    async fn list(&self) -> Result<Vec<SandboxInfo>, Error> {
        self.sandboxes.list().await
    }

    async fn destroy(&self, sandbox: &SandboxId) -> Result<(), Error> {
        self.sandboxes.destroy(sandbox).await
    }

    fn abandon(&self, sandbox: &SandboxId) {
        self.sandboxes.abandon(sandbox);
    }

    async fn adopt(&self) -> Result<Vec<SandboxInfo>, Error> {
        self.sandboxes.adopt().await
    }

    async fn release(&self, sandbox: &SandboxId) -> Result<(), Error> {
        self.sandboxes.release(sandbox).await
    }

    fn sandboxes_backend(&self) -> &str {
        self.sandboxes.sandboxes_backend()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SandboxExecution for MockBackend {
    async fn open_session(&self, sandbox: &SandboxId, spec: SessionSpec) -> Result<SessionInfo, Error> {
        self.execution.open_session(sandbox, spec).await
    }

    async fn session(&self, session: &SessionId) -> Result<SessionInfo, Error> {
        self.execution.session(session).await
    }

    async fn sessions(&self, sandbox: &SandboxId) -> Result<Vec<SessionInfo>, Error> {
        self.execution.sessions(sandbox).await
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), Error> {
        self.execution.close_session(session).await
    }

    fn abandon_session(&self, session: &SessionId) {
        self.execution.abandon_session(session);
    }

    async fn execute(&self, session: &SessionId, request: ExecutionRequest) -> Result<Execution, Error> {
        self.execution.execute(session, request).await
    }

    async fn attach(
        &self,
        session: &SessionId,
        execution: &ExecutionId,
        after_seq: u64,
    ) -> Result<Execution, Error> {
        self.execution.attach(session, execution, after_seq).await
    }

    async fn interrupt(&self, session: &SessionId, execution: &ExecutionId) -> Result<bool, Error> {
        self.execution.interrupt(session, execution).await
    }

    async fn answer(&self, session: &SessionId, token: &InputToken, reply: InputReply) -> Result<(), Error> {
        self.execution.answer(session, token, reply).await
    }

    fn execution_backend(&self) -> &str {
        self.execution.execution_backend()
    }

    async fn namespace_list(
        &self,
        session: &SessionId,
        filter: NamespaceFilter,
    ) -> Result<NamespaceListing, Error> {
        self.execution.namespace_list(session, filter).await
    }

    async fn namespace_get(&self, session: &SessionId, name: &str) -> Result<serde_json::Value, Error> {
        self.execution.namespace_get(session, name).await
    }

    async fn namespace_repr(
        &self,
        session: &SessionId,
        name: &str,
        limits: ReprLimits,
    ) -> Result<Value, Error> {
        self.execution.namespace_repr(session, name, limits).await
    }

    async fn namespace_set(
        &self,
        session: &SessionId,
        name: &str,
        value: serde_json::Value,
    ) -> Result<bool, Error> {
        self.execution.namespace_set(session, name, value).await
    }

    async fn namespace_delete(&self, session: &SessionId, name: &str) -> Result<bool, Error> {
        self.execution.namespace_delete(session, name).await
    }

    async fn namespace_clear(&self, session: &SessionId) -> Result<(), Error> {
        self.execution.namespace_clear(session).await
    }

    fn lacks_namespace(&self) -> Error {
        self.execution.lacks_namespace()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SandboxCheckpoints for MockBackend {
    fn checkpoints_backend(&self) -> &str {
        self.checkpoints.checkpoints_backend()
    }

    async fn checkpoint(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        self.checkpoints.checkpoint(session, request).await
    }

    async fn checkpoints(&self, session: &SessionId) -> Result<Vec<CheckpointInfo>, Error> {
        self.checkpoints.checkpoints(session).await
    }

    async fn restore(&self, session: &SessionId, checkpoint: &CheckpointId) -> Result<(), Error> {
        self.checkpoints.restore(session, checkpoint).await
    }

    async fn branch(&self, checkpoint: &CheckpointId, spec: SessionSpec) -> Result<SessionInfo, Error> {
        self.checkpoints.branch(checkpoint, spec).await
    }

    async fn delete_checkpoint(&self, checkpoint: &CheckpointId) -> Result<(), Error> {
        self.checkpoints.delete_checkpoint(checkpoint).await
    }

    async fn stored_checkpoints(&self) -> Result<Vec<CheckpointInfo>, Error> {
        self.checkpoints.stored_checkpoints().await
    }

    async fn manifest(&self, checkpoint: &CheckpointId) -> Result<Manifest, Error> {
        self.checkpoints.manifest(checkpoint).await
    }

    async fn wake(
        &self,
        sandbox: &SandboxId,
        checkpoint: &CheckpointId,
        spec: SessionSpec,
    ) -> Result<SessionInfo, Error> {
        self.checkpoints.wake(sandbox, checkpoint, spec).await
    }

    async fn hibernate(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        self.checkpoints.hibernate(session, request).await
    }

    async fn commit(&self, session: &SessionId, execution: &ExecutionId) -> Result<(), Error> {
        self.checkpoints.commit(session, execution).await
    }

    async fn rollback(&self, session: &SessionId, execution: &ExecutionId) -> Result<(), Error> {
        self.checkpoints.rollback(session, execution).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SandboxFiles for MockBackend {
    fn files_backend(&self) -> &str {
        self.files.files_backend()
    }

    async fn upload(&self, sandbox: &SandboxId, path: &str, body: FileBody) -> Result<FileInfo, Error> {
        self.files.upload(sandbox, path, body).await
    }

    async fn download(&self, sandbox: &SandboxId, path: &str) -> Result<(FileInfo, FileBody), Error> {
        self.files.download(sandbox, path).await
    }

    async fn list_files(&self, sandbox: &SandboxId, path: &str) -> Result<Vec<FileInfo>, Error> {
        self.files.list_files(sandbox, path).await
    }

    async fn stat(&self, sandbox: &SandboxId, path: &str) -> Result<FileInfo, Error> {
        self.files.stat(sandbox, path).await
    }

    async fn mkdir(&self, sandbox: &SandboxId, path: &str) -> Result<(), Error> {
        self.files.mkdir(sandbox, path).await
    }

    async fn rename(&self, sandbox: &SandboxId, from: &str, to: &str) -> Result<(), Error> {
        self.files.rename(sandbox, from, to).await
    }

    async fn remove(&self, sandbox: &SandboxId, path: &str) -> Result<(), Error> {
        self.files.remove(sandbox, path).await
    }

    fn lacks_files(&self) -> Error {
        self.files.lacks_files()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SandboxSnapshots for MockBackend {
    fn snapshots_backend(&self) -> &str {
        self.snapshots.snapshots_backend()
    }

    async fn snapshot(&self, sandbox: &SandboxId, name: Option<String>) -> Result<SnapshotInfo, Error> {
        self.snapshots.snapshot(sandbox, name).await
    }

    async fn snapshots(&self) -> Result<Vec<SnapshotInfo>, Error> {
        self.snapshots.snapshots().await
    }

    async fn restore_snapshot(&self, snapshot: &SnapshotId, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        self.snapshots.restore_snapshot(snapshot, spec).await
    }

    async fn delete_snapshot(&self, snapshot: &SnapshotId) -> Result<(), Error> {
        self.snapshots.delete_snapshot(snapshot).await
    }

    async fn fork_sandbox(&self, sandbox: &SandboxId, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        self.snapshots.fork_sandbox(sandbox, spec).await
    }

    fn lacks_snapshots(&self) -> Error {
        self.snapshots.lacks_snapshots()
    }
}
