//! The store: what is read from it, and what is deleted.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use hibernaculum_core::{
    CheckpointError, CheckpointId, CheckpointRecord, CheckpointStore, CheckpointWriter, Codec, Collected,
    Error, Retention, SnapshotId, SnapshotRecord, StoredBlob,
};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde::de::DeserializeOwned;

use crate::collect::Collection;
use crate::condemned::Condemned;
use crate::content;
use crate::document;
use crate::failure::{corrupt, storage};
use crate::writer::Writer;

/// Records that are read at once.
const AT_ONCE: usize = 16;

/// A checkpoint store. Cheap to clone; the clones are one store.
///
/// ```
/// use hibernaculum_checkpoint_store::Store;
/// use hibernaculum_core::CheckpointStore;
///
/// let store = Store::memory();
/// assert_eq!(store.describe(), "memory");
/// ```
#[derive(Clone)]
pub struct Store {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// What it is, for messages.
    pub(crate) place: String,
    /// Where it is, if that is a directory of this machine.
    pub(crate) directory: Option<PathBuf>,
    /// How long a blob that nothing needs is kept; twice as long as a save may take.
    pub(crate) grace: Duration,
    pub(crate) clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// What sort of document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Checkpoint,
    Snapshot,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Snapshot => "snapshot",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoints",
            Self::Snapshot => "snapshots",
        }
    }

    pub(crate) fn path(self, id: impl fmt::Display) -> Path {
        Path::from(format!("{}/{id}.record", self.folder()))
    }
}

/// Where a blob lies.
pub(crate) fn blob_path(blob: &StoredBlob) -> Path {
    let (id, ending) = (blob.blake3.to_string(), if blob.codec == Codec::Zstd { "zst" } else { "raw" });
    let folder = id.get(..2).unwrap_or_default();
    match &blob.copy {
        Some(copy) => Path::from(format!("blobs/{folder}/{id}.{copy}.{ending}")),
        None => Path::from(format!("blobs/{folder}/{id}.{ending}")),
    }
}

/// Whether a record may name such a copy: it becomes part of a path.
fn is_copy(copy: &str) -> bool {
    (1..=64).contains(&copy.len()) && copy.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

impl Store {
    /// How long a blob that nothing needs is kept before a collection removes it: from 2 minutes on; an hour unless told otherwise. A save may take
    /// half as long. All who share a store must agree.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hibernaculum_checkpoint_store::Store;
    ///
    /// let store = Store::memory().grace(Duration::from_secs(600));
    /// ```
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace.max(Duration::from_mins(2));
        self
    }

    /// The bytes of an object, if it is there and no longer than `limit`.
    pub(crate) async fn read(&self, path: &Path, limit: u64) -> Result<Option<Bytes>, Error> {
        const DOING: &str = "reading from";
        let found = match self.objects.get(path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(storage(self, DOING, error)),
        };
        if found.meta.size > limit {
            return Err(corrupt(
                path.to_string(),
                format!("it has {} bytes; at most {limit} can be", found.meta.size),
            ));
        }
        found.bytes().await.map(Some).map_err(|error| storage(self, DOING, error))
    }

    pub(crate) async fn document<T: DeserializeOwned>(
        &self,
        kind: Kind,
        id: impl fmt::Display,
    ) -> Result<Option<T>, Error> {
        let name = format!("the {} {id}", kind.word());
        match self.read(&kind.path(&id), document::LIMIT).await? {
            Some(sealed) => document::open(&name, kind.word(), &sealed).map(Some),
            None => Ok(None),
        }
    }

    /// Every document of a kind, or why it cannot be read. One that is deleted meanwhile is left out.
    pub(crate) async fn documents<T: DeserializeOwned>(
        &self,
        kind: Kind,
    ) -> Result<Vec<(Path, Result<T, Error>)>, Error> {
        let listed = self.objects.list(Some(&Path::from(kind.folder())));
        let paths: Vec<Path> = listed
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .map_err(|error| storage(self, "listing", error))?;
        let reading = paths.into_iter().map(|path| async move {
            let id = path.filename().and_then(|name| name.strip_suffix(".record")).unwrap_or_default();
            match self.document::<T>(kind, id).await {
                Ok(Some(document)) => Ok(Some((path, Ok(document)))),
                Ok(None) => Ok(None),
                Err(error @ Error::Checkpoint(CheckpointError::Store { .. })) => Err(error),
                Err(error) => Ok(Some((path, Err(error)))),
            }
        });
        futures_util::stream::iter(reading)
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|document| async move { Ok(document) })
            .try_collect()
            .await
    }

    /// Those that can be read.
    async fn readable<T: DeserializeOwned>(&self, kind: Kind) -> Result<Vec<T>, Error> {
        let all = self.documents(kind).await?;
        Ok(all
            .into_iter()
            .filter_map(|(path, document)| match document {
                Ok(document) => Some(document),
                Err(error) => {
                    tracing::warn!(%path, %error, "a record cannot be read");
                    None
                }
            })
            .collect())
    }

    async fn delete(&self, path: &Path) -> Result<bool, Error> {
        const DOING: &str = "deleting from";
        // S3 says of a deletion only that it is gone now.
        let was_there = match self.objects.head(path).await {
            Ok(_) => true,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(storage(self, DOING, error)),
        };
        self.remove(path).await.map_err(|error| storage(self, DOING, error))?;
        Ok(was_there)
    }

    /// Removes an object; that it is gone already is no error.
    pub(crate) async fn remove(&self, path: &Path) -> object_store::Result<()> {
        match self.objects.delete(path).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            other => other,
        }
    }
}

#[async_trait]
impl CheckpointStore for Store {
    fn describe(&self) -> String {
        self.place.clone()
    }

    async fn begin(&self) -> Result<Arc<dyn CheckpointWriter>, Error> {
        let condemned = Condemned::read(self).await?;
        Ok(Arc::new(Writer::new(self.clone(), condemned)))
    }

    async fn checkpoint(&self, id: &CheckpointId) -> Result<CheckpointRecord, Error> {
        let found = self.document(Kind::Checkpoint, id).await?;
        found.ok_or_else(|| CheckpointError::Unknown { checkpoint: *id }.into())
    }

    async fn checkpoints(&self) -> Result<Vec<CheckpointRecord>, Error> {
        let mut records: Vec<CheckpointRecord> = self.readable(Kind::Checkpoint).await?;
        records.sort_by_key(|record| (record.info.created, record.info.id));
        Ok(records)
    }

    async fn delete_checkpoint(&self, id: &CheckpointId) -> Result<bool, Error> {
        self.delete(&Kind::Checkpoint.path(id)).await
    }

    async fn snapshot(&self, id: &SnapshotId) -> Result<SnapshotRecord, Error> {
        let found = self.document(Kind::Snapshot, id).await?;
        found.ok_or_else(|| CheckpointError::NoSnapshot { snapshot: *id }.into())
    }

    async fn snapshots(&self) -> Result<Vec<SnapshotRecord>, Error> {
        let mut records: Vec<SnapshotRecord> = self.readable(Kind::Snapshot).await?;
        records.sort_by_key(|record| (record.info.created, record.info.id));
        Ok(records)
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<bool, Error> {
        self.delete(&Kind::Snapshot.path(id)).await
    }

    async fn blob(&self, blob: &StoredBlob) -> Result<Bytes, Error> {
        if blob.copy.as_deref().is_some_and(|copy| !is_copy(copy)) {
            return Err(corrupt(format!("the blob {}", blob.blake3), "its record names an impossible copy"));
        }
        let name = || format!("the blob {}", blob.blake3);
        let limit = blob.stored.as_u64().min(hibernaculum_core::BLOB_LIMIT as u64);
        let stored = self.read(&blob_path(blob), limit).await?;
        let stored = stored.ok_or_else(|| corrupt(name(), "it is not in the store"))?;
        let wanted = blob.clone();
        let unpacked = tokio::task::spawn_blocking(move || content::unpack(&wanted, stored)).await;
        match unpacked {
            Ok(Ok(raw)) => Ok(raw),
            Ok(Err(flaw)) => Err(corrupt(name(), flaw.to_string())),
            Err(_) => Err(crate::failure::store(self, "reading from", "the runtime is shutting down")),
        }
    }

    async fn collect(&self, retention: &Retention) -> Result<Collected, Error> {
        Collection::new(self).run(retention).await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("place", &self.place)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}
