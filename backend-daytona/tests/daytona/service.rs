//! The service itself: not there, not ours, or tired.

use std::time::Duration;

use hibernaculum_backend_daytona::DaytonaBackend;
use hibernaculum_core::error::Retry;
use hibernaculum_core::{Sandbox, SandboxSpec};
use hibernaculum_testkit::daytona::{ErrorShape, Fault, Faults, On, StandIn, StandInConfig, When};

use crate::scene::{Scene, builder, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_explains_itself() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let backend = DaytonaBackend::builder()
        .api_url(format!("http://127.0.0.1:{port}/api"))
        .api_key("dtn_s3cret")
        .retry_budget(Duration::from_millis(200))
        .build()
        .unwrap();
    let error = within(Sandbox::create(&backend, SandboxSpec::default())).await.unwrap_err();
    assert_eq!(error.code(), "sandbox.service");
    assert!(error.to_string().contains("onnection refused"), "{error}");
    assert_eq!(error.retry(), Retry::Safe);
    assert!(!format!("{error:?} {:?}", error.explain()).contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_taken_is_told_without_the_key() {
    let service = StandIn::start(StandInConfig::default()).await.unwrap();
    let backend = builder(&service).api_key("dtn_s3cret").build().unwrap();
    assert_eq!(
        within(builder(&service).provider().unwrap().check()).await.map_err(|error| error.code()),
        Ok(())
    );
    let stranger = builder(&service).api_key("dtn_s3cret").provider().unwrap();
    assert_eq!(within(stranger.check()).await.unwrap_err().code(), "sandbox.service_refused");
    let error = within(Sandbox::create(&backend, SandboxSpec::default())).await.unwrap_err();
    assert_eq!(error.code(), "sandbox.service_refused");
    assert!(error.explain().how.contains("DAYTONA_API_KEY"));
    assert!(error.explain().why.contains("401"), "{}", error.explain().why);
    assert!(!format!("{error:?} {:?}", error.explain()).contains("s3cret"));
    service.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_told_with_the_time_to_wait() {
    let throttled =
        Fault::Throttled { throttler: "sandbox-create".to_owned(), retry_after: Duration::from_secs(70) };
    let create = On::Operation("POST /sandbox".to_owned());
    let scene = Scene::with_faults(Faults::none().with(throttled, create, When::always())).await;
    let error = scene.create().await.unwrap_err();
    assert_eq!(error.code(), "sandbox.service_busy", "{error}");
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(70)));
    assert_eq!(scene.asked("POST /sandbox").len(), 1, "70 s are beyond the budget: nobody waits for nothing");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_that_are_soon_over_are_waited_for() {
    let throttled =
        Fault::Throttled { throttler: "authenticated".to_owned(), retry_after: Duration::from_secs(1) };
    let scene = Scene::with_faults(Faults::none().with(throttled, On::Api, When::next(2))).await;
    let begun = std::time::Instant::now();
    let sandbox = scene.create().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(2), "each of them is waited for: {:?}", begun.elapsed());
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_toolbox_that_stumbles_is_asked_again() {
    for fault in [
        Fault::BadGateway,
        Fault::NoRunnerInfo,
        Fault::AnswerLost,
        Fault::TruncatedBody { after: 3 },
        Fault::NoAnswer { after: Duration::ZERO },
        Fault::SlowBody { piece: 2, pause: Duration::from_millis(2) },
    ] {
        let faults = Faults::none().with(fault.clone(), On::Toolbox, When::next(3));
        let scene = Scene::with_faults(faults).await;
        let sandbox = scene.create().await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        within(sandbox.close()).await.unwrap();
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_refused_is_told_at_once_for_nothing_was_made() {
    for (status, code) in
        [(400, "sandbox.service_refused"), (403, "sandbox.service_refused"), (422, "unsupported")]
    {
        let refused = Fault::Refused { status, shape: ErrorShape::Api };
        let create = On::Operation("POST /sandbox".to_owned());
        let scene = Scene::with_faults(Faults::none().with(refused, create, When::always())).await;
        assert_eq!(scene.create().await.unwrap_err().code(), code);
        let asked: Vec<_> = scene.service.requests().into_iter().map(|request| request.operation).collect();
        assert_eq!(asked, ["POST /sandbox"], "nobody waits for a sandbox that was never made");
        scene.close().await;
    }
}
