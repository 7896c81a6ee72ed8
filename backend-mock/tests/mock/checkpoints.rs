//! Live checkpoints and branches of the scripted namespace.

use hibernaculum_backend_mock::{Crash, Ending, Matcher, Script, when};
use hibernaculum_core::{CheckpointKind, CheckpointRequest, Session};

use crate::scene::scene;

/// Adds one to `n`, which a rule has bound before.
fn script() -> Script {
    let counts = |n: i64| when(format!("n = {n}")).binds("n", n).any_times();
    Script::any_order([
        counts(1),
        counts(2),
        counts(3),
        when("n").value_of("n").any_times(),
        when(Matcher::contains("exit")).crashes(Crash::Exit(3)).any_times(),
        when("'n' in globals()")
            .computes(|scene| Ending::Value(scene.value_of("n").is_some().into()))
            .any_times(),
    ])
}

async fn n(session: &Session) -> serde_json::Value {
    session.execute("n").await.unwrap().json().cloned().unwrap_or_default()
}

fn live() -> CheckpointRequest {
    CheckpointRequest::new(CheckpointKind::Live)
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_back_and_branches_go_their_own_ways() {
    let scene = scene(script()).await;
    scene.session.execute("n = 1").await.unwrap();
    let checkpoint = scene.session.checkpoint(live().name("one")).await.unwrap();
    scene.session.execute("n = 2").await.unwrap();
    let branch = scene.session.branch(&checkpoint.id).await.unwrap();
    assert_eq!((n(&scene.session).await, n(&branch).await), (2.into(), 1.into()));
    branch.execute("n = 3").await.unwrap();
    assert_eq!(scene.session.namespace().get("n").await.unwrap(), 2);
    scene.session.restore(&checkpoint.id).await.unwrap();
    assert_eq!((n(&scene.session).await, n(&branch).await), (1.into(), 3.into()));
    assert_eq!(scene.session.info().await.unwrap().checkpoint, Some(checkpoint.id));
    branch.close().await.unwrap();
    assert_eq!(scene.complaints().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_outlives_a_crash_and_ends_when_it_is_deleted() {
    let scene = scene(script()).await;
    scene.session.execute("n = 1").await.unwrap();
    let checkpoint = scene.session.checkpoint(live()).await.unwrap();
    scene.session.execute("exit").await.unwrap();
    assert_eq!(scene.session.execute("'n' in globals()").await.unwrap().json(), Some(&false.into()));
    scene.session.restore(&checkpoint.id).await.unwrap();
    assert_eq!(n(&scene.session).await, 1);
    let listed = scene.session.checkpoints().await.unwrap();
    assert_eq!(listed.iter().map(|info| info.id).collect::<Vec<_>>(), [checkpoint.id]);
    scene.session.backend().delete_checkpoint(&checkpoint.id).await.unwrap();
    assert_eq!(scene.session.restore(&checkpoint.id).await.unwrap_err().code(), "checkpoint.unknown");
    assert_eq!(scene.session.branch(&checkpoint.id).await.unwrap_err().code(), "checkpoint.unknown");
    assert_eq!(scene.complaints().await, Vec::<String>::new());
}
