//! What is published is whole or not there, wherever the host or the storage ends.

use std::sync::Arc;

use hibernaculum_core::{CheckpointStore, Retention, SessionId};

use super::faulty::Faulty;
use super::{contents, noise, save};
use crate::Store;

#[tokio::test]
async fn a_save_that_ends_anywhere_leaves_the_previous_checkpoint_whole() {
    for loses_answers in [false, true] {
        let mut published = false;
        for calls in 0..32 {
            let faulty = Arc::new(Faulty::new(loses_answers));
            let store = Store::over(Arc::clone(&faulty) as _, "faulty".to_owned());
            let session = SessionId::new();
            let first = save(&store, session, &[noise(1, 1000), noise(2, 1000)]).await.unwrap();
            faulty.allow(calls);
            let second = save(&store, session, &[noise(1, 1000), noise(3, 1000)]).await;
            faulty.allow(u64::MAX);
            published = second.is_ok();
            assert_eq!(contents(&store, &first.info.id).await.unwrap(), [noise(1, 1000), noise(2, 1000)]);
            let records = store.checkpoints().await.unwrap();
            match &second {
                Ok(second) => assert_eq!(records.last(), Some(second)),
                Err(error) => assert_eq!(error.code(), "checkpoint.store"),
            }
            // Whatever is listed can be read: all of it.
            for record in &records {
                contents(&store, &record.info.id).await.unwrap();
            }
            assert_eq!(records.len() > 1, second.is_ok() || (loses_answers && records.len() == 2), "{calls}");
            store.collect(&Retention::default()).await.unwrap();
        }
        assert!(published, "no save came to its end: the count is too small to prove anything");
    }
}

#[tokio::test]
async fn a_collection_that_ends_anywhere_removes_nothing_that_is_needed() {
    for calls in 0..40 {
        let faulty = Arc::new(Faulty::new(false));
        let store = Store::over(Arc::clone(&faulty) as _, "faulty".to_owned());
        let session = SessionId::new();
        let old = save(&store, session, &[noise(1, 1000), noise(2, 1000)]).await.unwrap();
        let new = save(&store, session, &[noise(1, 1000), noise(3, 1000)]).await.unwrap();
        faulty.allow(calls);
        let collected = store.collect(&Retention::default().keep_last(1)).await;
        faulty.allow(u64::MAX);
        assert_eq!(contents(&store, &new.info.id).await.unwrap(), [noise(1, 1000), noise(3, 1000)]);
        if let Err(error) = collected {
            assert_eq!(error.code(), "checkpoint.store");
        }
        if let Ok(old) = contents(&store, &old.info.id).await {
            assert_eq!(old, [noise(1, 1000), noise(2, 1000)]);
        }
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_says_what_and_where() {
    let faulty = Arc::new(Faulty::new(false));
    let store = Store::over(Arc::clone(&faulty) as _, "/mnt/dens".to_owned());
    faulty.allow(0);
    let error = store.checkpoints().await.unwrap_err();
    assert_eq!(error.code(), "checkpoint.store");
    assert_eq!(error.retry(), hibernaculum_core::Retry::Safe);
    let what = error.to_string();
    assert!(what.contains("`/mnt/dens`") && what.contains("the storage is gone"), "{what}");
}
