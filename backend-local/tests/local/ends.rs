//! However a host ends, nothing of its sandboxes is left.

use hibernaculum_core::Sandbox;

use crate::host::Host;
use crate::scene::{Scene, is_alive, refused, until, within};

/// Starts a host with daemons in its sandbox; gives it with their process ids.
async fn with_daemons(scene: &Scene, role: &str) -> (Host, Vec<i32>) {
    let mut host = Host::start(scene, role);
    let report = host.report();
    let daemons: Vec<i32> = report["daemons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pid| i32::try_from(pid.as_i64().unwrap()).unwrap())
        .collect();
    assert_eq!(daemons.len(), 3);
    assert!(daemons.iter().all(|pid| is_alive(*pid)), "the control: they run");
    until("the control: keeper, supervisor, session and daemons are found", || {
        let found = scene.processes();
        if found.len() >= 6 { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    assert!(!scene.sockets().is_empty(), "the control: its socket is found");
    (host, daemons)
}

async fn until_gone(scene: &Scene, daemons: &[i32]) {
    scene.until_deserted().await;
    let alive = || daemons.iter().filter(|pid| is_alive(**pid)).collect::<Vec<_>>();
    until("the daemons without a mark are gone too", || none(&alive())).await;
}

/// What is left to a host that had no time to tidy up: its files wait for the next one.
async fn swept_by_the_next_host(scene: &Scene, daemons: &[i32]) {
    until_gone(scene, daemons).await;
    until("nobody listens", || none(&scene.sockets())).await;
    let next = scene.backend();
    until("the next host is alone", || none(scene.hosts().get(1..).unwrap_or_default())).await;
    drop(next);
    scene.until_tidy().await;
}

fn none<T: std::fmt::Debug>(found: &[T]) -> Result<(), String> {
    if found.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
}

#[tokio::test]
async fn nothing_survives_kill_minus_9_of_the_host() {
    let scene = Scene::new();
    let (host, daemons) = with_daemons(&scene, "kill").await;
    assert_eq!(scene.sandbox_directories().len(), 1, "the control: the sandbox's directory is found");
    host.kill_minus_9();
    until("the keeper has removed the sandbox's directory", || none(&scene.sandbox_directories())).await;
    swept_by_the_next_host(&scene, &daemons).await;
}

#[tokio::test]
async fn nothing_survives_a_host_that_forgets_its_handles() {
    let scene = Scene::new();
    let (host, daemons) = with_daemons(&scene, "forget").await;
    assert!(host.end().await.success());
    swept_by_the_next_host(&scene, &daemons).await;
}

#[tokio::test]
async fn nothing_survives_a_panic() {
    let scene = Scene::new();
    let (host, daemons) = with_daemons(&scene, "panic").await;
    assert!(!host.end().await.success());
    assert_eq!(scene.processes(), [], "all had ended before the host did");
    assert_eq!(scene.hosts(), Vec::<std::path::PathBuf>::new());
    until_gone(&scene, &daemons).await;
}

#[tokio::test]
async fn nothing_survives_drop() {
    let scene = Scene::new();
    let (host, daemons) = with_daemons(&scene, "drop").await;
    assert!(host.end().await.success());
    assert_eq!(scene.processes(), [], "all had ended before the host did");
    assert_eq!(scene.hosts(), Vec::<std::path::PathBuf>::new());
    until_gone(&scene, &daemons).await;
}

#[tokio::test]
async fn nothing_survives_close() {
    let scene = Scene::new();
    let (host, daemons) = with_daemons(&scene, "close").await;
    assert!(host.end().await.success());
    assert_eq!(scene.processes(), []);
    assert_eq!(scene.hosts(), Vec::<std::path::PathBuf>::new());
    until_gone(&scene, &daemons).await;
}

/// A runner that claims to be ready, is deaf to the end of its lifeline, and whose processes hide: the host ends it without its help.
#[tokio::test]
async fn a_keeper_that_does_not_do_its_work_is_done_without() {
    let scene = Scene::new();
    let deaf = scene.fake_python(
        "setsid sleep 600 & setsid env -i /bin/sleep 600 &\n\
         echo 'hibernaculum-ready {\"pid\":1,\"python\":\"3.11.7\"}'; exec >/dev/null; trap '' TERM HUP INT\n\
         while :; do sleep 600; done",
    );
    let backend = scene.builder().python(deaf).build().unwrap();
    let error = refused(&backend, scene.spec().build().unwrap()).await;
    assert_eq!(error.code(), "transport.broken", "nobody listens: {error}");
    assert_eq!(scene.processes(), [], "all had ended when the error was given");
    drop(backend);
    scene.until_tidy().await;
}

#[tokio::test]
async fn a_creation_that_is_given_up_leaves_nothing() {
    let scene = Scene::new();
    let backend = scene.backend();
    within(scene.sandbox(&backend).await.close()).await.unwrap();
    // Dropped at ever later points of the start.
    for delay in (0..60).step_by(4) {
        let creating = Sandbox::create(&backend, scene.spec().build().unwrap());
        let _ = tokio::time::timeout(std::time::Duration::from_millis(delay), creating).await;
    }
    scene.until_deserted().await;
    drop(backend);
    scene.until_tidy().await;
}
