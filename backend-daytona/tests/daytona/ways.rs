//! Which way streams take: the port proxy, or the preview URL.

use std::time::Duration;

use hibernaculum_backend_daytona::Transport;
use hibernaculum_testkit::daytona::{Fault, Faults, On, StandInConfig, When};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_at_the_port_is_not_taken_for_the_runner() {
    let scene = Scene::new().await;
    let neighbour = scene.create().await.unwrap();
    let port = scene.service.requests().iter().find_map(|request| port_of(&request.path)).unwrap();
    let misrouted = |when| Faults::none().with(Fault::Misrouted { port }, On::Proxy, when);
    // Where ours answers a little later, it was somebody else's turn.
    scene.service.set_faults(misrouted(When::next(3)));
    let (sandbox, session) = scene.session().await;
    assert_eq!(within(session.execute("6 * 7")).await.unwrap().value().unwrap().repr, "42");
    // Where it never does, the stranger's word is passed on.
    scene.service.set_faults(misrouted(When::always()));
    let error = scene.create().await.unwrap_err();
    assert_eq!(error.code(), "sandbox.start");
    assert!(error.to_string().contains("does not know the secret"), "{error}");
    scene.service.set_faults(Faults::none());
    within(sandbox.close()).await.unwrap();
    within(neighbour.close()).await.unwrap();
    scene.is_empty().await;
    scene.close().await;
}

/// The port that a request to the port proxy is for.
fn port_of(path: &str) -> Option<u16> {
    path.split_once("/proxy/")?.1.split('/').next()?.parse().ok()
}
