//! Expectations: mockall mocks of every trait of the contract, for tests that say which calls are made, one by one.
//!
//! They are generated where the traits are written (`hibernaculum-core`, feature `mocks`), so that they cannot drift. A mock knows nothing of
//! sandboxes: it answers what it was told to. Where a test cares for what code prints, how long it takes or what state it leaves, a
//! [`Script`](crate::Script) is less work and promises more.
//!
//! # An example of each
//!
//! A whole backend ([`MockBackend`]) is put together of mocks, one for each trait. Handles call the contract when they are dropped: close them, or expect
//! `abandon`.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), hibernaculum_core::Error> {
//! use std::sync::Arc;
//! use hibernaculum_backend_mock::mocks::MockBackend;
//! use hibernaculum_core::{Backend, Isolation, NetworkPolicy, Sandbox, SandboxId, SandboxInfo, SandboxSpec};
//!
//! let mut mock = MockBackend::default();
//! mock.sandboxes
//!     .expect_create()
//!     .withf(|spec| spec.labels.contains_key("team"))
//!     .times(1)
//!     .returning(|_| Ok(SandboxInfo::new(SandboxId::new(), "mock", NetworkPolicy::Full, Isolation::Trusted)));
//! mock.sandboxes.expect_destroy().times(1).returning(|_| Ok(()));
//!
//! let backend: Arc<dyn Backend> = Arc::new(mock);
//! let sandbox = Sandbox::create(&backend, SandboxSpec::builder().label("team", "snakes").build()?).await?;
//! sandbox.close().await?;
//! # Ok(()) }
//! ```
//!
//! Sandboxes ([`MockSandboxes`]), by themselves:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use hibernaculum_backend_mock::mocks::MockSandboxes;
//! use hibernaculum_core::{SandboxError, SandboxId, Sandboxes as _};
//!
//! let mut mock = MockSandboxes::new();
//! mock.expect_get().returning(|sandbox| Err(SandboxError::Unknown { sandbox: *sandbox }.into()));
//! assert_eq!(mock.get(&SandboxId::new()).await.unwrap_err().code(), "sandbox.unknown");
//! # }
//! ```
//!
//! Executions ([`MockSandboxExecution`]), and the events of one ([`MockExecutionSource`]):
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), hibernaculum_core::Error> {
//! use std::task::Poll;
//! use hibernaculum_backend_mock::mocks::{MockExecutionSource, MockSandboxExecution};
//! use hibernaculum_core::{
//!     Event, EventKind, Execution, ExecutionId, ExecutionRequest, Outcome, OutputLimits, SandboxExecution as _, SessionId, StateAfter, Status,
//! };
//!
//! let mut mock = MockSandboxExecution::new();
//! mock.expect_execute().withf(|_, request| request.code == "1 + 1").returning(|session, request| {
//!     let mut events = MockExecutionSource::new();
//!     let outcome = EventKind::Finished(Box::new(Outcome::new(Status::Completed, StateAfter::Kept)));
//!     let finished = Event::new(1, request.id, "2026-01-01T00:00:00Z".parse().unwrap(), outcome);
//!     events.expect_poll_event().return_once(move |_| Poll::Ready(Some(finished)));
//!     Ok(Execution::new(request.id, *session, OutputLimits::default(), events))
//! });
//! let result = mock.execute(&SessionId::new(), "1 + 1".into()).await?.await?;
//! assert!(result.is_completed());
//! # Ok(()) }
//! ```
//!
//! Checkpoints and transactions ([`MockSandboxCheckpoints`]):
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), hibernaculum_core::Error> {
//! use hibernaculum_backend_mock::mocks::MockSandboxCheckpoints;
//! use hibernaculum_core::{ExecutionId, SandboxCheckpoints as _, SessionId};
//!
//! let mut mock = MockSandboxCheckpoints::new();
//! mock.expect_rollback().times(1).returning(|_, _| Ok(()));
//! mock.rollback(&SessionId::new(), &ExecutionId::new()).await?;
//! # Ok(()) }
//! ```
//!
//! Files ([`MockSandboxFiles`]):
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), hibernaculum_core::Error> {
//! use hibernaculum_backend_mock::mocks::MockSandboxFiles;
//! use hibernaculum_core::{SandboxFiles as _, SandboxId};
//!
//! let mut mock = MockSandboxFiles::new();
//! mock.expect_mkdir().withf(|_, path| path == "data").times(1).returning(|_, _| Ok(()));
//! mock.mkdir(&SandboxId::new(), "data").await?;
//! # Ok(()) }
//! ```
//!
//! Snapshots ([`MockSandboxSnapshots`]):
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), hibernaculum_core::Error> {
//! use hibernaculum_backend_mock::mocks::MockSandboxSnapshots;
//! use hibernaculum_core::{SandboxId, SandboxSnapshots as _, SnapshotId, SnapshotInfo};
//!
//! let mut mock = MockSandboxSnapshots::new();
//! mock.expect_snapshot().returning(|sandbox, _| Ok(SnapshotInfo::new(SnapshotId::new(), *sandbox)));
//! let home = SandboxId::new();
//! assert_eq!(mock.snapshot(&home, None).await?.sandbox, home);
//! # Ok(()) }
//! ```
//!
//! A checkpoint store ([`MockCheckpointStore`]) and its writer ([`MockCheckpointWriter`]):
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), hibernaculum_core::Error> {
//! use std::sync::Arc;
//! use hibernaculum_backend_mock::mocks::{MockCheckpointStore, MockCheckpointWriter};
//! use hibernaculum_core::{CheckpointError, CheckpointStore as _, CheckpointWriter as _};
//!
//! let mut mock = MockCheckpointStore::new();
//! mock.expect_begin().returning(|| {
//!     let mut writer = MockCheckpointWriter::new();
//!     writer.expect_put().returning(|_| {
//!         let (doing, problem) = ("writing a blob".to_owned(), "the disk is full".to_owned());
//!         Err(CheckpointError::Store { doing, problem, source: None }.into())
//!     });
//!     Ok(Arc::new(writer))
//! });
//! let full = mock.begin().await?.put(b"state".as_slice().into()).await;
//! assert_eq!(full.unwrap_err().code(), "checkpoint.store");
//! # Ok(()) }
//! ```

#[doc(inline)]
pub use hibernaculum_core::mocks::{
    MockBackend, MockCheckpointStore, MockCheckpointWriter, MockExecutionSource, MockSandboxCheckpoints,
    MockSandboxExecution, MockSandboxFiles, MockSandboxSnapshots, MockSandboxes,
};
