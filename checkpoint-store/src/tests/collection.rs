//! Collections beside saves, with a clock that the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use hibernaculum_core::{CheckpointStore, Retention, SessionId};
use jiff::Timestamp;

use super::{contents, noise, record, save};
use crate::Store;

/// A store whose clock stands still until it is moved.
struct Scene {
    store: Store,
    now: Arc<AtomicI64>,
}

impl Scene {
    fn new() -> Self {
        let now = Arc::new(AtomicI64::new(1_800_000_000));
        let clock = Arc::clone(&now);
        let mut store = Store::memory().grace(Duration::from_hours(1));
        store.clock = Arc::new(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap());
        Self { store, now }
    }

    fn pass(&self, hours: i64) {
        self.now.fetch_add(hours * 3600, Ordering::SeqCst);
    }

    async fn collect(&self) -> hibernaculum_core::Collected {
        self.store.collect(&Retention::default()).await.unwrap()
    }
}

#[tokio::test]
async fn what_nothing_needs_goes_in_two_steps() {
    let scene = Scene::new();
    let saved = save(&scene.store, SessionId::new(), &[noise(1, 1000), noise(2, 1000)]).await.unwrap();
    let other = save(&scene.store, SessionId::new(), &[noise(1, 1000)]).await.unwrap();
    assert_eq!(scene.collect().await, hibernaculum_core::Collected::default());
    scene.store.delete_checkpoint(&saved.info.id).await.unwrap();
    let first = scene.collect().await;
    assert_eq!((first.condemned, first.removed), (1, 0));
    let early = scene.collect().await;
    assert_eq!((early.condemned, early.removed), (1, 0));
    scene.pass(2);
    let second = scene.collect().await;
    assert_eq!((second.condemned, second.removed, second.freed.as_u64()), (0, 1, 1000));
    assert_eq!(contents(&scene.store, &other.info.id).await.unwrap(), [noise(1, 1000)]);
}

#[tokio::test]
async fn a_save_that_began_before_the_condemnation_loses_nothing() {
    let scene = Scene::new();
    let session = SessionId::new();
    let parent = save(&scene.store, session, &[noise(1, 1000)]).await.unwrap();
    // The save begins and takes its parent's blob over; then the parent is deleted, and a collection runs.
    let writer = scene.store.begin().await.unwrap();
    let blob = parent.blobs[0].blob.clone();
    assert!(writer.may_reuse(&blob));
    scene.store.delete_checkpoint(&parent.info.id).await.unwrap();
    assert_eq!(scene.collect().await.condemned, 1);
    let child = record(session, &[blob]);
    writer.publish_checkpoint(&child).await.unwrap();
    scene.pass(2);
    let collected = scene.collect().await;
    assert_eq!((collected.removed, collected.condemned), (0, 0));
    assert_eq!(contents(&scene.store, &child.info.id).await.unwrap(), [noise(1, 1000)]);
}

#[tokio::test]
async fn a_save_that_begins_after_the_condemnation_writes_a_copy() {
    let scene = Scene::new();
    let session = SessionId::new();
    let parent = save(&scene.store, session, &[noise(1, 1000)]).await.unwrap();
    scene.store.delete_checkpoint(&parent.info.id).await.unwrap();
    assert_eq!(scene.collect().await.condemned, 1);
    scene.pass(2);
    let writer = scene.store.begin().await.unwrap();
    assert!(!writer.may_reuse(&parent.blobs[0].blob));
    let (blob, was_written) = writer.put(noise(1, 1000)).await.unwrap();
    assert!(was_written && blob.copy.is_some());
    // The collection removes the condemned one between the save's look and its publication.
    assert_eq!(scene.collect().await.removed, 1);
    let child = record(session, &[blob]);
    writer.publish_checkpoint(&child).await.unwrap();
    scene.pass(2);
    assert_eq!(scene.collect().await.removed, 0);
    assert_eq!(contents(&scene.store, &child.info.id).await.unwrap(), [noise(1, 1000)]);
}

#[tokio::test]
async fn what_is_too_old_goes_with_its_snapshot_or_session() {
    let scene = Scene::new();
    let saved = save(&scene.store, SessionId::new(), &[noise(1, 1000)]).await.unwrap();
    let hours = |hours| Retention::default().max_age(Duration::from_hours(hours));
    // By the record's own time, which is the real one.
    scene.now.store(saved.info.created.as_second(), Ordering::SeqCst);
    scene.pass(5);
    assert_eq!(scene.store.collect(&hours(6)).await.unwrap().deleted, 0);
    scene.pass(2);
    assert_eq!(scene.store.collect(&hours(8)).await.unwrap().deleted, 0);
    assert_eq!(scene.store.collect(&hours(6)).await.unwrap().deleted, 1);
    assert_eq!(scene.store.checkpoints().await.unwrap(), []);
}

#[tokio::test]
async fn what_a_killed_program_left_in_a_directory_is_removed_after_the_grace() {
    let scene = tempfile::tempdir().unwrap();
    let hours = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&hours);
    let mut store = Store::directory(scene.path()).unwrap().grace(Duration::from_hours(1));
    store.clock = Arc::new(move || {
        Timestamp::now() + Duration::from_hours(clock.load(Ordering::SeqCst).unsigned_abs())
    });
    let saved = save(&store, SessionId::new(), &[noise(1, 1000)]).await.unwrap();
    let blob = scene.path().join(crate::store::blob_path(&saved.blobs[0].blob).to_string());
    let beside = |number: &str| std::path::PathBuf::from(format!("{}#{number}", blob.display()));
    let record = scene.path().join(format!("checkpoints/{}.record#1", saved.info.id));
    for left in [&beside("1"), &beside("12"), &record] {
        std::fs::write(left, "half").unwrap();
    }
    // Nothing that the store writes.
    let foreign = scene.path().join("draft#2");
    std::fs::write(&foreign, "somebody's").unwrap();
    let early = store.collect(&Retention::default()).await.unwrap();
    assert_eq!((early.removed, record.exists(), beside("1").exists()), (0, true, true));
    hours.store(2, Ordering::SeqCst);
    let collected = store.collect(&Retention::default()).await.unwrap();
    assert_eq!((collected.removed, collected.freed.as_u64()), (3, 12));
    assert_eq!([&beside("1"), &beside("12"), &record].map(|left| left.exists()), [false; 3]);
    assert!(foreign.exists(), "what is not the store's was removed");
    assert_eq!(contents(&store, &saved.info.id).await.unwrap(), [noise(1, 1000)]);
}

#[tokio::test]
async fn a_save_that_was_given_up_leaves_nothing_in_the_end() {
    let scene = Scene::new();
    let writer = scene.store.begin().await.unwrap();
    writer.put(noise(1, 1000)).await.unwrap();
    drop(writer);
    assert_eq!(scene.collect().await.condemned, 1);
    scene.pass(2);
    assert_eq!(scene.collect().await.removed, 1);
    scene.pass(4);
    let last = scene.collect().await;
    assert_eq!((last.condemned, last.removed), (0, 0));
}

/// Saves, deletions and collections at once, on a clock that runs fast: whatever is published can be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn saves_deletions_and_collections_at_once_lose_nothing() {
    /// Blobs that must have been removed under the saves' feet before the test is content.
    const ENOUGH: usize = 30;
    let scene = Arc::new(Scene::new());
    let counts_of: Arc<Vec<AtomicI64>> = Arc::new((0..4).map(|_| AtomicI64::new(0)).collect());
    let is_enough = Arc::new(AtomicBool::new(false));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..counts_of.len() {
        let (scene, counts_of, is_enough) =
            (Arc::clone(&scene), Arc::clone(&counts_of), Arc::clone(&is_enough));
        tasks.spawn(async move {
            let session = SessionId::new();
            let mut round = 0;
            while !is_enough.load(Ordering::SeqCst) {
                // A few contents that all tasks save again and again.
                let pieces = [noise(round / 5 % 4, 500), noise(100 + round % 7, 500)];
                let saved = save(&scene.store, session, &pieces).await.unwrap();
                assert_eq!(contents(&scene.store, &saved.info.id).await.unwrap(), pieces);
                if round % 50 != 0 {
                    scene.store.delete_checkpoint(&saved.info.id).await.unwrap();
                }
                round += 1;
                counts_of[task].fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    // A save may take half the grace: the clock moves by a quarter whenever every task has saved something since, so that no save sees more pass.
    let counts = || counts_of.iter().map(|count| count.load(Ordering::SeqCst)).collect::<Vec<_>>();
    let (mut before, mut removed) = (counts(), 0);
    while removed < ENOUGH && tasks.try_join_next().is_none() {
        let now = counts();
        if now.iter().zip(&before).all(|(now, before)| now > before) {
            scene.now.fetch_add(900, Ordering::SeqCst);
            before = now;
        }
        removed += scene.collect().await.removed;
        tokio::task::yield_now().await;
    }
    is_enough.store(true, Ordering::SeqCst);
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    for record in scene.store.checkpoints().await.unwrap() {
        contents(&scene.store, &record.info.id).await.unwrap();
    }
    assert!(removed >= ENOUGH, "a task ended early");
}
