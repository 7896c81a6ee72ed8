//! Starts that go wrong at the service: what is built fails, what was started is stopped, what says that it is started does not answer.

use std::time::Duration;

use hibernaculum_core::{Error, HostLoss, Sandbox, SandboxId, SandboxSpec, Session};
use hibernaculum_testkit::daytona::{Fault, Faults, On, StandInConfig, When};

use crate::scene::{Scene, within};

const START: &str = "POST /sandbox/{sandboxIdOrName}/start";

fn on(fault: Fault, operation: &str, when: When) -> Faults {
    Faults::none().with(fault, On::Operation(operation.to_owned()), when)
}

async fn answers(session: &Session) {
    assert_eq!(within(session.execute("6 * 7")).await.unwrap().value().unwrap().repr, "42");
}

/// The directories that a sandbox's lives have left: the stand-in's sandboxes share this machine's `/tmp`.
fn left_behind(sandbox: SandboxId) -> Vec<std::path::PathBuf> {
    let mine = format!("{sandbox}-");
    let entries = std::fs::read_dir("/tmp").unwrap().filter_map(Result::ok);
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&mine))
        .map(|entry| entry.path())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_cannot_be_made_is_told_with_the_services_reason_and_deleted() {
    for (image, reason, told) in [
        (Some("no-such/image:9"), "pull access denied", "`build_failed`: pull access denied"),
        (None, "no space left on the runner", "`error`: no space left on the runner"),
        (None, "", "`error`: the service gives no reason"),
    ] {
        let fault = Fault::Fails { reason: reason.to_owned() };
        let config =
            StandInConfig { faults: on(fault, "POST /sandbox", When::next(1)), ..StandInConfig::default() };
        let scene = Scene::of(config, |builder| match image {
            Some(image) => builder.image(image),
            None => builder,
        })
        .await;
        let error = scene.create().await.unwrap_err();
        assert_eq!(error.code(), "sandbox.start", "{error}");
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(scene.asked("POST /sandbox").len(), 1, "what has failed is not ordered again");
        assert_eq!(scene.sandboxes(), [""; 0], "it is gone when the error is told");
        // The next is made as if nothing had been.
        let (sandbox, session) = scene.session().await;
        answers(&session).await;
        within(sandbox.close()).await.unwrap();
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_is_stopped_while_the_runner_is_on_its_way_in_is_started_again() {
    for operation in [
        "GET /work-dir",
        "POST /files/folder",
        "POST /process/session",
        "POST /files/bulk-upload",
        "POST /process/session/{sessionId}/exec",
        "GET /process/session/{sessionId}/command/{commandId}",
    ] {
        let scene = Scene::with_faults(on(Fault::StopDuringCall, operation, When::next(1))).await;
        let sandbox = scene.create().await.unwrap_or_else(|error| panic!("{operation}: {error}"));
        assert_eq!(scene.asked("POST /sandbox").len(), 1, "{operation}: it is the same sandbox");
        assert_eq!(scene.asked(START).len(), 1, "{operation}");
        let session = within(sandbox.session()).await.unwrap();
        answers(&session).await;
        let left = left_behind(sandbox.id());
        assert_eq!(left.len(), 1, "{operation}: what the first life left is gone: {left:?}");
        assert!(!left[0].join("boot").exists(), "{operation}: the secret was in it");
        within(sandbox.close()).await.unwrap();
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_is_stopped_as_the_tunnel_is_reached_is_started_again() {
    let faults = Faults::none().with(Fault::StopDuringCall, On::Proxy, When::Counted { skip: 1, times: 1 });
    let scene = Scene::with_faults(faults).await;
    let (sandbox, session) = scene.session().await;
    answers(&session).await;
    assert_eq!(scene.asked("POST /sandbox").len(), 1);
    assert!(!scene.asked(START).is_empty());
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_is_stopped_on_every_way_in_is_left_to_whoever_means_it() {
    let scene =
        Scene::with_faults(on(Fault::StopDuringCall, "POST /files/bulk-upload", When::always())).await;
    let error = scene.create().await.unwrap_err();
    assert_eq!(error.code(), "sandbox.start", "{error}");
    assert!(error.to_string().contains("started again 3 times"), "{error}");
    assert_eq!((scene.asked("POST /sandbox").len(), scene.asked(START).len()), (1, 3));
    assert_eq!(scene.sandboxes(), [""; 0]);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_somebody_deletes_on_the_way_in_is_told_as_deleted() {
    // The upload is answered slowly enough for somebody else to be quicker.
    let slow = Fault::NoAnswer { after: Duration::from_secs(2) };
    let scene = Scene::with_faults(on(slow, "POST /files/bulk-upload", When::next(1))).await;
    let deleting = async {
        while scene.asked("GET /work-dir").is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        while scene.service.sandboxes().iter().all(|(id, _)| !scene.service.delete_sandbox(id)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (error, ()) = tokio::join!(scene.create(), within(deleting));
    let error = error.unwrap_err();
    assert_eq!(error.code(), "sandbox.start", "{error}");
    let told = error.to_string();
    assert!(told.contains("knows it no more") || told.contains("`destroy"), "{told}");
    scene.close().await;
}

/// A service at which one sandbox is dead, and says that it is started.
async fn haunted(on: On, start_timeout: Duration) -> (Scene, Error) {
    let faults = Faults::none().with(Fault::Zombie, on, When::next(1));
    let config = StandInConfig { faults, ..StandInConfig::default() };
    let scene = Scene::of(config, |builder| {
        builder.retry_budget(Duration::from_secs(1)).start_timeout(start_timeout)
    })
    .await;
    let error = scene.create().await.unwrap_err();
    assert!(scene.service.requests().iter().any(|request| request.fault.as_deref() == Some("Zombie")));
    assert_eq!(scene.sandboxes(), [""; 0], "it is gone when the error is told");
    (scene, error)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_that_nobody_gets_into_is_told_and_deleted() {
    let (scene, error) = haunted(On::Toolbox, Duration::from_mins(1)).await;
    assert_eq!(error.code(), "sandbox.service", "{error}");
    assert!(error.to_string().contains("502"), "{error}");
    let (sandbox, session) = scene.session().await;
    answers(&session).await;
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_before_its_runner_answers_is_told_within_the_time_of_a_start() {
    let (scene, error) = haunted(On::Proxy, Duration::from_secs(4)).await;
    assert_eq!(error.code(), "sandbox.start_timeout", "{error}");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_in_the_middle_of_a_call_ends_the_call_within_the_window() {
    let scene = Scene::of(StandInConfig::default(), |builder| {
        builder.window(Duration::from_secs(2)).retry_budget(Duration::from_secs(1))
    })
    .await;
    let spec = SandboxSpec::builder().on_host_loss(HostLoss::Kill).build().unwrap();
    let sandbox = within(Sandbox::create(&scene.backend, spec)).await.unwrap();
    let session = within(sandbox.session()).await.unwrap();
    let running = within(session.start("import time; time.sleep(50)")).await.unwrap();
    scene.service.set_faults(Faults::none().with(Fault::Zombie, On::Proxy, When::next(1)));
    scene.service.sever();
    let error = tokio::time::timeout(Duration::from_secs(20), running)
        .await
        .expect("its deadline comes later")
        .unwrap_err();
    assert_eq!(error.code(), "sandbox.lost", "{error}");
    assert!(error.to_string().contains("not reached within 2s"), "{error}");
    assert_eq!(within(session.execute("1")).await.unwrap_err().code(), "sandbox.lost");
    within(sandbox.close()).await.unwrap();
    assert_eq!(scene.sandboxes(), [""; 0]);
    scene.close().await;
}
