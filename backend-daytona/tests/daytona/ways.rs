//! Which way streams take: the port proxy, or the preview URL.

use std::time::Duration;

use hibernaculum_backend_daytona::Transport;
use hibernaculum_testkit::daytona::StandInConfig;

use crate::scene::{Scene, within};

#[tokio::test(flavor = "multi_thread")]
async fn each_way_can_be_forced() {
    for transport in [Transport::Proxy, Transport::Preview] {
        let scene = Scene::of(StandInConfig::default(), |builder| builder.transport(transport)).await;
        let (sandbox, session) = scene.session().await;
        assert_eq!(within(session.execute("6 * 7")).await.unwrap().value().unwrap().repr, "42");
        let asked = !scene.asked("GET /sandbox/{sandboxIdOrName}/ports/{port}/preview-url").is_empty();
        assert_eq!(asked, transport == Transport::Preview);
        within(sandbox.close()).await.unwrap();
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_lets_no_websocket_through_is_gone_around() {
    let config = StandInConfig { proxies_web_sockets: false, ..StandInConfig::default() };
    let scene = Scene::of(config.clone(), |builder| builder).await;
    let (sandbox, session) = scene.session().await;
    assert_eq!(within(session.execute("6 * 7")).await.unwrap().value().unwrap().repr, "42");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
    // Where the proxy is forced, that is a start which fails.
    let set = |builder: hibernaculum_backend_daytona::DaytonaBackendBuilder| {
        builder.transport(Transport::Proxy).start_timeout(Duration::from_secs(3))
    };
    let scene = Scene::of(config, set).await;
    assert_eq!(scene.create().await.unwrap_err().code(), "sandbox.start_timeout");
    scene.is_empty().await;
    scene.close().await;
}
