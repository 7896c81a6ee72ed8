//! Where a sandbox's toolbox is: told with the sandbox, asked for, or told by nobody.

use std::time::Duration;

use hibernaculum_core::Session;
use hibernaculum_testkit::daytona::{ErrorShape, Fault, Faults, On, StandInConfig, When};

use crate::scene::{Scene, within};

const TOOLBOX_URL: &str = "GET /sandbox/{sandboxId}/toolbox-proxy-url";

async fn silent(faults: Faults) -> Scene {
    let config = StandInConfig { tells_toolbox: false, faults, ..StandInConfig::default() };
    Scene::of(config, |builder| builder.retry_budget(Duration::from_secs(3))).await
}

async fn answers(session: &Session) {
    assert_eq!(within(session.execute("6 * 7")).await.unwrap().value().unwrap().repr, "42");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_told_is_not_asked_for() {
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    answers(&session).await;
    assert!(scene.asked(TOOLBOX_URL).is_empty());
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_told_is_asked_for_in_every_life() {
    let scene = silent(Faults::none()).await;
    let (sandbox, session) = scene.session().await;
    answers(&session).await;
    assert_eq!(scene.asked(TOOLBOX_URL).len(), 1);
    assert!(scene.service.stop_sandbox(&scene.sandboxes().remove(0)));
    within(async {
        while within(session.info()).await.unwrap().crashes == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    answers(&session).await;
    assert_eq!(scene.asked(TOOLBOX_URL).len(), 2, "a sandbox that was started again may be elsewhere");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_for_the_address_that_fails_is_asked_again() {
    for fault in
        [Fault::BadGateway, Fault::TruncatedBody { after: 4 }, Fault::NoAnswer { after: Duration::ZERO }]
    {
        let scene =
            silent(Faults::none().with(fault, On::Operation(TOOLBOX_URL.to_owned()), When::next(1))).await;
        let (sandbox, session) = scene.session().await;
        answers(&session).await;
        assert_eq!(scene.asked(TOOLBOX_URL).len(), 2);
        within(sandbox.close()).await.unwrap();
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_tells_no_address_at_all_is_told_as_such_and_at_once() {
    let unknown = Fault::Refused { status: 404, shape: ErrorShape::Api };
    let scene =
        silent(Faults::none().with(unknown, On::Operation(TOOLBOX_URL.to_owned()), When::always())).await;
    let begun = std::time::Instant::now();
    let error = scene.create().await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(3), "it is not asked for again and again");
    assert_eq!(error.code(), "sandbox.service", "{error}");
    assert!(error.to_string().contains("does not say where the sandbox's toolbox is"), "{error}");
    assert_eq!(scene.sandboxes(), [""; 0], "nothing is left of it");
    scene.close().await;
}
