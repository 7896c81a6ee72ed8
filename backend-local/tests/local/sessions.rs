//! Sandboxes that are lost, and sessions that do not start.

use hibernaculum_core::{CheckpointRequest, EventKind, SandboxState, SessionSpec};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use crate::scene::{Scene, run, value, within};

#[tokio::test]
async fn a_killed_supervisor_is_a_lost_sandbox() {
    let scene = Scene::new();
    let backend = scene.backend();
    let sandbox = scene.sandbox(&backend).await;
    let session = sandbox.session().await.unwrap();
    let other = scene.sandbox(&backend).await;
    let bystander = other.session().await.unwrap();
    run(&session, "import subprocess; p = subprocess.Popen(['setsid', 'sleep', '600'])").await;
    let supervisor = value(&session, "import os; os.getppid()").await.as_i64().unwrap();
    kill_process(Pid::from_raw(i32::try_from(supervisor).unwrap()).unwrap(), Signal::KILL).unwrap();

    // At once, and several at a time: most of them before control has told of the death.
    let opening = async { tokio::join!(sandbox.session(), sandbox.session(), sandbox.session()) };
    let (first, second, third) = within(opening).await;
    for opened in [first, second, third] {
        let error = opened.map(drop).expect_err("there is nobody to fork a session");
        assert_eq!(error.code(), "sandbox.lost", "{}", error.explain());
    }
    let error = within(sandbox.session()).await.unwrap_err();
    assert_eq!(error.code(), "sandbox.lost");
    assert!(error.to_string().contains(&sandbox.id().to_string()), "{error}");
    assert_eq!(within(session.execute("1")).await.unwrap_err().code(), "sandbox.lost");
    assert_eq!(sandbox.info().await.unwrap().state, SandboxState::Lost);
    assert_eq!(value(&bystander, "1 + 1").await, 2, "the control: another sandbox goes on");
    within(other.close()).await.unwrap();
    scene.until_deserted().await;
    within(sandbox.close()).await.unwrap();
}

#[tokio::test]
async fn a_supervisor_that_is_killed_ends_what_runs() {
    let scene = Scene::new();
    let backend = scene.backend();
    let sandbox = scene.sandbox(&backend).await;
    let session = sandbox.session().await.unwrap();
    let code = "import os, time\nprint(os.getppid(), flush=True)\ntime.sleep(600)";
    let mut running = session.start(code).await.unwrap();
    let mut waiting = session.start("'never begun'").await.unwrap();
    let supervisor = loop {
        if let EventKind::Output { text, .. } = within(running.next()).await.unwrap().kind {
            break text.trim().parse().unwrap();
        }
    };
    kill_process(Pid::from_raw(supervisor).unwrap(), Signal::KILL).unwrap();

    let ended = [within(running.result()).await, within(waiting.result()).await];
    assert_eq!(ended.map(|ended| ended.unwrap_err().code()), ["sandbox.lost"; 2]);
    assert_eq!(within(session.execute("1")).await.unwrap_err().code(), "sandbox.lost");
    within(sandbox.close()).await.unwrap();
    scene.until_deserted().await;
}

#[tokio::test]
async fn a_session_that_cannot_start_says_why() {
    let scene = Scene::new();
    let backend = scene.backend();
    let sandbox = scene.sandbox(&backend).await;
    let first = sandbox.session().await.unwrap();
    let supervisor = value(&first, "import os; os.getppid()").await.as_i64().unwrap();
    let supervisor = Pid::from_raw(i32::try_from(supervisor).unwrap());
    // Room for one more connection, but not for a session's pipes.
    let plenty =
        prlimit(supervisor, Resource::Nofile, Rlimit { current: Some(8), ..getrlimit(Resource::Nofile) })
            .unwrap();
    let error = within(sandbox.session()).await.unwrap_err();
    assert_eq!(error.code(), "session.start");
    assert!(error.to_string().contains("Too many open files"), "{}", error.explain());
    assert_eq!(value(&first, "20 + 22").await, 42, "a session that runs runs on");
    prlimit(supervisor, Resource::Nofile, plenty).unwrap();
    assert_eq!(
        value(&within(sandbox.session()).await.unwrap(), "1").await,
        1,
        "the control: it was that limit"
    );
    within(sandbox.close()).await.unwrap();
}

#[tokio::test]
async fn the_id_of_a_session_that_did_not_start_is_free_when_that_is_told() {
    let scene = Scene::new();
    let sandbox = scene.sandbox(&scene.backend()).await;
    let first = sandbox.session().await.unwrap();
    run(&first, "x = 'kept'").await;
    let supervisor = value(&first, "import os; os.getppid()").await.as_i64().unwrap();
    let supervisor = Pid::from_raw(i32::try_from(supervisor).unwrap());
    let asleep = within(first.hibernate(CheckpointRequest::portable())).await.unwrap();
    let few = Rlimit { current: Some(8), ..getrlimit(Resource::Nofile) };
    for _ in 0..5 {
        let plenty = prlimit(supervisor, Resource::Nofile, few).unwrap();
        let refused = within(sandbox.wake(&asleep.id)).await.unwrap_err();
        assert_eq!(refused.code(), "session.start");
        prlimit(supervisor, Resource::Nofile, plenty).unwrap();
        let again = sandbox.session_with(SessionSpec::default().id(asleep.session));
        within(within(again).await.unwrap().close()).await.unwrap();
    }
    let session = within(sandbox.wake(&asleep.id)).await.unwrap();
    assert_eq!(session.id(), asleep.session, "a woken session keeps its id");
    assert_eq!(value(&session, "x").await, "kept");
    within(sandbox.close()).await.unwrap();
}
