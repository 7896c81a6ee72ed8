//! What goes into a store and stays there: what was sent already is not sent again, retention is seen to after a save, and nothing is unpickled here.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use hibernaculum_checkpoint_store::Store;
use hibernaculum_core::{
    Backend, CheckpointId, CheckpointRecord, CheckpointRequest, CheckpointStore, CheckpointWriter, Collected,
    Error, Retention, Sandbox, SandboxSpec, SnapshotId, SnapshotRecord, StoredBlob,
};

use crate::scene::{PATIENCE, Scene};

/// A store that counts the bytes that are put into it, whether it had them or not.
#[derive(Debug)]
struct Counting {
    store: Store,
    put: Arc<AtomicU64>,
}

struct CountingWriter {
    writer: Arc<dyn CheckpointWriter>,
    put: Arc<AtomicU64>,
}

#[async_trait]
impl CheckpointStore for Counting {
    fn describe(&self) -> String {
        self.store.describe()
    }

    async fn begin(&self) -> Result<Arc<dyn CheckpointWriter>, Error> {
        let writer = self.store.begin().await?;
        Ok(Arc::new(CountingWriter { writer, put: Arc::clone(&self.put) }))
    }

    async fn checkpoint(&self, id: &CheckpointId) -> Result<CheckpointRecord, Error> {
        self.store.checkpoint(id).await
    }

    async fn checkpoints(&self) -> Result<Vec<CheckpointRecord>, Error> {
        self.store.checkpoints().await
    }

    async fn delete_checkpoint(&self, id: &CheckpointId) -> Result<bool, Error> {
        self.store.delete_checkpoint(id).await
    }

    async fn snapshot(&self, id: &SnapshotId) -> Result<SnapshotRecord, Error> {
        self.store.snapshot(id).await
    }

    async fn snapshots(&self) -> Result<Vec<SnapshotRecord>, Error> {
        self.store.snapshots().await
    }

    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<bool, Error> {
        self.store.delete_snapshot(id).await
    }

    async fn blob(&self, blob: &StoredBlob) -> Result<Bytes, Error> {
        self.store.blob(blob).await
    }

    async fn collect(&self, retention: &Retention) -> Result<Collected, Error> {
        self.store.collect(retention).await
    }
}

#[async_trait]
impl CheckpointWriter for CountingWriter {
    async fn put(&self, data: Bytes) -> Result<(StoredBlob, bool), Error> {
        self.put.fetch_add(data.len() as u64, Ordering::Relaxed);
        self.writer.put(data).await
    }

    fn may_reuse(&self, blob: &StoredBlob) -> bool {
        self.writer.may_reuse(blob)
    }

    async fn publish_checkpoint(&self, record: &CheckpointRecord) -> Result<(), Error> {
        self.writer.publish_checkpoint(record).await
    }

    async fn publish_snapshot(&self, record: &SnapshotRecord) -> Result<(), Error> {
        self.writer.publish_snapshot(record).await
    }
}

#[tokio::test]
async fn an_array_that_did_not_change_is_not_sent_again() {
    const SIZE: u64 = 100_000_000;
    let scene = Scene::new();
    let put = Arc::new(AtomicU64::new(0));
    let store =
        Counting { store: Store::directory(scene.path().join("store")).unwrap(), put: Arc::clone(&put) };
    let backend = scene.builder().checkpoint_store(Arc::new(store)).build().unwrap();
    let sandbox = scene.sandbox(&backend).await;
    let session = sandbox.session().await.unwrap();
    let code = format!("import os, array\ndata = array.array('B', os.urandom({SIZE}))\nsmall = 0");
    assert!(session.execute(code).await.unwrap().is_completed());
    session.checkpoint(CheckpointRequest::portable()).await.unwrap();
    let first = put.swap(0, Ordering::Relaxed);
    assert!((SIZE..SIZE + 1_000_000).contains(&first), "{first}");
    for code in ["small = 1", "data[SIZE // 2] ^= 1"] {
        session.execute(code.replace("SIZE", &SIZE.to_string())).await.unwrap();
        session.checkpoint(CheckpointRequest::portable()).await.unwrap();
    }
    // One byte was changed: what holds it was sent, and not all the rest.
    let again = put.load(Ordering::Relaxed);
    assert!((1..SIZE / 10).contains(&again), "{again}");
    sandbox.close().await.unwrap();
}

#[tokio::test]
async fn retention_is_seen_to_after_a_save() {
    let scene = Scene::new();
    let store = Store::directory(scene.path().join("store")).unwrap();
    let backend = |retention| {
        scene.builder().checkpoint_store(Arc::new(store.clone())).retention(retention).build().unwrap()
    };
    let first = backend(Retention::default());
    let sandbox = scene.sandbox(&first).await;
    let session = sandbox.session().await.unwrap();
    for _ in 0..2 {
        session.checkpoint(CheckpointRequest::portable()).await.unwrap();
    }
    let asleep = first.hibernate(&session.id(), CheckpointRequest::portable()).await.unwrap();
    sandbox.close().await.unwrap();
    assert_eq!(store.checkpoints().await.unwrap().len(), 3);

    let second = backend(Retention::default().keep_last(1));
    let sandbox = scene.sandbox(&second).await;
    let woken = sandbox.wake(&asleep.id).await.unwrap();
    assert_eq!(woken.id(), asleep.session, "it counts as the same session");
    let newest = woken.checkpoint(CheckpointRequest::portable()).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left: Vec<_> = store.checkpoints().await.unwrap().iter().map(|record| record.info.id).collect();
        if left == [newest.id] {
            break;
        }
        assert!(Instant::now() < deadline, "{left:?} are left");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    sandbox.close().await.unwrap();
}

/// Whoever unpickles it writes its own pid to a place that all of this machine see.
const CANARY: &str = "
import os
class Canary:
    def __getstate__(self): return {'a': 1}
    def __setstate__(self, state):
        with open(SONG, 'a') as song: song.write(str(os.getpid()) + ' ')
canary = Canary()
os.getpid()";

#[tokio::test]
async fn nothing_is_unpickled_on_this_side() {
    let scene = Scene::new();
    let store = Store::directory(scene.path().join("store")).unwrap();
    let backend: Arc<dyn Backend> =
        scene.builder().checkpoint_store(Arc::new(store.clone())).build().unwrap();
    let sandbox = scene.sandbox(&backend).await;
    let session = sandbox.session().await.unwrap();
    let song = scene.path().join("song");
    let code = format!("SONG = {:?}\n{CANARY}", song.to_str().unwrap());
    let pid = session.execute(code).await.unwrap().value().unwrap().repr.clone();
    let saved = session.checkpoint(CheckpointRequest::portable()).await.unwrap();
    session.checkpoint(CheckpointRequest::portable()).await.unwrap();
    session.checkpoints().await.unwrap();
    backend.stored_checkpoints().await.unwrap();
    backend.manifest(&saved.id).await.unwrap();
    let snapshot = sandbox.snapshot(None).await.unwrap();
    backend.snapshots().await.unwrap();
    store.collect(&Retention::default().keep_last(1)).await.unwrap();
    assert!(!song.exists(), "somebody unpickled it: {:?}", fs::read_to_string(&song));

    // The canary sings where it may: in the session, and in that of the sandbox which is made of the snapshot.
    let newest = backend.stored_checkpoints().await.unwrap().last().unwrap().id;
    session.restore(&newest).await.unwrap();
    assert_eq!(fs::read_to_string(&song).unwrap(), format!("{pid} "));
    let twin = Sandbox::restore(&backend, &snapshot.id, SandboxSpec::default()).await.unwrap();
    assert_eq!(fs::read_to_string(&song).unwrap().split_whitespace().count(), 2);
    twin.close().await.unwrap();
    sandbox.close().await.unwrap();
}
