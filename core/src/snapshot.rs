//! Snapshots of whole sandboxes: their working directory and the state of their sessions.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Unsupported};
use crate::{ByteSize, Feature, SandboxId, SandboxInfo, SandboxSpec, SnapshotId};

/// What is known of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// Its id.
    pub id: SnapshotId,
    /// The sandbox that it was made of.
    pub sandbox: SandboxId,
    /// When it was made.
    pub created: Timestamp,
    /// Its name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// The stored bytes that it needs, those that it shares with others included.
    #[serde(default)]
    pub size: ByteSize,
    /// How many sessions it holds.
    #[serde(default)]
    pub sessions: usize,
    /// How many files and directories it holds.
    #[serde(default)]
    pub files: u64,
    /// What it could not hold, and why.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl SnapshotInfo {
    /// A snapshot that was made just now. For those who implement a backend.
    ///
    /// ```
    /// use hibernaculum_core::{SandboxId, SnapshotId, SnapshotInfo};
    ///
    /// let info = SnapshotInfo::new(SnapshotId::new(), SandboxId::new());
    /// assert_eq!(info.sessions, 0);
    /// ```
    pub fn new(id: SnapshotId, sandbox: SandboxId) -> Self {
        Self {
            id,
            sandbox,
            created: Timestamp::now(),
            name: None,
            size: ByteSize::default(),
            sessions: 0,
            files: 0,
            warnings: Vec::new(),
        }
    }
}

/// Snapshots of whole sandboxes.
///
/// A snapshot is the working directory, the packages that were installed for the sandbox, and a portable checkpoint of every session. What runs when
/// it is asked for is waited for; whoever runs code while it is made gets the files of a later moment than the states. Nothing else of the sandbox is in
/// it: no process, no live checkpoint, no file elsewhere. Permissions and times of files are kept, their owners are not. Every method answers [`Error::Unsupported`] without [`Feature::SandboxSnapshots`].
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SandboxSnapshots: Send + Sync {
    /// The backend's name, as its [`Features`](crate::Features) have it: refusals tell it.
    ///
    /// ```
    /// # fn example(backend: &dyn hibernaculum_core::Backend) {
    /// assert_eq!(backend.snapshots_backend(), backend.features().backend);
    /// # }
    /// ```
    fn snapshots_backend(&self) -> &str;

    /// Makes a snapshot.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// let snapshot = backend.snapshot(&id, Some("before the upgrade".into())).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::SandboxError::Unknown`]; what a checkpoint of one of its sessions, or reading its files, can fail with.
    ///
    /// # Cancel safety
    ///
    /// The snapshot may have been made when the future is dropped; it is listed then, or soon.
    async fn snapshot(&self, sandbox: &SandboxId, name: Option<String>) -> Result<SnapshotInfo, Error> {
        let _ = (sandbox, name);
        Err(self.lacks_snapshots())
    }

    /// Lists the snapshots that there are, the oldest first, those of sandboxes long gone included.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend) -> Result<(), hibernaculum_core::Error> {
    /// for snapshot in backend.snapshots().await? {
    ///     println!("{} of {}", snapshot.id, snapshot.sandbox);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::Store`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn snapshots(&self) -> Result<Vec<SnapshotInfo>, Error> {
        Err(self.lacks_snapshots())
    }

    /// Makes a new sandbox with the files and the sessions of a snapshot. A session keeps its id unless a session of that id is open.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SnapshotId) -> Result<(), hibernaculum_core::Error> {
    /// let sandbox = backend.restore_snapshot(&id, hibernaculum_core::SandboxSpec::default()).await?;
    /// for session in backend.sessions(&sandbox.id).await? {
    ///     println!("{} is back", session.id);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::NoSnapshot`]; as [`crate::Sandboxes::create`] and [`crate::SandboxCheckpoints::wake`]. Nothing is left of a sandbox that
    /// could not be made whole.
    ///
    /// # Cancel safety
    ///
    /// A sandbox whose making is given up is ended by the backend.
    async fn restore_snapshot(&self, snapshot: &SnapshotId, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        let _ = (snapshot, spec);
        Err(self.lacks_snapshots())
    }

    /// Deletes a snapshot; that it is gone already is no error.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SnapshotId) -> Result<(), hibernaculum_core::Error> {
    /// backend.delete_snapshot(&id).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::Store`].
    ///
    /// # Cancel safety
    ///
    /// It may have been deleted when the future is dropped.
    async fn delete_snapshot(&self, snapshot: &SnapshotId) -> Result<(), Error> {
        let _ = snapshot;
        Err(self.lacks_snapshots())
    }

    /// Makes a second sandbox with the files and the sessions of one that runs. Its sessions have ids of their own.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// let twin = backend.fork_sandbox(&id, hibernaculum_core::SandboxSpec::default()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`SandboxSnapshots::snapshot`] and [`SandboxSnapshots::restore_snapshot`].
    ///
    /// # Cancel safety
    ///
    /// A sandbox whose making is given up is ended by the backend.
    async fn fork_sandbox(&self, sandbox: &SandboxId, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        let _ = (sandbox, spec);
        Err(self.lacks_snapshots())
    }

    /// What the methods answer where they are not implemented.
    ///
    /// ```
    /// # fn example(backend: &dyn hibernaculum_core::Backend) {
    /// assert_eq!(backend.lacks_snapshots().code(), "unsupported");
    /// # }
    /// ```
    fn lacks_snapshots(&self) -> Error {
        Unsupported::feature(self.snapshots_backend(), Feature::SandboxSnapshots).into()
    }
}
