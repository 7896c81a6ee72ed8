//! What a store promises, on every kind of storage; what it promises when the storage fails; and when collections run beside saves.

mod collection;
mod faults;
mod faulty;
mod promises;
#[cfg(feature = "s3")]
mod s3_server;

use bytes::Bytes;
use hibernaculum_core::{
    CheckpointId, CheckpointInfo, CheckpointKind, CheckpointRecord, CheckpointStore, Error, RecordBlob,
    SandboxId, SessionId, StoredBlob,
};

use crate::Store;

/// Bytes that no compressor shortens, different for every seed.
pub(crate) fn noise(seed: u64, length: usize) -> Bytes {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes.into()
}

/// A record of those blobs.
pub(crate) fn record(session: SessionId, blobs: &[StoredBlob]) -> CheckpointRecord {
    let info = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Portable, session);
    let mut record = CheckpointRecord::new(info, SandboxId::new(), serde_json::json!({"format": 1}));
    record.blobs =
        blobs.iter().enumerate().map(|(i, blob)| RecordBlob::new(format!("{i:08}"), blob.clone())).collect();
    record
}

/// Saves those contents as a checkpoint.
pub(crate) async fn save(
    store: &Store,
    session: SessionId,
    contents: &[Bytes],
) -> Result<CheckpointRecord, Error> {
    let writer = store.begin().await?;
    let mut blobs = Vec::new();
    for content in contents {
        blobs.push(writer.put(content.clone()).await?.0);
    }
    let record = record(session, &blobs);
    writer.publish_checkpoint(&record).await?;
    Ok(record)
}

/// The contents of a checkpoint.
pub(crate) async fn contents(store: &Store, id: &CheckpointId) -> Result<Vec<Bytes>, Error> {
    let mut contents = Vec::new();
    for named in store.checkpoint(id).await?.blobs {
        contents.push(store.blob(&named.blob).await?);
    }
    Ok(contents)
}
