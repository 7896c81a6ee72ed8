//! Guards that end before they can take over: what the session's policy says comes to pass all the same.

use std::fs;
use std::time::Duration;

use hibernaculum_core::{
    CheckpointKind, CheckpointRequest, EventKind, Execution, ExecutionRequest, RecoveryPolicy, RestoredFrom,
    Sandbox, Session, SessionSpec, StateAfter, Status, TransactionPolicy, TransactionScope,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::scene::{Scene, run, value, within};

const CAREFUL: TransactionPolicy = TransactionPolicy::CommitOnSuccess { scope: TransactionScope::Memory };

/// Begins code that waits, in a transaction, and gives the process of the session and that of its guard.
async fn begin(session: &Session) -> (Execution, i32, i32) {
    let pids = value(session, "import os, time; [os.getppid(), os.getpid()]").await;
    let [supervisor, own] = serde_json::from_value(pids).unwrap();
    let before = sessions_under(supervisor);
    let code = "x.append('undone')\nprint('begun', flush=True)\ntime.sleep(600)";
    let mut running = session.start(ExecutionRequest::new(code).transaction(CAREFUL)).await.unwrap();
    while !matches!(within(running.next()).await.unwrap().kind, EventKind::Output { .. }) {}
    let guard = sessions_under(supervisor).into_iter().find(|pid| !before.contains(pid));
    (running, own, guard.expect("a guard stands"))
}

/// The supervisor's children that have a session's page: sessions, and their copies.
fn sessions_under(supervisor: i32) -> Vec<i32> {
    let listed = fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
    let children = listed.split_whitespace().map(|child| child.parse().unwrap());
    let maps = |pid: i32| fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    children.filter(|pid| maps(*pid).contains("/memfd:hibernaculum-ses")).collect()
}

fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// A session whose process ends while its guard stands still, and then the guard ends.
async fn falls_with_its_guard(session: &Session) -> hibernaculum_core::ExecutionResult {
    let (mut running, own, guard) = begin(session).await;
    send(guard, Signal::STOP);
    send(own, Signal::KILL);
    // The host comes for the guard, which does not answer; then it is no more.
    tokio::time::sleep(Duration::from_millis(300)).await;
    send(guard, Signal::KILL);
    within(running.result()).await.unwrap()
}

async fn session_with(sandbox: &Sandbox, recovery: RecoveryPolicy) -> Session {
    let session = sandbox.session_with(SessionSpec::default().recovery(recovery)).await.unwrap();
    run(&session, "x = ['kept']").await;
    session
}

#[tokio::test]
async fn a_session_that_falls_with_its_guard_goes_back_to_its_checkpoint() {
    let scene = Scene::new();
    let sandbox = scene.sandbox(&scene.backend()).await;
    for kind in [CheckpointKind::Portable, CheckpointKind::Live] {
        let session = session_with(&sandbox, RecoveryPolicy::FromCheckpoint).await;
        let kept = session.checkpoint(CheckpointRequest::new(kind)).await.unwrap().id;
        run(&session, "x.append('later')").await;
        let result = falls_with_its_guard(&session).await;
        let from = match kind {
            CheckpointKind::Live => RestoredFrom::Live(kept),
            _ => RestoredFrom::Portable(kept),
        };
        assert_eq!((result.status(), result.state()), (Status::Crashed, &StateAfter::Restored { from }));
        assert_eq!(value(&session, "x").await, serde_json::json!(["kept"]));
        let info = session.info().await.unwrap();
        assert_eq!((info.crashes, info.checkpoint), (1, Some(kept)));
    }
    within(sandbox.close()).await.unwrap();
    scene.until_deserted().await;
}

#[tokio::test]
async fn where_there_is_no_checkpoint_the_state_is_lost_with_its_guard() {
    let scene = Scene::new();
    let sandbox = scene.sandbox(&scene.backend()).await;
    for recovery in [RecoveryPolicy::FromCheckpoint, RecoveryPolicy::FreshOnCrash] {
        let session = session_with(&sandbox, recovery).await;
        let result = falls_with_its_guard(&session).await;
        assert_eq!((result.status(), result.state()), (Status::Crashed, &StateAfter::Lost), "{recovery:?}");
        assert_eq!(value(&session, "'x' in globals()").await, false);
        assert_eq!(session.info().await.unwrap().crashes, 1);
    }
    within(sandbox.close()).await.unwrap();
    scene.until_deserted().await;
}
