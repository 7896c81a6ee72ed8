//! An engine that stands still while a sandbox begins or ends: it is given up within the bounds, wherever it does.

use std::time::{Duration, Instant};

use hibernaculum_backend_docker::Transport;
use hibernaculum_core::{Error, Sandbox, SandboxSpec};

use crate::proxy::{Mode, Proxy};
use crate::scene::{builder, containers, engine, fresh, marked, refused, until_gone, within};

crate::tests![
    an_engine_that_stalls_before_anything_is_asked_is_given_up,
    an_engine_that_stalls_once_the_container_runs_is_given_up,
    closing_at_an_engine_that_stalls_comes_to_an_end,
];

/// How long a start may take here.
const START: Duration = Duration::from_secs(2);
/// How much later than it may a failure is told.
const SLACK: Duration = Duration::from_secs(10);

fn too_late(error: &Error, began: Instant) {
    assert_eq!(error.code(), "sandbox.start_timeout", "{error}");
    assert!(began.elapsed() < START + SLACK, "{:?}", began.elapsed());
}

async fn an_engine_that_stalls_before_anything_is_asked_is_given_up() {
    let proxy = Proxy::start();
    let backend = builder().host(proxy.host()).start_timeout(START).build().await.unwrap();
    proxy.set(Mode::Stall);
    let began = Instant::now();
    // The second one waits for what the first asks.
    let both = async {
        tokio::join!(
            Sandbox::create(&backend, SandboxSpec::default()),
            Sandbox::create(&backend, SandboxSpec::default())
        )
    };
    let (one, other) = within(both).await;
    too_late(&refused(one), began);
    assert_eq!(refused(other).code(), "sandbox.start_timeout");
    assert!(began.elapsed() < 2 * START + SLACK, "{:?}", began.elapsed());
}

/// Waits until a container with this label runs.
async fn runs(label: &str) {
    loop {
        for name in containers(label).await {
            let found = engine().inspect_container(name.trim_start_matches('/'), None).await;
            if found.is_ok_and(|found| found.state.is_some_and(|state| state.running == Some(true))) {
                return;
            }
        }
    }
}

async fn an_engine_that_stalls_once_the_container_runs_is_given_up() {
    let proxy = Proxy::start();
    let build = builder().host(proxy.host()).transport(Transport::Socket).start_timeout(START);
    let backend = build.build().await.unwrap();
    Sandbox::create(&backend, SandboxSpec::default()).await.unwrap().close().await.unwrap();
    let (mut spec, label) = marked(&fresh("stalled"));
    // It takes so long to boot that there is time to stall.
    spec.preload = ["numpy", "asyncio", "multiprocessing", "sqlite3"].map(str::to_owned).to_vec();
    let making = tokio::spawn({
        let backend = backend.clone();
        async move { Sandbox::create(&backend, spec).await }
    });
    within(runs(&label)).await;
    proxy.set(Mode::Stall);
    let began = Instant::now();
    too_late(&refused(within(making).await.unwrap()), began);
    proxy.set(Mode::Pass);
    until_gone(&label).await;
}

async fn closing_at_an_engine_that_stalls_comes_to_an_end() {
    let proxy = Proxy::start();
    let backend = builder().host(proxy.host()).transport(Transport::Socket).build().await.unwrap();
    let (spec, label) = marked(&fresh("closing"));
    let sandbox = Sandbox::create(&backend, spec).await.unwrap();
    proxy.set(Mode::Stall);
    let began = Instant::now();
    let _ = within(sandbox.close()).await;
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    proxy.set(Mode::Pass);
    until_gone(&label).await;
}
