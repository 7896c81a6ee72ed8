//! One save: blobs, then one record that names them.

use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use hibernaculum_core::{
    BLOB_LIMIT, ByteSize, CheckpointError, CheckpointRecord, CheckpointWriter, Error, SnapshotRecord,
    StoredBlob,
};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use serde::Serialize;

use crate::condemned::Condemned;
use crate::content::{self, Packed};
use crate::document;
use crate::failure::{storage, store as failed};
use crate::store::{Kind, Store, blob_path};

const DOING: &str = "writing to";

/// A save that is under way.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Store,
    /// What was about to be removed when the save began.
    condemned: Condemned,
    begun: Instant,
    /// What the save's own copies are called.
    copy: String,
}

impl Writer {
    pub(crate) fn new(store: Store, condemned: Condemned) -> Self {
        let mut name = [0; 12];
        // Without random numbers the clock has to do: a name that two saves share would only mean that they share a blob.
        if getrandom::fill(&mut name).is_err() {
            let now = (store.clock)().as_nanosecond().to_be_bytes();
            name.iter_mut().zip(now.iter().rev()).for_each(|(byte, from)| *byte = *from);
        }
        Self { store, condemned, begun: Instant::now(), copy: hex::encode(name) }
    }

    /// Whether the store holds the blob as it is to be.
    async fn is_there(&self, path: &Path, blob: &StoredBlob) -> Result<bool, Error> {
        match self.store.objects.head(path).await {
            // One that was cut off by something other than us is written anew.
            Ok(meta) => Ok(meta.size == blob.stored.as_u64()),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(storage(&self.store, DOING, error)),
        }
    }

    async fn publish(&self, kind: Kind, id: String, record: &impl Serialize) -> Result<(), Error> {
        let sealed = document::seal(kind.word(), record)
            .map_err(|error| failed(&self.store, DOING, error.to_string()))?;
        if sealed.len() as u64 > document::LIMIT {
            let (thing, limit) = (format!("the record of the {} {id}", kind.word()), document::LIMIT);
            return Err(CheckpointError::TooLarge { thing, limit: ByteSize::bytes(limit) }.into());
        }
        let (took, limit) = (self.begun.elapsed(), self.store.grace / 2);
        if took > limit {
            let problem = format!(
                "the save took {took:.0?}; what takes longer than {limit:.0?} may lose blobs to a collection"
            );
            return Err(failed(&self.store, DOING, problem));
        }
        let put = self.store.objects.put(&kind.path(id), sealed.into()).await;
        put.map(drop).map_err(|error| storage(&self.store, DOING, error))
    }
}

#[async_trait]
impl CheckpointWriter for Writer {
    async fn put(&self, data: Bytes) -> Result<(StoredBlob, bool), Error> {
        if data.len() > BLOB_LIMIT {
            let (thing, limit) = (format!("a blob of {} bytes", data.len()), BLOB_LIMIT as u64);
            return Err(CheckpointError::TooLarge { thing, limit: ByteSize::bytes(limit) }.into());
        }
        let packing = tokio::task::spawn_blocking(move || content::pack(data)).await;
        let Packed { mut blob, data } =
            packing.map_err(|_| failed(&self.store, DOING, "the runtime is shutting down"))?;
        let mut path = blob_path(&blob);
        if self.condemned.holds(&path) {
            // Whoever condemned it may remove it at any moment: this save has a copy of its own.
            blob = blob.copy(Some(self.copy.clone()));
            path = blob_path(&blob);
        }
        if self.is_there(&path, &blob).await? {
            return Ok((blob, false));
        }
        let put = self.store.objects.put(&path, data.into()).await;
        put.map_err(|error| storage(&self.store, DOING, error))?;
        Ok((blob, true))
    }

    fn may_reuse(&self, blob: &StoredBlob) -> bool {
        !self.condemned.holds(&blob_path(blob))
    }

    async fn publish_checkpoint(&self, record: &CheckpointRecord) -> Result<(), Error> {
        self.publish(Kind::Checkpoint, record.info.id.to_string(), record).await
    }

    async fn publish_snapshot(&self, record: &SnapshotRecord) -> Result<(), Error> {
        self.publish(Kind::Snapshot, record.info.id.to_string(), record).await
    }
}
