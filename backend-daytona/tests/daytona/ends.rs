//! How sandboxes end, by our hand and by others'.

use std::time::Duration;

use hibernaculum_core::{CrashCause, HostLoss, Limits, Sandbox, SandboxSpec};
use hibernaculum_testkit::daytona::{Cut, Fault, Faults, On, StandInConfig, When};

use crate::scene::{Scene, within};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_closed_or_dropped_is_deleted_at_the_service() {
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    within(sandbox.close()).await.unwrap();
    assert_eq!(scene.sandboxes(), [""; 0], "close waits until it is gone");
    assert!(within(session.execute("1")).await.is_err());
    drop(scene.session().await);
    scene.is_empty().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_repeated_until_it_is_done() {
    let delete = On::Operation("DELETE /sandbox/{sandboxIdOrName}".to_owned());
    for fault in
        [Fault::Conflict, Fault::BadGateway, Fault::AnswerLost, Fault::NoAnswer { after: Duration::ZERO }]
    {
        let faults = Faults::none().with(fault, delete.clone(), When::next(2));
        let scene = Scene::with_faults(faults).await;
        let sandbox = scene.create().await.unwrap();
        within(sandbox.close()).await.unwrap();
        assert_eq!(scene.sandboxes(), [""; 0]);
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_somebody_else_deletes_is_lost_with_the_reason() {
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    assert!(scene.service.delete_sandbox(&scene.sandboxes()[0]));
    let error = within(session.execute("import time; time.sleep(50)")).await.unwrap_err();
    assert_eq!(error.code(), "sandbox.lost", "{error}");
    let told = error.to_string();
    assert!(told.contains("knows it no more") || told.contains("`destroy"), "{told}");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_is_held_counts_as_used() {
    let scene =
        Scene::of(StandInConfig::default(), |builder| builder.auto_stop(Duration::from_mins(1))).await;
    let sandbox = scene.create().await.unwrap();
    // Three times a minute: the first time is after 20 s, though nobody runs anything.
    within(async {
        while scene.asked("POST /sandbox/{sandboxId}/last-activity").is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_is_stopped_for_want_of_use_is_noticed() {
    // A minute lasts 2 s here: the service stops it long before the first beat of the pulse.
    let config = StandInConfig { minute: Duration::from_secs(2), ..StandInConfig::default() };
    let scene = Scene::of(config, |builder| builder.auto_stop(Duration::from_mins(1))).await;
    let (sandbox, session) = scene.session().await;
    let result = within(session.execute("import time; time.sleep(50)")).await.unwrap();
    assert!(matches!(result.crash(), Some(CrashCause::SandboxStopped { .. })), "{result:?}");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wall_time_ends_a_sandbox_and_says_so() {
    let scene = Scene::new().await;
    let limits = Limits { wall_time: Some(Duration::from_secs(2)), ..Limits::default() };
    let spec = SandboxSpec::builder().limits(limits).build().unwrap();
    let sandbox = within(Sandbox::create(&scene.backend, spec)).await.unwrap();
    let session = within(sandbox.session()).await.unwrap();
    let error = within(session.execute("import time; time.sleep(50)")).await.unwrap_err();
    assert_eq!(error.code(), "sandbox.lost");
    assert!(error.to_string().contains("wall time of 2s"), "{error}");
    assert_eq!(
        scene.asked("POST /sandbox").remove(0).body.unwrap()["ttlMinutes"],
        2,
        "a minute later the service would"
    );
    scene.is_empty().await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_does_not_come_back_ends_the_sandbox_within_the_window() {
    let scene = Scene::of(StandInConfig::default(), |builder| {
        builder.window(Duration::from_secs(1)).retry_budget(Duration::from_secs(1))
    })
    .await;
    // One that outlives its host has a window of its own.
    let spec = SandboxSpec::builder().on_host_loss(HostLoss::Kill).build().unwrap();
    let sandbox = within(Sandbox::create(&scene.backend, spec)).await.unwrap();
    let session = within(sandbox.session()).await.unwrap();
    let running = session.start("import time; time.sleep(50)").await.unwrap();
    scene.service.cut(Cut::Reset);
    let error = tokio::time::timeout(Duration::from_secs(20), running)
        .await
        .expect("its deadline comes later")
        .unwrap_err();
    assert_eq!(error.code(), "sandbox.lost", "{error}");
    scene.service.restore();
    within(sandbox.close()).await.unwrap();
    scene.is_empty().await;
    scene.close().await;
}
