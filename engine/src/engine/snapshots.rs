//! Snapshots of whole sandboxes: their files as an archive, and the state of each session, in one record of the store.
//!
//! ```text
//!  snapshot   sessions ─▶ saved as for a checkpoint ─┐                          restore   a new sandbox ◀─ archive
//!             then: files ─▶ archive ─▶ blobs ───────┴─▶ one record, published            its sessions  ◀─ states
//! ```
//!
//! States come first, so that a file that an execution was still writing is in the archive when the state that knows of it is. Whoever
//! runs code meanwhile gets the files of a later moment than the states.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::BytesMut;
use futures_util::stream::{self, FuturesOrdered, StreamExt as _, TryStreamExt as _};
use hibernaculum_core::{
    ByteSize, CheckpointError, CheckpointRequest, CheckpointWriter, Error, Feature, SandboxId, SandboxInfo,
    SandboxSnapshots, SandboxSpec, Sandboxes as _, SessionError, SessionSpec, SnapshotId, SnapshotInfo,
    SnapshotRecord, SnapshotSession, StoredBlob,
};

use super::Engine;
use super::portable::named;
use super::unclaimed::Unclaimed;
use crate::files::Files;
use crate::provider::{Place, Provider};
use crate::session::Port;

/// The length of an archive's pieces: half of what a blob may have.
const PIECE: usize = 4 << 20;
/// Sessions that are saved, and pieces that are stored or read, at once.
const AT_ONCE: usize = 2;

#[async_trait]
impl<P: Provider> SandboxSnapshots for Engine<P> {
    fn snapshots_backend(&self) -> &str {
        &self.inner.features.backend
    }

    async fn snapshot(&self, sandbox: &SandboxId, name: Option<String>) -> Result<SnapshotInfo, Error> {
        self.inner.features.require(Feature::SandboxSnapshots)?;
        let name = named(name)?;
        let writer = self.inner.store()?.begin().await?;
        let mut record = self.taken(*sandbox, &writer).await?;
        record.info.name = name;
        writer.publish_snapshot(&record).await?;
        self.inner.tidy();
        Ok(record.info)
    }

    async fn snapshots(&self) -> Result<Vec<SnapshotInfo>, Error> {
        self.inner.features.require(Feature::SandboxSnapshots)?;
        let records = self.inner.store()?.snapshots().await?;
        Ok(records.into_iter().map(|record| record.info).collect())
    }

    async fn restore_snapshot(&self, snapshot: &SnapshotId, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        self.inner.features.require(Feature::SandboxSnapshots)?;
        let record = self.inner.store()?.snapshot(snapshot).await?;
        self.made_of(record, spec, true).await
    }

    async fn delete_snapshot(&self, snapshot: &SnapshotId) -> Result<(), Error> {
        self.inner.features.require(Feature::SandboxSnapshots)?;
        self.inner.store()?.delete_snapshot(snapshot).await.map(drop)
    }

    async fn fork_sandbox(&self, sandbox: &SandboxId, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        self.inner.features.require(Feature::SandboxSnapshots)?;
        // While the writer is there, what it stored is, too; nothing is published.
        let writer = self.inner.store()?.begin().await?;
        let record = self.taken(*sandbox, &writer).await?;
        self.made_of(record, spec, false).await
    }
}

impl<P: Provider> Engine<P> {
    /// Stores what a sandbox holds.
    async fn taken(
        &self,
        sandbox: SandboxId,
        writer: &Arc<dyn CheckpointWriter>,
    ) -> Result<SnapshotRecord, Error> {
        let home = self.inner.sandbox(sandbox)?;
        let ports = self.inner.registry().sessions_of(sandbox);
        let mut record = SnapshotRecord::new(SnapshotInfo::new(SnapshotId::new(), sandbox));
        let states = ports.into_iter().map(|port| self.state_of(port, writer));
        let mut states = stream::iter(states).buffered(AT_ONCE);
        while let Some(state) = states.try_next().await? {
            match state {
                State::Saved(session) => {
                    let (id, warnings) = (session.session, &session.checkpoint.info.warnings);
                    let info = &mut record.info;
                    info.warnings
                        .extend(warnings.iter().map(|warning| format!("the session {id}: {warning}")));
                    record.sessions.push(*session);
                }
                State::None(warning) => record.info.warnings.extend(warning),
            }
        }
        drop(states);
        let (archive, packed) = archived(home.files()?, writer).await?;
        record.archive = archive;
        record.info.warnings.extend(packed.skipped);
        (record.info.files, record.info.sessions) = (packed.files, record.sessions.len());
        record.info.size = stored(&record);
        Ok(record)
    }

    async fn state_of(&self, port: Arc<Port>, writer: &Arc<dyn CheckpointWriter>) -> Result<State, Error> {
        let id = port.id();
        match self.recorded(&port, CheckpointRequest::portable(), writer, None).await {
            Ok(state) => Ok(State::Saved(Box::new(SnapshotSession::new(id, state)))),
            Err(Error::Session(SessionError::Closed { .. })) => Ok(State::None(None)),
            Err(Error::Session(SessionError::Crashed { cause, .. })) => {
                Ok(State::None(Some(format!("the session {id} is left out, for it has no state: {cause}"))))
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a sandbox with what a snapshot holds; nothing is left of one that cannot be made whole.
    async fn made_of(
        &self,
        record: SnapshotRecord,
        spec: SandboxSpec,
        keeps_ids: bool,
    ) -> Result<SandboxInfo, Error> {
        let made = self.create(spec).await?;
        let unclaimed = Unclaimed::sandbox(&self.inner, made.id);
        let filled = self.fill(made.id, record, keeps_ids).await;
        if filled.is_err() {
            // It is gone when the error is told.
            self.inner.destroy(made.id).await;
        }
        unclaimed.claim();
        filled
    }

    async fn fill(
        &self,
        sandbox: SandboxId,
        record: SnapshotRecord,
        keeps_ids: bool,
    ) -> Result<SandboxInfo, Error> {
        let snapshot = record.info.id;
        let store = Arc::clone(self.inner.store()?);
        let pieces = stream::iter(record.archive).map(move |piece| {
            let store = Arc::clone(&store);
            async move { store.blob(&piece).await.map_err(|error| of_snapshot(error, snapshot)) }
        });
        let home = self.inner.sandbox(sandbox)?;
        let unpacked = home.files()?.unpack(Box::pin(pieces.buffered(AT_ONCE))).await?;
        tracing::debug!(%snapshot, %sandbox, files = unpacked.files, skipped = ?unpacked.skipped, "unpacked");
        for SnapshotSession { session, checkpoint, .. } in record.sessions {
            let mut spec = SessionSpec::default();
            spec.labels.clone_from(&checkpoint.labels);
            spec.id = (keeps_ids && !self.inner.is_open(session)).then_some(session);
            self.opened_with(&sandbox, spec, checkpoint).await?;
        }
        self.get(&sandbox).await
    }
}

/// What a session has for a snapshot.
enum State {
    Saved(Box<SnapshotSession>),
    /// Nothing, which may be worth a warning.
    None(Option<String>),
}

/// Stores everything of a sandbox's files, in pieces.
async fn archived<P: Place>(
    files: &Files<P>,
    writer: &Arc<dyn CheckpointWriter>,
) -> Result<(Vec<StoredBlob>, crate::wire::messages::FilesPacked), Error> {
    let mut packing = files.pack().await?;
    let (mut blobs, mut storing, mut gathered) = (Vec::new(), FuturesOrdered::new(), BytesMut::new());
    let put = |data: BytesMut| async move { writer.put(data.freeze()).await.map(|(blob, _)| blob) };
    while let Some(piece) = packing.next().await? {
        gathered.extend_from_slice(&piece);
        while gathered.len() >= PIECE {
            storing.push_back(put(gathered.split_to(PIECE)));
            if storing.len() > AT_ONCE {
                blobs.extend(storing.next().await.transpose()?);
            }
        }
    }
    storing.push_back(put(gathered));
    while let Some(blob) = storing.next().await {
        blobs.push(blob?);
    }
    Ok((blobs, packing.finish().await?))
}

/// The stored bytes that a snapshot needs; a blob that it names twice counts once.
fn stored(record: &SnapshotRecord) -> ByteSize {
    let states = record.sessions.iter().flat_map(|session| &session.checkpoint.blobs);
    let blobs = record.archive.iter().chain(states.map(|named| &named.blob));
    let once: HashMap<_, _> = blobs.map(|blob| (blob.blake3, blob.stored.as_u64())).collect();
    ByteSize::bytes(once.values().sum())
}

/// An error about a blob, as one about the snapshot that needs it.
fn of_snapshot(error: Error, snapshot: SnapshotId) -> Error {
    match error {
        Error::Checkpoint(CheckpointError::Corrupt { stored, problem }) => {
            let (stored, problem) = (format!("the snapshot {snapshot}"), format!("{stored}: {problem}"));
            CheckpointError::Corrupt { stored, problem }.into()
        }
        other => other,
    }
}
