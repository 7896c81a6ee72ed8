//! A container or an engine that goes away, or stands still, in the middle of an execution: told as what it is, within the deadline.

use std::time::{Duration, Instant};

use bollard::query_parameters::KillContainerOptions;
use hibernaculum_backend_docker::Transport;
use hibernaculum_core::{
    Error, EventKind, Execution, ExecutionRequest, RecoveryPolicy, RestoredFrom, Sandbox, SandboxSpec,
    Session, SessionSpec, StateAfter, Status,
};

use crate::proxy::{Mode, Proxy};
use crate::scene::{builder, container, engine, session, until, value, within};

crate::tests![
    a_container_that_is_killed_is_a_lost_sandbox,
    a_container_that_is_removed_is_a_lost_sandbox,
    a_container_that_stands_still_is_given_up_at_the_deadline,
    a_container_that_goes_on_after_the_deadline_is_restored_by_its_guard,
    an_engine_that_is_cut_off_is_a_lost_sandbox,
    an_engine_that_stalls_is_given_up_at_the_deadline,
    an_engine_that_goes_on_after_the_deadline_costs_no_more_than_the_guard_undoes,
    an_engine_that_comes_back_is_heard_anew,
    an_engine_that_is_cut_off_harms_no_sandbox_with_a_socket,
    an_engine_that_stalls_at_creation_is_given_up,
];

const SLEEPER: &str = "import time\nprint('ready', flush=True)\ntime.sleep(600)";

/// Starts something that takes long, and waits until it runs.
async fn sleeper(session: &Session, timeout: Duration) -> Execution {
    begun(session, SLEEPER, timeout).await
}

/// Starts code that prints something and then takes long, and waits until it has printed.
async fn begun(session: &Session, code: &str, timeout: Duration) -> Execution {
    let mut execution = session.start(ExecutionRequest::new(code).timeout(timeout)).await.unwrap();
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
        assert_eq!(result.state(), &StateAfter::Lost);
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
    let (name, execution) = (container(&sandbox), sleeper(&session, Duration::from_secs(2)).await);
    engine().pause_container(&name).await.unwrap();
    let began = Instant::now();
    let ended = within(execution).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    match ended {
        Ok(result) => assert_eq!(result.status(), Status::TimedOut),
        Err(error) => assert_eq!(error.code(), "sandbox.lost", "{error}"),
    }
    within(sandbox.close()).await.unwrap();
    gone(name).await;
}

/// How long code may take whose container or engine stands still, and how long after that it goes on: the session has been killed by then, which nobody
/// has heard yet, and is not given up.
const DEADLINE: Duration = Duration::from_secs(2);
const UNTIL_IT_GOES_ON: Duration = Duration::from_secs(4);

fn guarded() -> SessionSpec {
    SessionSpec::default().grace(Duration::from_millis(200)).recovery(RecoveryPolicy::Guard)
}

/// Holds up what is between this program and the code, beyond its deadline: the session goes on from before.
async fn held_up(session: &Session, stand: impl AsyncFnOnce(), go_on: impl AsyncFnOnce()) {
    assert_eq!(value(session, "x = [41]\nx").await, "[41]");
    let code = "import time\nx.append(0)\nprint('ready', flush=True)\ntime.sleep(600)";
    let execution = begun(session, code, DEADLINE).await;
    let id = execution.id();
    stand().await;
    tokio::time::sleep(UNTIL_IT_GOES_ON).await;
    go_on().await;
    let ended = within(execution).await.unwrap();
    let restored = StateAfter::Restored { from: RestoredFrom::Guard(id) };
    assert_eq!((ended.status(), ended.state()), (Status::TimedOut, &restored));
    assert_eq!(value(session, "x[0] + len(x)").await, "42");
}

async fn a_container_that_goes_on_after_the_deadline_is_restored_by_its_guard() {
    let sandbox = crate::scene::sandbox(SandboxSpec::default()).await;
    let session = sandbox.session_with(guarded()).await.unwrap();
    let name = container(&sandbox);
    let stand = async || engine().pause_container(&name).await.unwrap();
    let go_on = async || engine().unpause_container(&name).await.unwrap();
    held_up(&session, stand, go_on).await;
    within(sandbox.close()).await.unwrap();
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

async fn an_engine_that_goes_on_after_the_deadline_costs_no_more_than_the_guard_undoes() {
    let proxy = Proxy::start();
    let backend = builder().host(proxy.host()).transport(Transport::Exec).build().await.unwrap();
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session_with(guarded()).await.unwrap();
    held_up(&session, async || proxy.set(Mode::Stall), async || proxy.set(Mode::Pass)).await;
    within(sandbox.close()).await.unwrap();
}

async fn an_engine_that_comes_back_is_heard_anew() {
    let proxy = Proxy::start();
    let backend = builder().host(proxy.host()).build().await.unwrap();
    let before = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = before.session().await.unwrap();
    let execution = sleeper(&session, Duration::from_mins(5)).await;
    proxy.set(Mode::Cut);
    lost(execution, &session).await;
    let error = within(Sandbox::create(&backend, SandboxSpec::default())).await.expect_err("the control");
    assert!(error.code().starts_with("sandbox."), "{error}");
    proxy.set(Mode::Pass);
    // The engine's news begin again a moment after the engine: what happened before that, nobody has heard.
    until("the same backend tells why a sandbox is gone", || async {
        let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
        let session = sandbox.session().await.unwrap();
        let execution = sleeper(&session, Duration::from_mins(5)).await;
        engine().kill_container(&container(&sandbox), None::<KillContainerOptions>).await.unwrap();
        let error = lost(execution, &session).await.to_string();
        if error.contains("its container was killed") { Ok(()) } else { Err(error) }
    })
    .await;
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
