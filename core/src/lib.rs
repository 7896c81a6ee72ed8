//! The contract of Hibernaculum: what a program says to a place that keeps Python sessions, and what it hears back.
//!
//! ```text
//!  backend ── a kind of place: local, docker, …            [`Backend`] = the traits below + `features()`
//!    └─ sandbox ── one isolated place                       [`Sandboxes`], [`SandboxFiles`], [`SandboxSnapshots`]
//!         └─ session ── one persistent interpreter          [`SandboxExecution`], [`SandboxCheckpoints`]
//!              └─ execution ── one run of a piece of code   [`Execution`]: a stream of [`Event`]s and a future of a result
//! ```
//!
//! This crate does no I/O. A program that only needs the types depends on it alone; a backend implements its traits;
//! everybody else uses the handles [`Sandbox`] and [`Session`], which make the short program short:
//!
//! ```no_run
//! # async fn example(backend: std::sync::Arc<dyn hibernaculum_core::Backend>) -> Result<(), hibernaculum_core::Error> {
//! use hibernaculum_core::{Sandbox, SandboxSpec};
//!
//! let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
//! let session = sandbox.session().await?;
//! session.execute("x = 41").await?;
//! let result = session.execute("x + 1").await?;
//! assert_eq!(result.value().map(|value| value.repr.as_str()), Some("42"));
//! sandbox.close().await?;
//! # Ok(()) }
//! ```
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | what a backend can do | [`Features`], [`Feature`] |
//! | what to ask for | [`SandboxSpec`], [`SessionSpec`], [`ExecutionRequest`] |
//! | what comes back | [`Event`], [`ExecutionResult`], [`SandboxInfo`], [`SessionInfo`] |
//! | what outlives everything | [`CheckpointStore`], [`Manifest`], [`Retention`] |
//! | what can go wrong | [`Error`], [`Explanation`], [`error::catalogue`] |
//! | how a backend is written | the traits here, and the engine, which implements them over a byte stream |

mod backend;
mod checkpoint;
pub mod error;
pub mod execution;
mod features;
mod files;
mod handle;
mod id;
mod limits;
mod micros;
#[cfg(feature = "mocks")]
pub mod mocks;
mod namespace;
mod network;
mod portable;
pub mod sandbox;
pub mod session;
mod size;
mod snapshot;
mod transaction;

pub use backend::{Backend, SandboxExecution, Sandboxes};
pub use checkpoint::{
    CheckpointInfo, CheckpointKind, CheckpointLimits, CheckpointRequest, SandboxCheckpoints,
};
pub use error::{
    CheckpointError, ConfigError, Error, ExecutionError, Explanation, FilesError, Retry, SandboxError,
    SessionError, Source, TransportError, Unsupported,
};
pub use execution::{
    Captured, Collector, CrashCause, Cut, Display, Event, EventKind, Execution, ExecutionRequest,
    ExecutionResult, ExecutionSource, InputReply, InputToken, Outcome, OutputLimits, OutputStream,
    PythonError, RestoredFrom, Script, StateAfter, Status, StdinPolicy, Timeout, Timings, TraceFrame, Value,
};
pub use features::{Feature, Features};
pub use files::{FileBody, FileInfo, FileKind, SandboxFiles};
pub use handle::{Files, Namespace, Sandbox, Session};
pub use id::{CheckpointId, ExecutionId, IdError, SandboxId, SessionId, SnapshotId};
pub use limits::{LimitKind, Limits};
pub use namespace::{
    Change, Changes, NamespaceFilter, NamespaceListing, ReprLimits, Serialisable, Variable, VariableKind,
};
pub use network::NetworkPolicy;
pub use portable::{
    BLOB_LIMIT, BlobId, CheckpointRecord, CheckpointStore, CheckpointWriter, Codec, Collected, Manifest,
    RECORD_FORMAT, RecordBlob, Retention, SavedVariable, SnapshotRecord, SnapshotSession, StoredBlob,
    Treatment,
};
pub use sandbox::{
    HostLoss, Isolation, LiveLimits, SandboxInfo, SandboxSpec, SandboxSpecBuilder, SandboxState,
};
pub use session::{RecoveryPolicy, SessionInfo, SessionSpec, SessionState};
pub use size::ByteSize;
pub use snapshot::{SandboxSnapshots, SnapshotInfo};
pub use transaction::{TransactionPolicy, TransactionScope};

/// The `async_trait` attribute that the traits of this crate are declared with, for those who implement them.
pub use async_trait::async_trait;
