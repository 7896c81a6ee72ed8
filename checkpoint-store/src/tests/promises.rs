//! The same promises of every storage: memory, a directory, S3.

use bytes::Bytes;
use hibernaculum_core::{
    BLOB_LIMIT, ByteSize, CheckpointId, CheckpointStore, Retention, SandboxId, SessionId, SnapshotId,
    SnapshotInfo, SnapshotRecord, SnapshotSession,
};
use object_store::ObjectStoreExt as _;

use super::{contents, noise, record, save};
use crate::Store;
use crate::store::{Kind, blob_path};

/// All of them, against one store.
pub(super) async fn keep(store: &Store) {
    what_is_saved_comes_back(store).await;
    the_same_content_is_stored_once(store).await;
    what_is_not_there_is_told(store).await;
    damage_is_told(store).await;
    a_blob_beyond_the_limit_is_refused(store).await;
    snapshots_are_kept_beside_checkpoints(store).await;
    retention_keeps_the_newest(store).await;
    retention_keeps_the_newest_of_a_name(store).await;
}

#[tokio::test]
async fn memory_keeps_the_promises() {
    keep(&Store::memory()).await;
}

#[tokio::test]
async fn a_directory_keeps_the_promises() {
    let scene = tempfile::tempdir().unwrap();
    keep(&Store::directory(scene.path().join("made/on the way")).unwrap()).await;
}

#[tokio::test]
async fn another_program_reads_what_a_directory_keeps() {
    let scene = tempfile::tempdir().unwrap();
    let saved =
        save(&Store::directory(scene.path()).unwrap(), SessionId::new(), &[noise(1, 3000)]).await.unwrap();
    let other = Store::named(scene.path().to_str().unwrap()).unwrap();
    assert_eq!(other.checkpoint(&saved.info.id).await.unwrap(), saved);
    assert_eq!(contents(&other, &saved.info.id).await.unwrap(), [noise(1, 3000)]);
}

#[tokio::test]
async fn names_that_name_no_store_are_refused() {
    for name in ["", "relative/path", "http://example", "s3://", "/nul\0"] {
        assert_eq!(Store::named(name).unwrap_err().code(), "config.invalid", "{name}");
    }
    let scene = tempfile::tempdir().unwrap();
    let file = scene.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(Store::named(file.to_str().unwrap()).unwrap_err().code(), "checkpoint.store");
    assert_eq!(Store::named("memory:").unwrap().describe(), "memory");
}

async fn what_is_saved_comes_back(store: &Store) {
    let pieces = [noise(10, 100_000), Bytes::from(vec![b'a'; 100_000]), Bytes::new(), noise(11, BLOB_LIMIT)];
    let saved = save(store, SessionId::new(), &pieces).await.unwrap();
    assert_eq!(store.checkpoint(&saved.info.id).await.unwrap(), saved);
    assert_eq!(contents(store, &saved.info.id).await.unwrap(), pieces);
    let stored: u64 = saved.blobs.iter().map(|named| named.blob.stored.as_u64()).sum();
    assert!(
        stored < 100_000 + 1000 + BLOB_LIMIT as u64,
        "{stored}: the compressible piece was not compressed"
    );
    assert!(store.checkpoints().await.unwrap().contains(&saved));
    assert!(store.delete_checkpoint(&saved.info.id).await.unwrap());
    assert!(!store.delete_checkpoint(&saved.info.id).await.unwrap());
    assert!(!store.checkpoints().await.unwrap().contains(&saved));
}

async fn the_same_content_is_stored_once(store: &Store) {
    let piece = noise(20, 50_000);
    let first = store.begin().await.unwrap().put(piece.clone()).await.unwrap();
    let second = store.begin().await.unwrap().put(piece).await.unwrap();
    assert_eq!((first.1, second.1), (true, false));
    assert_eq!(first.0, second.0);
}

async fn what_is_not_there_is_told(store: &Store) {
    let unknown = store.checkpoint(&CheckpointId::new()).await.unwrap_err();
    assert_eq!(unknown.code(), "checkpoint.unknown");
    let unknown = store.snapshot(&SnapshotId::new()).await.unwrap_err();
    assert_eq!(unknown.code(), "checkpoint.no_snapshot");
    assert!(!store.delete_snapshot(&SnapshotId::new()).await.unwrap());
}

async fn damage_is_told(store: &Store) {
    let saved = save(store, SessionId::new(), &[noise(30, 5000), Bytes::from(vec![1; 5000])]).await.unwrap();
    for named in &saved.blobs {
        let path = blob_path(&named.blob);
        let whole = store.objects.get(&path).await.unwrap().bytes().await.unwrap();
        let mut changed = whole.to_vec();
        changed[whole.len() / 2] ^= 0x10;
        for damaged in [Bytes::from(changed), whole.slice(..whole.len() - 1), Bytes::from(vec![0; 20_000])] {
            store.objects.put(&path, damaged.into()).await.unwrap();
            assert_eq!(store.blob(&named.blob).await.unwrap_err().code(), "checkpoint.corrupt");
        }
        store.objects.delete(&path).await.unwrap();
        assert_eq!(store.blob(&named.blob).await.unwrap_err().code(), "checkpoint.corrupt");
    }
    let path = Kind::Checkpoint.path(saved.info.id);
    let whole = store.objects.get(&path).await.unwrap().bytes().await.unwrap();
    store.objects.put(&path, whole.slice(..whole.len() - 1).into()).await.unwrap();
    assert_eq!(store.checkpoint(&saved.info.id).await.unwrap_err().code(), "checkpoint.corrupt");
    assert!(store.checkpoints().await.unwrap().iter().all(|record| record.info.id != saved.info.id));
    let newer = String::from_utf8(whole.to_vec()).unwrap().replacen("checkpoint 1", "checkpoint 2", 1);
    store.objects.put(&path, newer.into()).await.unwrap();
    assert_eq!(store.checkpoint(&saved.info.id).await.unwrap_err().code(), "checkpoint.format");
    // Nobody knows what it needs: nothing is collected while it is there.
    assert_eq!(store.collect(&Retention::default()).await.unwrap_err().code(), "checkpoint.format");
    assert!(store.delete_checkpoint(&saved.info.id).await.unwrap());
    store.collect(&Retention::default()).await.unwrap();
    let mut escaping = saved.blobs[0].blob.clone();
    escaping.copy = Some("../../../etc/passwd".to_owned());
    assert_eq!(store.blob(&escaping).await.unwrap_err().code(), "checkpoint.corrupt");
}

async fn a_blob_beyond_the_limit_is_refused(store: &Store) {
    let writer = store.begin().await.unwrap();
    let refused = writer.put(Bytes::from(vec![0; BLOB_LIMIT + 1])).await.unwrap_err();
    assert_eq!(refused.code(), "checkpoint.too_large");
}

async fn snapshots_are_kept_beside_checkpoints(store: &Store) {
    let writer = store.begin().await.unwrap();
    let (archive, _) = writer.put(noise(40, 3000)).await.unwrap();
    let (state, _) = writer.put(noise(41, 3000)).await.unwrap();
    let session = SessionId::new();
    let mut snapshot = SnapshotRecord::new(SnapshotInfo::new(SnapshotId::new(), SandboxId::new()));
    snapshot.archive.push(archive.clone());
    snapshot.sessions.push(SnapshotSession::new(session, record(session, std::slice::from_ref(&state))));
    writer.publish_snapshot(&snapshot).await.unwrap();
    assert_eq!(store.snapshot(&snapshot.info.id).await.unwrap(), snapshot);
    assert!(store.snapshots().await.unwrap().contains(&snapshot));
    assert!(store.checkpoints().await.unwrap().iter().all(|record| record.info.session != session));
    assert!(store.delete_snapshot(&snapshot.info.id).await.unwrap());
}

async fn retention_keeps_the_newest(store: &Store) {
    let (one, other) = (SessionId::new(), SessionId::new());
    let mut saved = Vec::new();
    for seed in 0..3 {
        saved.push(save(store, one, &[noise(50, 1000), noise(60 + seed, 1000)]).await.unwrap().info.id);
    }
    let lone = save(store, other, &[noise(70, 1000)]).await.unwrap().info.id;
    let kept = async || -> Vec<CheckpointId> {
        let records = store.checkpoints().await.unwrap();
        let ours = records.into_iter().filter(|record| [one, other].contains(&record.info.session));
        ours.map(|record| record.info.id).collect()
    };
    let two = Retention::default().keep_last(2);
    let expired = store.expired(&two).await.unwrap().checkpoints;
    assert_eq!(expired.iter().map(|info| info.id).collect::<Vec<_>>(), [saved[0]]);
    assert_eq!(kept().await, [saved[0], saved[1], saved[2], lone], "to be asked changes nothing");
    store.collect(&two).await.unwrap();
    assert_eq!(kept().await, [saved[1], saved[2], lone]);
    // The newest, and of the next only what it does not share with it: 1000 + 2000 bytes.
    store.collect(&Retention::default().max_bytes(ByteSize::bytes(3000))).await.unwrap();
    assert_eq!(kept().await, [saved[2], lone]);
    store.collect(&Retention::default().max_age(std::time::Duration::from_hours(1))).await.unwrap();
    assert_eq!(kept().await, [saved[2], lone]);
    store.collect(&Retention::default().keep_last(0)).await.unwrap();
    assert_eq!(kept().await, [saved[2], lone], "the newest goes only by age or size");
    store.collect(&Retention::default().max_bytes(ByteSize::bytes(0))).await.unwrap();
    assert_eq!(kept().await, []);
}

async fn retention_keeps_the_newest_of_a_name(store: &Store) {
    let mut saved = Vec::new();
    for name in [Some("trained"), None, Some("trained"), Some("trained"), None] {
        let writer = store.begin().await.unwrap();
        // Each of a session of its own.
        let mut record = record(SessionId::new(), &[]);
        record.info.name = name.map(str::to_owned);
        writer.publish_checkpoint(&record).await.unwrap();
        saved.push(record.info.id);
    }
    let kept = async || -> Vec<CheckpointId> {
        let records = store.checkpoints().await.unwrap();
        records.into_iter().map(|record| record.info.id).filter(|id| saved.contains(id)).collect()
    };
    store.collect(&Retention::default().keep_last(1)).await.unwrap();
    assert_eq!(kept().await, saved, "each is the only one of its session");
    let expired = store.expired(&Retention::default().keep_named(2)).await.unwrap();
    assert_eq!(expired.checkpoints.iter().map(|info| info.id).collect::<Vec<_>>(), [saved[0]]);
    store.collect(&Retention::default().keep_named(0)).await.unwrap();
    assert_eq!(kept().await, [saved[1], saved[3], saved[4]]);
    for id in kept().await {
        store.delete_checkpoint(&id).await.unwrap();
    }
}
