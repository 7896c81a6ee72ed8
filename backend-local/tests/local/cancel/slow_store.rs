//! A store that lets others have a turn before and after everything that it does: so there is a point at which it is done and nobody has heard of it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hibernaculum_checkpoint_store::Store;
use hibernaculum_core::{
    CheckpointId, CheckpointRecord, CheckpointStore, CheckpointWriter, Collected, Error, Retention,
    SnapshotId, SnapshotRecord, StoredBlob,
};
use tokio::task::yield_now;

#[derive(Debug)]
pub(super) struct SlowStore(pub(super) Store);

struct SlowWriter(Arc<dyn CheckpointWriter>);

async fn slowly<T>(work: impl Future<Output = T>) -> T {
    yield_now().await;
    let done = work.await;
    yield_now().await;
    done
}

#[async_trait]
impl CheckpointStore for SlowStore {
    fn describe(&self) -> String {
        self.0.describe()
    }

    async fn begin(&self) -> Result<Arc<dyn CheckpointWriter>, Error> {
        Ok(Arc::new(SlowWriter(slowly(self.0.begin()).await?)))
    }

    async fn checkpoint(&self, id: &CheckpointId) -> Result<CheckpointRecord, Error> {
        slowly(self.0.checkpoint(id)).await
    }

    async fn checkpoints(&self) -> Result<Vec<CheckpointRecord>, Error> {
        slowly(self.0.checkpoints()).await
    }

    async fn delete_checkpoint(&self, id: &CheckpointId) -> Result<bool, Error> {
        slowly(self.0.delete_checkpoint(id)).await
    }

    async fn snapshot(&self, id: &SnapshotId) -> Result<SnapshotRecord, Error> {
        slowly(self.0.snapshot(id)).await
    }

    async fn snapshots(&self) -> Result<Vec<SnapshotRecord>, Error> {
        slowly(self.0.snapshots()).await
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<bool, Error> {
        slowly(self.0.delete_snapshot(id)).await
    }

    async fn blob(&self, blob: &StoredBlob) -> Result<Bytes, Error> {
        slowly(self.0.blob(blob)).await
    }

    async fn collect(&self, retention: &Retention) -> Result<Collected, Error> {
        slowly(self.0.collect(retention)).await
    }
}

#[async_trait]
impl CheckpointWriter for SlowWriter {
    async fn put(&self, data: Bytes) -> Result<(StoredBlob, bool), Error> {
        slowly(self.0.put(data)).await
    }

    fn may_reuse(&self, blob: &StoredBlob) -> bool {
        self.0.may_reuse(blob)
    }

    async fn publish_checkpoint(&self, record: &CheckpointRecord) -> Result<(), Error> {
        slowly(self.0.publish_checkpoint(record)).await
    }

    async fn publish_snapshot(&self, record: &SnapshotRecord) -> Result<(), Error> {
        slowly(self.0.publish_snapshot(record)).await
    }
}
