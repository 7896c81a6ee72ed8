//! The documents of a store: what a checkpoint is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::StoredBlob;
use crate::{ByteSize, CheckpointInfo, SandboxId, SessionId, SnapshotInfo};

/// The newest format of records that this version writes and reads.
pub const RECORD_FORMAT: u32 = 1;

/// A portable checkpoint, as a store keeps it.
///
/// ```
/// use hibernaculum_core::{
///     BlobId, ByteSize, CheckpointId, CheckpointInfo, CheckpointKind, CheckpointRecord, RECORD_FORMAT, RecordBlob, SandboxId,
///     SessionId, StoredBlob,
/// };
///
/// let info = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Portable, SessionId::new());
/// let mut record = CheckpointRecord::new(info, SandboxId::new(), serde_json::json!({"variables": []}));
/// let name: BlobId = "0123456789abcdef".repeat(4).parse()?;
/// record.blobs.push(RecordBlob::new("the runner's digest", StoredBlob::raw(name, ByteSize::kib(4))));
/// assert_eq!(record.format, RECORD_FORMAT);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckpointRecord {
    /// The format of the record: [`RECORD_FORMAT`].
    pub format: u32,
    /// What is told of the checkpoint.
    pub info: CheckpointInfo,
    /// The sandbox of the session that it was made of.
    pub sandbox: SandboxId,
    /// That session's labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How many executions had ended in that session.
    #[serde(default)]
    pub executions: u64,
    /// The runner's own manifest, whole: it is given back to the runner that restores.
    pub manifest: serde_json::Value,
    /// The blobs, in the order in which the manifest names them.
    pub blobs: Vec<RecordBlob>,
    /// Their raw bytes, together.
    #[serde(default)]
    pub raw: ByteSize,
    /// Stored bytes that no earlier checkpoint had.
    #[serde(default)]
    pub added: ByteSize,
}

impl CheckpointRecord {
    /// A record without blobs. For those who implement a backend.
    pub fn new(info: CheckpointInfo, sandbox: SandboxId, manifest: serde_json::Value) -> Self {
        Self {
            format: RECORD_FORMAT,
            info,
            sandbox,
            labels: BTreeMap::new(),
            executions: 0,
            manifest,
            blobs: Vec::new(),
            raw: ByteSize::default(),
            added: ByteSize::default(),
        }
    }
}

/// A blob, by the name that the runner has for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordBlob {
    /// The runner's digest of it, by which the manifest names it.
    pub digest: String,
    /// Where the store has it.
    #[serde(flatten)]
    pub blob: StoredBlob,
}

impl RecordBlob {
    /// A blob and the runner's digest of it.
    ///
    /// ```
    /// use hibernaculum_core::{BlobId, ByteSize, RecordBlob, StoredBlob};
    ///
    /// let name: BlobId = "0123456789abcdef".repeat(4).parse()?;
    /// let blob = RecordBlob::new("the runner's digest", StoredBlob::raw(name, ByteSize::kib(4)));
    /// assert_eq!(blob.blob.bytes, ByteSize::kib(4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(digest: impl Into<String>, blob: StoredBlob) -> Self {
        Self { digest: digest.into(), blob }
    }
}

/// A snapshot of a sandbox, as a store keeps it.
///
/// ```
/// use hibernaculum_core::{
///     CheckpointId, CheckpointInfo, CheckpointKind, CheckpointRecord, SandboxId, SessionId, SnapshotId, SnapshotInfo,
///     SnapshotRecord, SnapshotSession,
/// };
///
/// let (sandbox, session) = (SandboxId::new(), SessionId::new());
/// let mut record = SnapshotRecord::new(SnapshotInfo::new(SnapshotId::new(), sandbox));
/// let state = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Portable, session);
/// let state = CheckpointRecord::new(state, sandbox, serde_json::json!({}));
/// record.sessions.push(SnapshotSession::new(session, state));
/// record.info.sessions = record.sessions.len();
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SnapshotRecord {
    /// The format of the record: [`RECORD_FORMAT`].
    pub format: u32,
    /// What is told of the snapshot.
    pub info: SnapshotInfo,
    /// The sandbox's files as a tar archive (POSIX.1-2001), in pieces: `files`, the working directory; `packages`, what was installed.
    pub archive: Vec<StoredBlob>,
    /// Its sessions.
    pub sessions: Vec<SnapshotSession>,
}

impl SnapshotRecord {
    /// A record of an empty sandbox. For those who implement a backend.
    pub fn new(info: SnapshotInfo) -> Self {
        Self { format: RECORD_FORMAT, info, archive: Vec::new(), sessions: Vec::new() }
    }
}

/// A session of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SnapshotSession {
    /// The session.
    pub session: SessionId,
    /// Its state. It belongs to the snapshot and is not listed among the checkpoints.
    pub checkpoint: CheckpointRecord,
}

impl SnapshotSession {
    /// A session and its state.
    ///
    /// ```
    /// use hibernaculum_core::{CheckpointId, CheckpointInfo, CheckpointKind, CheckpointRecord, SandboxId, SessionId, SnapshotSession};
    ///
    /// let session = SessionId::new();
    /// let state = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Portable, session);
    /// let state = CheckpointRecord::new(state, SandboxId::new(), serde_json::json!({}));
    /// assert_eq!(SnapshotSession::new(session, state).session, session);
    /// ```
    pub fn new(session: SessionId, checkpoint: CheckpointRecord) -> Self {
        Self { session, checkpoint }
    }
}
