//! A container or an engine that goes away, or stands still, in the middle of an execution: told as what it is, within the deadline.

use std::time::{Duration, Instant};

use bollard::query_parameters::KillContainerOptions;
use hibernaculum_backend_docker::Transport;
use hibernaculum_core::{
    Error, EventKind, Execution, ExecutionRequest, Sandbox, SandboxSpec, Session, SessionSpec, Status,
};

use crate::proxy::{Mode, Proxy};
use crate::scene::{builder, container, engine, session, until, value, within};

crate::tests![
    a_container_that_is_killed_is_a_lost_sandbox,
    a_container_that_is_removed_is_a_lost_sandbox,
    a_container_that_stands_still_is_given_up_at_the_deadline,
    an_engine_that_is_cut_off_is_a_lost_sandbox,
    an_engine_that_stalls_is_given_up_at_the_deadline,
    an_engine_that_is_cut_off_harms_no_sandbox_with_a_socket,
    an_engine_that_stalls_at_creation_is_given_up,
];

const SLEEPER: &str = "import time\nprint('ready', flush=True)\ntime.sleep(600)";

/// Starts something that takes long, and waits until it runs.
async fn sleeper(session: &Session, timeout: Duration) -> Execution {
    let mut execution = session.start(ExecutionRequest::new(SLEEPER).timeout(timeout)).await.unwrap();
    while let Some(event) = execution.next().await {
        if matches!(event.kind, EventKind::Output { .. }) {
            return execution;
        }
    }
    panic!("it ended before it was ready: {:?}", execution.error())
}

/// An execution that was lost with its sandbox, and what is said of it afterwards.
async fn lost(execution: Execution, session: &Session) -> Error {
    let began = Instant::now();
    let ended = within(execution).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    if let Ok(result) = &ended {
        assert_ne!(result.status(), Status::Completed);
        assert_eq!(result.state(), &hibernaculum_core::StateAfter::Lost);
    }
    let error = within(session.execute("1")).await.expect_err("the sandbox is gone");
    assert_eq!(error.code(), "sandbox.lost", "{error}");
    error
}

async fn a_container_that_is_killed_is_a_lost_sandbox() {
    let (sandbox, session) = session().await;
    let execution = sleeper(&session, Duration::from_mins(5)).await;
    engine().kill_container(&container(&sandbox), None::<KillContainerOptions>).await.unwrap();
    let error = lost(execution, &session).await;
    assert!(error.to_string().contains("its container was killed"), "{error}");
}

async fn a_container_that_is_removed_is_a_lost_sandbox() {
    let (sandbox, session) = session().await;
    let execution = sleeper(&session, Duration::from_mins(5)).await;
    let force = bollard::query_parameters::RemoveContainerOptionsBuilder::default().force(true).build();
    engine().remove_container(&container(&sandbox), Some(force)).await.unwrap();
    lost(execution, &session).await;
}

async fn a_container_that_stands_still_is_given_up_at_the_deadline() {
    let sandbox = crate::scene::sandbox(SandboxSpec::default()).await;
    let session =
        sandbox.session_with(SessionSpec::default().grace(Duration::from_millis(200))).await.unwrap();
    let execution = sleeper(&session, Duration::from_secs(2)).await;
    engine().pause_container(&container(&sandbox)).await.unwrap();
    let began = Instant::now();
    let ended = within(execution).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    match ended {
        Ok(result) => assert_eq!(result.status(), Status::TimedOut),
        Err(error) => assert_eq!(error.code(), "sandbox.lost", "{error}"),
    }
    within(sandbox.close()).await.unwrap();
    assert!(engine().inspect_container(&format!("hibernaculum-{}", session.id()), None).await.is_err());
}

/// A sandbox whose streams and engine are behind a proxy.
async fn behind(proxy: &Proxy, transport: Transport) -> (Sandbox, Session) {
    let backend = builder().host(proxy.host()).transport(transport).build().await.unwrap();
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session =
        sandbox.session_with(SessionSpec::default().grace(Duration::from_millis(200))).await.unwrap();
    assert_eq!(value(&session, "1 + 1").await, "2", "the control: the way is open");
    (sandbox, session)
}

/// Whatever this side knew of it, nothing of it may be left.
async fn gone(name: String) {
    until("the container is gone", || async {
        match engine().inspect_container(&name, None).await {
            Err(_) => Ok(()),
            Ok(found) => Err(format!("{:?}", found.state)),
        }
    })
    .await;
}

async fn an_engine_that_is_cut_off_is_a_lost_sandbox() {
    let proxy = Proxy::start();
    let (sandbox, session) = behind(&proxy, Transport::Exec).await;
    let name = container(&sandbox);
    let execution = sleeper(&session, Duration::from_mins(5)).await;
    proxy.set(Mode::Cut);
    lost(execution, &session).await;
    // The end of its stdin, which the engine saw, ended it.
    gone(name).await;
}

async fn an_engine_that_stalls_is_given_up_at_the_deadline() {
    let proxy = Proxy::start();
    let (sandbox, session) = behind(&proxy, Transport::Exec).await;
    let name = container(&sandbox);
    let execution = sleeper(&session, Duration::from_secs(2)).await;
    proxy.set(Mode::Stall);
    let began = Instant::now();
    let ended = within(execution).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    match ended {
        Ok(result) => assert_eq!(result.status(), Status::TimedOut),
        Err(error) => assert!(["sandbox.lost", "transport.timeout"].contains(&error.code()), "{error}"),
    }
    proxy.set(Mode::Pass);
    within(sandbox.close()).await.unwrap();
    gone(name).await;
}

async fn an_engine_that_is_cut_off_harms_no_sandbox_with_a_socket() {
    let proxy = Proxy::start();
    let (sandbox, session) = behind(&proxy, Transport::Socket).await;
    let name = container(&sandbox);
    proxy.set(Mode::Stall);
    assert_eq!(value(&session, "6 * 7").await, "42", "an engine that stalls is not in the way");
    proxy.set(Mode::Cut);
    // The sandbox's life hangs on the connection of its stdin: it ends, rather than being left behind.
    gone(name).await;
    let error = within(session.execute("1")).await.expect_err("the sandbox is gone");
    assert_eq!(error.code(), "sandbox.lost", "{error}");
    drop(sandbox);
}

async fn an_engine_that_stalls_at_creation_is_given_up() {
    let proxy = Proxy::start();
    let backend = builder().host(proxy.host()).start_timeout(Duration::from_secs(3)).build().await.unwrap();
    Sandbox::create(&backend, SandboxSpec::default()).await.unwrap().close().await.unwrap();
    proxy.set(Mode::Stall);
    let began = Instant::now();
    let error = within(Sandbox::create(&backend, SandboxSpec::default())).await.expect_err("nobody answers");
    assert_eq!(error.code(), "sandbox.start_timeout", "{error}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    proxy.set(Mode::Pass);
}
