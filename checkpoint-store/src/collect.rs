//! Retention, and the removal of what nothing needs. See [`crate::condemned`] for why it is safe.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::time::Instant;

use futures_util::TryStreamExt as _;
use hibernaculum_core::{
    ByteSize, CheckpointInfo, CheckpointRecord, Collected, Error, Retention, SnapshotInfo, SnapshotRecord,
    StoredBlob,
};
use jiff::Timestamp;
use object_store::path::Path;

use crate::condemned::Condemned;
use crate::failure::storage;
use crate::staged;
use crate::store::{Kind, Store, blob_path};

/// One collection.
pub(crate) struct Collection<'a> {
    store: &'a Store,
    began: Instant,
    now: Timestamp,
}

/// What a retention does not keep, the newest first.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Expired {
    /// Checkpoints.
    pub checkpoints: Vec<CheckpointInfo>,
    /// Snapshots of whole sandboxes.
    pub snapshots: Vec<SnapshotInfo>,
}

/// What is recorded.
enum What {
    Checkpoint(Box<CheckpointInfo>),
    Snapshot(Box<SnapshotInfo>),
}

/// A record, as far as retention goes.
struct Kept {
    path: Path,
    what: What,
    /// What it needs: where it lies, and how many bytes it takes.
    blobs: Vec<(String, u64)>,
}

impl<'a> Collection<'a> {
    pub(crate) fn new(store: &'a Store) -> Self {
        Self { store, began: Instant::now(), now: (store.clock)() }
    }

    /// What a collection would delete now.
    pub(crate) async fn expired(self, retention: &Retention) -> Result<Expired, Error> {
        let (_, expired) = self.judge(self.records().await?, retention);
        let mut found = Expired::default();
        for record in expired {
            match record.what {
                What::Checkpoint(info) => found.checkpoints.push(*info),
                What::Snapshot(info) => found.snapshots.push(*info),
            }
        }
        Ok(found)
    }

    pub(crate) async fn run(self, retention: &Retention) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        // In this order: see the proof.
        let mut condemned = Condemned::read(self.store).await?;
        let blobs = self.list_blobs().await?;
        let records = self.records().await?;
        let (kept, expired) = self.judge(records, retention);
        for record in &expired {
            self.store
                .remove(&record.path)
                .await
                .map_err(|error| storage(self.store, "deleting from", error))?;
            collected.deleted += 1;
        }
        let needed: HashSet<&str> =
            kept.iter().flat_map(|record| &record.blobs).map(|(path, _)| path.as_str()).collect();
        let due = self.condemn(&mut condemned, &blobs, &needed);
        if self.began.elapsed() > self.store.grace / 4 {
            tracing::warn!(store = %self.store.place, "a collection took so long that it removes nothing");
            return Ok(collected);
        }
        condemned.write(self.store).await?;
        self.sweep(&mut collected).await?;
        collected.condemned = condemned.since.len().saturating_sub(due.len());
        for path in due {
            let removed = self.store.remove(&Path::from(path.as_str())).await;
            removed.map_err(|error| storage(self.store, "deleting from", error))?;
            collected.removed += 1;
            let bytes = blobs.get(&path).copied().unwrap_or_default();
            collected.freed = ByteSize::bytes(collected.freed.as_u64() + bytes);
        }
        Ok(collected)
    }

    /// Removes what a killed program left half written, where the storage is a directory.
    async fn sweep(&self, collected: &mut Collected) -> Result<(), Error> {
        const DOING: &str = "sweeping";
        let Some(root) = self.store.directory.clone() else { return Ok(()) };
        let (now, grace) = (self.now, self.store.grace);
        let swept = tokio::task::spawn_blocking(move || staged::sweep(&root, now, grace)).await;
        let problem = match swept {
            Ok(Ok((files, bytes))) => {
                collected.removed += files;
                collected.freed = ByteSize::bytes(collected.freed.as_u64() + bytes);
                return Ok(());
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the runtime is shutting down".to_owned(),
        };
        Err(crate::failure::store(self.store, DOING, problem))
    }

    async fn list_blobs(&self) -> Result<BTreeMap<String, u64>, Error> {
        let listed = self.store.objects.list(Some(&Path::from("blobs")));
        let sizes = listed.map_ok(|meta| (meta.location.to_string(), meta.size)).try_collect().await;
        sizes.map_err(|error| storage(self.store, "listing", error))
    }

    /// All records. One that cannot be read ends the collection: nobody knows what it needs. Who deletes it frees what it held.
    async fn records(&self) -> Result<Vec<Kept>, Error> {
        let mut records = Vec::new();
        for (path, record) in self.store.documents::<CheckpointRecord>(Kind::Checkpoint).await? {
            let record = record?;
            let blobs = record.blobs.iter().map(|named| place(&named.blob)).collect();
            records.push(Kept { path, what: What::Checkpoint(Box::new(record.info)), blobs });
        }
        for (path, record) in self.store.documents::<SnapshotRecord>(Kind::Snapshot).await? {
            let record = record?;
            let states = record.sessions.iter().flat_map(|session| &session.checkpoint.blobs);
            let blobs = record.archive.iter().chain(states.map(|named| &named.blob)).map(place).collect();
            records.push(Kept { path, what: What::Snapshot(Box::new(record.info)), blobs });
        }
        Ok(records)
    }

    /// What is kept, and what is not.
    fn judge(&self, mut records: Vec<Kept>, retention: &Retention) -> (Vec<Kept>, Vec<Kept>) {
        records.sort_by(|a, b| b.created().cmp(&a.created()).then_with(|| b.path.cmp(&a.path)));
        let (mut of_session, mut of_name) = (HashMap::new(), HashMap::new());
        let (mut counted, mut bytes) = (HashSet::new(), 0_u64);
        records.into_iter().partition(|record| {
            let age = self.now.duration_since(record.created());
            let is_old =
                retention.max_age.is_some_and(|limit| age.unsigned_abs() > limit && age.is_positive());
            let info = record.checkpoint();
            let (session, name) = (info.map(|info| info.session), info.and_then(|info| info.name.clone()));
            // Both are counted, whatever the other says.
            let is_beyond = [
                is_beyond(&mut of_session, session, retention.keep_last),
                is_beyond(&mut of_name, name, retention.keep_named),
            ];
            if is_old || is_beyond.contains(&true) {
                return false;
            }
            let Some(limit) = retention.max_bytes else { return true };
            let own: u64 =
                record.blobs.iter().filter(|(path, _)| !counted.contains(path)).map(|(_, size)| size).sum();
            // Once one does not fit, no older one is kept in its place.
            bytes = bytes.saturating_add(own);
            counted.extend(record.blobs.iter().map(|(path, _)| path.clone()));
            bytes <= limit.as_u64()
        })
    }

    /// Brings the list up to date; gives what is to be removed now. It stays on the list while it is there.
    fn condemn(
        &self,
        condemned: &mut Condemned,
        blobs: &BTreeMap<String, u64>,
        needed: &HashSet<&str>,
    ) -> Vec<String> {
        let is_past = |since: &Timestamp, times: u32| {
            let age = self.now.duration_since(*since);
            age.is_positive() && age.unsigned_abs() >= self.store.grace * times
        };
        // A blob that is gone stays on the list for some time yet: a collection that overwrote the list might not have known.
        condemned.since.retain(|path, since| {
            !needed.contains(path.as_str()) && (blobs.contains_key(path) || !is_past(since, 3))
        });
        for path in blobs.keys().filter(|path| !needed.contains(path.as_str())) {
            condemned.since.entry(path.clone()).or_insert(self.now);
        }
        let due =
            condemned.since.iter().filter(|(path, since)| blobs.contains_key(*path) && is_past(since, 1));
        due.map(|(path, _)| path.clone()).collect()
    }
}

impl Kept {
    fn checkpoint(&self) -> Option<&CheckpointInfo> {
        match &self.what {
            What::Checkpoint(info) => Some(info),
            What::Snapshot(_) => None,
        }
    }

    fn created(&self) -> Timestamp {
        match &self.what {
            What::Checkpoint(info) => info.created,
            What::Snapshot(info) => info.created,
        }
    }
}

/// Whether so many newer ones of a kind were counted already; 0 is as good as 1.
fn is_beyond<K: Hash + Eq>(counted: &mut HashMap<K, usize>, kind: Option<K>, limit: Option<usize>) -> bool {
    let Some(kind) = kind else { return false };
    let count = counted.entry(kind).or_default();
    *count += 1;
    limit.is_some_and(|limit| *count > limit.max(1))
}

fn place(blob: &StoredBlob) -> (String, u64) {
    (blob_path(blob).to_string(), blob.stored.as_u64())
}
