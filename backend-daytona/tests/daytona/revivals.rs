//! Sandboxes that the service stops, and that are started again: their files are there, and sessions go on as their policies say.

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_checkpoint_store::Store;
use hibernaculum_core::{
    ByteSize, CheckpointKind, CheckpointRequest, CrashCause, ExecutionRequest, ExecutionResult,
    RecoveryPolicy, RestoredFrom, Sandbox, SandboxState, Session, SessionSpec, StateAfter, Status,
};
use hibernaculum_testkit::daytona::{ErrorShape, Fault, Faults, On, StandInConfig, When};

use crate::scene::{Scene, builder, within};

const START: &str = "POST /sandbox/{sandboxIdOrName}/start";
const FOR_LONG: &str = "import time; time.sleep(50)";

async fn with_store() -> Scene {
    Scene::of(StandInConfig::default(), |builder| builder.checkpoint_store(Arc::new(Store::memory()))).await
}

async fn session(sandbox: &Sandbox, recovery: RecoveryPolicy) -> Session {
    within(sandbox.session_with(SessionSpec::default().recovery(recovery))).await.unwrap()
}

async fn value(session: &Session, code: &str) -> String {
    let result = within(session.execute(code)).await.unwrap();
    result.value().map_or_else(|| panic!("{result:?}"), |value| value.repr.clone())
}

/// What became of code that ran as the service stopped the sandbox.
async fn stopped(scene: &Scene, session: &Session) -> ExecutionResult {
    let running = within(session.start(FOR_LONG)).await.unwrap();
    assert!(scene.service.stop_sandbox(&scene.sandboxes().remove(0)));
    let result = within(running).await.unwrap();
    assert_eq!(result.outcome.status, Status::Crashed, "{result:?}");
    let Some(CrashCause::SandboxStopped { problem }) = result.crash() else { panic!("{result:?}") };
    assert!(problem.contains("put it to rest"), "{problem}");
    result
}

/// Waits until a session has heard that its process is gone.
async fn bereaved(session: &Session) {
    within(async {
        while within(session.info()).await.unwrap().crashes == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_files_survive_and_its_sessions_begin_afresh() {
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    let id = session.id();
    within(sandbox.files().write("kept.txt", "here")).await.unwrap();
    within(session.execute("x = 1")).await.unwrap();
    let result = stopped(&scene, &session).await;
    assert_eq!(result.outcome.state, StateAfter::Lost);
    assert_eq!(value(&session, "'x' in globals(), open('kept.txt').read()").await, "(False, 'here')");
    assert_eq!(session.id(), id);
    let text = within(sandbox.files().read("kept.txt", ByteSize::mib(1))).await.unwrap();
    assert_eq!(text, "here", "files have a connection of their own");
    assert_eq!(within(sandbox.info()).await.unwrap().state, SandboxState::Running);
    assert_eq!(scene.asked("POST /sandbox").len(), 1, "it is the same sandbox");
    within(sandbox.close()).await.unwrap();
    assert_eq!(scene.sandboxes(), [""; 0]);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_back_to_its_newest_checkpoint_that_survives() {
    let scene = with_store().await;
    let sandbox = scene.create().await.unwrap();
    let session = session(&sandbox, RecoveryPolicy::FromCheckpoint).await;
    within(session.execute("x = [1]")).await.unwrap();
    let stored = within(session.checkpoint(CheckpointRequest::portable())).await.unwrap();
    within(session.execute("x.append(2)")).await.unwrap();
    // The newer one is in the sandbox's memory.
    within(session.checkpoint(CheckpointRequest::new(CheckpointKind::Live))).await.unwrap();
    let result = stopped(&scene, &session).await;
    assert_eq!(result.outcome.state, StateAfter::Restored { from: RestoredFrom::Portable(stored.id) });
    assert_eq!(value(&session, "x").await, "[1]");
    let left = within(session.checkpoints()).await.unwrap();
    assert_eq!(left.iter().map(|info| info.id).collect::<Vec<_>>(), [stored.id], "the live one is gone");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_recovery_is_crashed_and_its_sandbox_takes_others() {
    let scene = Scene::new().await;
    let sandbox = scene.create().await.unwrap();
    let first = session(&sandbox, RecoveryPolicy::None).await;
    within(sandbox.files().write("kept.txt", "here")).await.unwrap();
    stopped(&scene, &first).await;
    let error = within(first.execute("1")).await.unwrap_err();
    assert_eq!(error.code(), "session.crashed");
    assert!(error.to_string().contains("put it to rest"), "{error}");
    let second = session(&sandbox, RecoveryPolicy::None).await;
    assert_eq!(value(&second, "open('kept.txt').read()").await, "'here'");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_goes_with_its_sandbox_and_that_is_said() {
    let scene = Scene::new().await;
    let sandbox = scene.create().await.unwrap();
    let session = session(&sandbox, RecoveryPolicy::Guard).await;
    within(session.execute("x = 1")).await.unwrap();
    let result = stopped(&scene, &session).await;
    assert_eq!(result.outcome.state, StateAfter::Lost);
    // From then on it guards again.
    within(session.execute("x = 2")).await.unwrap();
    let fallen = within(session.execute("import os; os._exit(3)")).await.unwrap();
    assert!(matches!(fallen.outcome.state, StateAfter::Restored { .. }), "{fallen:?}");
    assert_eq!(value(&session, "x").await, "2");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_is_told_with_its_next_execution() {
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    within(session.execute("x = 1")).await.unwrap();
    assert!(scene.service.stop_sandbox(&scene.sandboxes().remove(0)));
    bereaved(&session).await;
    let result = within(session.execute("'x' in globals()")).await.unwrap();
    assert_eq!(result.value().unwrap().repr, "False");
    let warnings = result.outcome.warnings.join("\n");
    assert!(warnings.contains("the sandbox was stopped"), "{warnings}");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_one_comes_back_as_well() {
    let scene = Scene::of(
        StandInConfig { change: Duration::from_millis(200), ..StandInConfig::default() },
        |builder| builder,
    )
    .await;
    let (sandbox, session) = scene.session().await;
    let id = scene.sandboxes().remove(0);
    assert!(scene.service.stop_sandbox(&id));
    within(async {
        while !scene.service.archive_sandbox(&id) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    bereaved(&session).await;
    assert_eq!(value(&session, "6 * 7").await, "42");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_somebody_else_started_anew_is_entered_again() {
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    let id = scene.sandboxes().remove(0);
    scene.service.cut(hibernaculum_testkit::daytona::Cut::Reset);
    assert!(scene.service.stop_sandbox(&id));
    within(async {
        while !scene.service.start_sandbox(&id) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    scene.service.restore();
    bereaved(&session).await;
    assert_eq!(value(&session, "6 * 7").await, "42");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_stands_still_is_woken_and_nothing_is_lost() {
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    let code = "import time\nfor n in range(30):\n    print(n)\n    time.sleep(0.02)\n6 * 7";
    let running = within(session.start(code)).await.unwrap();
    assert!(scene.service.pause_sandbox(&scene.sandboxes().remove(0)));
    within(async {
        while !scene.service.sandboxes().iter().any(|(_, state)| state == "paused") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    // Whoever stands still does not answer; that is noticed where a connection breaks.
    scene.service.sever();
    let result = within(running).await.unwrap();
    assert!(!scene.asked(START).is_empty(), "it was woken by us");
    let lines: Vec<_> = (0..30).map(|n| n.to_string()).collect();
    assert_eq!(result.stdout.text.lines().collect::<Vec<_>>(), lines);
    assert_eq!(result.value().unwrap().repr, "42");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_about_to_stand_still_is_not_taken_for_stopped() {
    let config = StandInConfig { change: Duration::from_millis(500), ..StandInConfig::default() };
    let scene = Scene::of(config, |builder| builder).await;
    let (sandbox, session) = scene.session().await;
    within(session.execute("x = 40")).await.unwrap();
    let running = within(session.start("import time; time.sleep(1); x += 2; x")).await.unwrap();
    assert!(scene.service.pause_sandbox(&scene.sandboxes().remove(0)));
    // While it is `pausing` nobody is let in.
    scene.service.sever();
    let result = within(running).await.unwrap();
    assert_eq!(result.value().unwrap_or_else(|| panic!("{result:?}")).repr, "42");
    assert!(!scene.asked(START).is_empty(), "it was woken by us");
    assert_eq!(value(&session, "x").await, "42");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_of_before_that_lives_on_is_not_taken_for_the_new_one() {
    const SUPERVISOR: &str = "import os; os.getppid()";
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    let before = value(&session, SUPERVISOR).await;
    let command = On::Operation("GET /process/session/{sessionId}/command/{commandId}".to_owned());
    let forgotten = Fault::Refused { status: 404, shape: ErrorShape::Daemon };
    scene.service.set_faults(Faults::none().with(forgotten, command, When::next(1)).with(
        Fault::BadGateway,
        On::Proxy,
        When::next(8),
    ));
    scene.service.sever();
    bereaved(&session).await;
    assert_ne!(value(&session, SUPERVISOR).await, before);
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_stopped_again_and_again_is_left_to_whoever_means_it() {
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    for _ in 0..3 {
        stopped(&scene, &session).await;
        assert_eq!(value(&session, "1").await, "1");
    }
    let running = within(session.start(FOR_LONG)).await.unwrap();
    assert!(scene.service.stop_sandbox(&scene.sandboxes().remove(0)));
    // Everything in it is killed, and whose end is told first is up to the moment: that of the code, or that of all.
    match within(running).await {
        Ok(result) => assert_eq!(result.status(), Status::Crashed),
        Err(error) => assert_eq!(error.code(), "sandbox.lost", "{error}"),
    }
    let error = within(session.execute("1")).await.unwrap_err();
    assert_eq!(error.code(), "sandbox.lost", "{error}");
    assert!(error.to_string().contains("started again 3 times"), "{error}");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_start_is_refused_because_it_has_been_started_goes_on() {
    let config = StandInConfig { starts_twice: false, ..StandInConfig::default() };
    let scene = Scene::of(config, |builder| builder).await;
    let (sandbox, session) = scene.session().await;
    scene.service.set_faults(Faults::none().with(
        Fault::AnswerLost,
        On::Operation(START.to_owned()),
        When::next(1),
    ));
    stopped(&scene, &session).await;
    assert_eq!(value(&session, "6 * 7").await, "42");
    let answers: Vec<_> = scene.asked(START).iter().map(|request| request.status).collect();
    assert_eq!((answers.first(), answers.last()), (Some(&Some(502)), Some(&Some(400))));
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_state_a_gateway_withholds_is_started_again() {
    // It is `stopping` for a while, and its supervisor is the first to go.
    let config = StandInConfig { change: Duration::from_secs(1), ..StandInConfig::default() };
    let scene = Scene::of(config, |builder| builder).await;
    let (sandbox, session) = scene.session().await;
    let code = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\nos.kill(os.getppid(), 9)\ntime.sleep(50)";
    let running = within(session.start(code)).await.unwrap();
    let read = On::Operation("GET /sandbox/{sandboxIdOrName}".to_owned());
    scene.service.set_faults(Faults::none().with(Fault::BadGateway, read, When::next(1)));
    within(sandbox.files().write("go", "")).await.unwrap();
    assert!(scene.service.stop_sandbox(&scene.sandboxes().remove(0)));
    let result = within(running).await.unwrap();
    assert!(matches!(result.crash(), Some(CrashCause::SandboxStopped { .. })), "{result:?}");
    assert_eq!(value(&session, "6 * 7").await, "42");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_started_again_is_lost_with_both_reasons() {
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    let refused = Fault::Refused { status: 403, shape: ErrorShape::Api };
    scene.service.set_faults(Faults::none().with(refused, On::Operation(START.to_owned()), When::always()));
    stopped(&scene, &session).await;
    let error = within(session.execute(FOR_LONG)).await.unwrap_err();
    assert_eq!(error.code(), "sandbox.lost", "{error}");
    let told = error.to_string();
    assert!(told.contains("put it to rest") && told.contains("could not be started again"), "{told}");
    within(sandbox.close()).await.unwrap();
    assert_eq!(scene.sandboxes(), [""; 0]);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_closed_on_its_way_back_is_closed() {
    let scene =
        Scene::of(StandInConfig { change: Duration::from_secs(2), ..StandInConfig::default() }, |builder| {
            builder
        })
        .await;
    let (sandbox, session) = scene.session().await;
    assert!(scene.service.stop_sandbox(&scene.sandboxes().remove(0)));
    let request = ExecutionRequest::new("1").timeout(Duration::from_millis(500));
    // It may have begun before the stop; after it, it waits.
    let late = within(session.execute(request)).await.unwrap();
    assert!(late.outcome.timings.total < Duration::from_secs(2), "its deadline holds meanwhile: {late:?}");
    within(sandbox.close()).await.unwrap();
    assert_eq!(scene.sandboxes(), [""; 0]);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_came_back_can_still_be_handed_on() {
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    stopped(&scene, &session).await;
    within(session.execute("x = 5")).await.unwrap();
    let session = session.keep();
    within(sandbox.release()).await.unwrap();
    let next = builder(&scene.service).build().unwrap();
    let sandbox = within(async {
        loop {
            if let Some(sandbox) = Sandbox::adopt(&next).await.unwrap().pop() {
                return sandbox;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let session = Session::of(&next, session);
    assert_eq!(value(&session, "x").await, "5");
    // What was adopted is started again as well.
    stopped(&scene, &session).await;
    assert_eq!(value(&session, "'x' in globals()").await, "False");
    session.keep();
    within(sandbox.close()).await.unwrap();
    drop(next);
    scene.close().await;
}
