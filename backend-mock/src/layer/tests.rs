//! Every method of the contract is a call that the list knows, under its own name.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hibernaculum_core::{
    Backend as _, ByteSize, CheckpointId, CheckpointKind, CheckpointRequest, Error, Execution, ExecutionId,
    ExecutionRequest, Feature, Features, FileBody, FileInfo, InputReply, InputToken, NamespaceFilter,
    NetworkPolicy, ReprLimits, SandboxCheckpoints as _, SandboxExecution as _, SandboxFiles as _, SandboxId,
    SandboxSnapshots as _, SandboxSpec, Sandboxes as _, SessionId, SessionSpec, SnapshotId, Unsupported,
};

use super::{Answer, CALLS, Call, Layer, Layered, Run};
use crate::mocks::MockBackend;

/// Refuses every call, and notes its name.
#[derive(Debug, Clone, Default)]
struct Names(Arc<Mutex<Vec<&'static str>>>);

impl Names {
    fn refuse<T>(&self, call: &Call) -> Result<T, Error> {
        self.0.lock().unwrap().push(call.name);
        Err(Unsupported::feature("mine", Feature::Files).into())
    }
}

impl Layer for Names {
    async fn call<T: Answer>(
        &self,
        call: Call,
        _: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        self.refuse(&call)
    }

    async fn run(
        &self,
        call: Call,
        _: Run,
        _: impl Future<Output = Result<Execution, Error>> + Send,
    ) -> Result<Execution, Error> {
        self.refuse(&call)
    }

    fn tell(&self, call: Call, _: impl FnOnce() + Send) {
        let _ = self.refuse::<()>(&call);
    }

    async fn upload<F: Future<Output = Result<FileInfo, Error>> + Send>(
        &self,
        call: Call,
        _: FileBody,
        _: impl FnOnce(FileBody) -> F + Send,
    ) -> Result<FileInfo, Error> {
        self.refuse(&call)
    }

    async fn download(
        &self,
        call: Call,
        _: impl Future<Output = Result<(FileInfo, FileBody), Error>> + Send,
    ) -> Result<(FileInfo, FileBody), Error> {
        self.refuse(&call)
    }
}

#[tokio::test]
async fn every_method_of_the_contract_is_a_call_of_the_list() {
    let names = Names::default();
    // It expects nothing: whatever reaches it panics.
    let absent = MockBackend::new(Features::new("mine", NetworkPolicy::Full));
    let backend = Layered { layer: names.clone(), inner: Arc::new(absent) };
    let (sandbox, session, execution) = (SandboxId::new(), SessionId::new(), ExecutionId::new());
    let (checkpoint, snapshot) = (CheckpointId::new(), SnapshotId::new());
    let body = || -> FileBody { Box::pin(futures_util::stream::empty()) };
    let spec = SandboxSpec::default;
    let session_spec = SessionSpec::default;
    let live = || CheckpointRequest::new(CheckpointKind::Live);
    let token = InputToken::new("t");

    backend.create(spec()).await.unwrap_err();
    backend.get(&sandbox).await.unwrap_err();
    backend.list().await.unwrap_err();
    backend.destroy(&sandbox).await.unwrap_err();
    backend.abandon(&sandbox);
    backend.adopt().await.unwrap_err();
    backend.release(&sandbox).await.unwrap_err();

    backend.open_session(&sandbox, session_spec()).await.unwrap_err();
    backend.session(&session).await.unwrap_err();
    backend.sessions(&sandbox).await.unwrap_err();
    backend.close_session(&session).await.unwrap_err();
    backend.abandon_session(&session);
    backend.execute(&session, ExecutionRequest::new("")).await.unwrap_err();
    backend.attach(&session, &execution, 0).await.unwrap_err();
    backend.interrupt(&session, &execution).await.unwrap_err();
    backend.answer(&session, &token, InputReply::Eof).await.unwrap_err();
    backend.namespace_list(&session, NamespaceFilter::default()).await.unwrap_err();
    backend.namespace_get(&session, "x").await.unwrap_err();
    backend
        .namespace_repr(&session, "x", ReprLimits::new(ByteSize::kib(1), Duration::from_secs(1)))
        .await
        .unwrap_err();
    backend.namespace_set(&session, "x", 1.into()).await.unwrap_err();
    backend.namespace_delete(&session, "x").await.unwrap_err();
    backend.namespace_clear(&session).await.unwrap_err();

    backend.checkpoint(&session, live()).await.unwrap_err();
    backend.checkpoints(&session).await.unwrap_err();
    backend.restore(&session, &checkpoint).await.unwrap_err();
    backend.branch(&checkpoint, session_spec()).await.unwrap_err();
    backend.delete_checkpoint(&checkpoint).await.unwrap_err();
    backend.stored_checkpoints().await.unwrap_err();
    backend.manifest(&checkpoint).await.unwrap_err();
    backend.wake(&sandbox, &checkpoint, session_spec()).await.unwrap_err();
    backend.hibernate(&session, live()).await.unwrap_err();
    backend.commit(&session, &execution).await.unwrap_err();
    backend.rollback(&session, &execution).await.unwrap_err();

    backend.upload(&sandbox, "x", body()).await.unwrap_err();
    assert!(backend.download(&sandbox, "x").await.is_err());
    backend.list_files(&sandbox, "x").await.unwrap_err();
    backend.stat(&sandbox, "x").await.unwrap_err();
    backend.mkdir(&sandbox, "x").await.unwrap_err();
    backend.rename(&sandbox, "x", "y").await.unwrap_err();
    backend.remove(&sandbox, "x").await.unwrap_err();

    backend.snapshot(&sandbox, None).await.unwrap_err();
    backend.snapshots().await.unwrap_err();
    backend.restore_snapshot(&snapshot, spec()).await.unwrap_err();
    backend.delete_snapshot(&snapshot).await.unwrap_err();
    backend.fork_sandbox(&sandbox, spec()).await.unwrap_err();

    assert_eq!(*names.0.lock().unwrap(), CALLS);
}

#[test]
fn whoever_is_called_by_name_needs_no_call_for_it() {
    let absent = MockBackend::new(Features::new("mine", NetworkPolicy::Full));
    let backend = Layered { layer: Names::default(), inner: Arc::new(absent) };
    assert_eq!(backend.features().backend, "mine");
    let names = [
        backend.sandboxes_backend(),
        backend.execution_backend(),
        backend.checkpoints_backend(),
        backend.files_backend(),
        backend.snapshots_backend(),
    ];
    assert_eq!(names, ["mine"; 5]);
    for lacks in [backend.lacks_namespace(), backend.lacks_files(), backend.lacks_snapshots()] {
        assert_eq!(lacks.code(), "unsupported");
    }
}
