//! A sandbox is made once, whatever becomes of the answers; and is gone when its start fails or is given up.

use std::time::Duration;

use hibernaculum_core::{ByteSize, Sandbox, SandboxSpec};
use hibernaculum_testkit::daytona::{Fault, Faults, On, StandInConfig, When};

use crate::scene::{Scene, within};

fn on_create(fault: Fault) -> Faults {
    Faults::none().with(fault, On::Operation("POST /sandbox".to_owned()), When::next(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_answer_is_lost_is_found_again_and_never_doubled() {
    let lost = [
        Fault::AnswerLost,
        Fault::NoAnswer { after: Duration::from_millis(50) },
        Fault::TruncatedBody { after: 20 },
        Fault::StaleCreate,
        Fault::BadGateway,
        Fault::NoRunnerInfo,
        Fault::Conflict,
    ];
    for fault in lost {
        let scene = Scene::with_faults(on_create(fault.clone())).await;
        let sandbox = scene.create().await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(scene.sandboxes().len(), 1, "{fault:?}");
        let made: Vec<_> = scene.asked("POST /sandbox").iter().map(|request| request.body.clone()).collect();
        let names: Vec<_> = made.iter().flatten().map(|body| body["name"].clone()).collect();
        assert!(names.windows(2).all(|pair| pair[0] == pair[1]), "the name is chosen once: {names:?}");
        within(sandbox.close()).await.unwrap();
        scene.is_empty().await;
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guards_against_leaks_are_always_set() {
    let scene = Scene::new().await;
    let spec = SandboxSpec::builder().label("team", "den").build().unwrap();
    let sandbox = within(Sandbox::create(&scene.backend, spec)).await.unwrap();
    let order = scene.asked("POST /sandbox").remove(0).body.unwrap();
    assert_eq!((&order["autoStopInterval"], &order["autoDeleteInterval"]), (&15.into(), &60.into()));
    assert_eq!((&order["ttlMinutes"], &order["networkBlockAll"]), (&1440.into(), &true.into()));
    assert_eq!(order["labels"]["team"], "den");
    assert_eq!(order["labels"]["hibernaculum.sandbox"], sandbox.id().to_string());
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_gave_is_told() {
    let scene = Scene::new().await;
    let sandbox = scene.create().await.unwrap();
    let limits = within(sandbox.info()).await.unwrap().limits;
    assert_eq!((limits.cpus, limits.memory), (Some(1.0), Some(ByteSize::gib(1))));
    assert_eq!((limits.disk, limits.processes), (Some(ByteSize::gib(3)), None));
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_given_up_leaves_nothing() {
    let scene = Scene::new().await;
    for millis in [1, 5, 20, 60, 150, 300] {
        let creating = Sandbox::create(&scene.backend, SandboxSpec::default());
        let given_up = tokio::time::timeout(Duration::from_millis(millis), creating).await;
        drop(given_up); // a sandbox that was quicker is dropped, and ends as well
    }
    scene.is_empty().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_says_why_and_leaves_nothing() {
    let scene = Scene::of(StandInConfig::default(), |builder| builder.python("no-such-python")).await;
    let error = scene.create().await.unwrap_err();
    assert_eq!(error.code(), "sandbox.no_python", "{error}");
    assert!(error.explain().why.contains("no-such-python"));
    assert_eq!(scene.sandboxes(), [""; 0]);
    let scene = Scene::new().await;
    let spec = SandboxSpec::builder().preload(["no_such_module"]).build().unwrap();
    let error = within(Sandbox::create(&scene.backend, spec)).await.unwrap_err();
    assert_eq!(error.code(), "sandbox.preload", "{error}");
    assert_eq!(scene.sandboxes(), [""; 0]);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_answer_is_lost_is_looked_for_and_not_given_twice() {
    let exec = "POST /process/session/{sessionId}/exec";
    let faults = Faults::none().with(Fault::AnswerLost, On::Operation(exec.to_owned()), When::next(1));
    let scene = Scene::with_faults(faults).await;
    let (sandbox, session) = scene.session().await;
    assert_eq!(scene.asked(exec).len(), 1, "it was done, and is not done again");
    assert_eq!(within(session.execute("6 * 7")).await.unwrap().value().unwrap().repr, "42");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}
