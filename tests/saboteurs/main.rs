//! The suite, tested itself: every saboteur, a backend that breaks one promise, must turn its case red.

use std::sync::Arc;

use hibernaculum::LocalBackend;
use hibernaculum_testkit::saboteur;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn every_saboteur_is_caught_by_the_case_that_it_breaks() {
    let permits = Arc::new(Semaphore::new(4));
    let mut trials = JoinSet::new();
    for saboteur in saboteur::all() {
        let permits = Arc::clone(&permits);
        trials.spawn(async move {
            let _permit = permits.acquire().await;
            // Of its own: what one of them leaves behind is not there for another that breaks the same case.
            let backend = LocalBackend::builder().build().unwrap();
            saboteur.is_caught(&backend).await
        });
    }
    let escaped: Vec<String> = trials.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!(escaped.is_empty(), "{} got away:\n{}", escaped.len(), escaped.join("\n"));
}
