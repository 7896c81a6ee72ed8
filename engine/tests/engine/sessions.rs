//! Handshakes, lies, deadlines, the grace, closing.

use std::sync::Arc;
use std::time::Duration;

use crate::scripted::{Lie, Scripted};
use hibernaculum_core::{
    Backend, ByteSize, CheckpointKind, CheckpointRequest, CrashCause, Error, ExecutionRequest, LiveLimits,
    RecoveryPolicy, Sandbox, SandboxSpec, Session, SessionSpec, SessionState, StateAfter, Status,
};
use hibernaculum_engine::{Engine, EngineConfig};

fn backend(lie: Lie) -> Arc<dyn Backend> {
    let config = EngineConfig::new().unwrap().handshake_timeout(Duration::from_secs(5));
    Arc::new(Engine::with_config(Scripted { lie }, config).unwrap())
}

async fn session(spec: SessionSpec) -> (Sandbox, Session) {
    let backend = backend(Lie::None);
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session_with(spec).await.unwrap();
    (sandbox, session)
}

async fn refusal(lie: Lie) -> Error {
    let made = Sandbox::create(&backend(lie), SandboxSpec::default()).await;
    made.expect_err("a runner that lies in its handshake must be refused")
}

#[tokio::test(start_paused = true)]
async fn a_session_runs_over_any_duplex_stream() {
    let (sandbox, session) = session(SessionSpec::default()).await;
    let result = session.execute("1 + 1").await.unwrap();
    assert_eq!(result.value().map(|value| value.repr.as_str()), Some("2"));
    assert_eq!(session.info().await.unwrap().executions, 1);
    session.close().await.unwrap();
    sandbox.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_in_the_handshake_is_told() {
    assert_eq!(refusal(Lie::HangUp).await.code(), "transport.broken");
}

#[tokio::test(start_paused = true)]
async fn a_silent_runner_is_given_up() {
    assert_eq!(refusal(Lie::Silence).await.code(), "transport.timeout");
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_breaks_the_protocol_is_told() {
    assert_eq!(refusal(Lie::Garbage).await.code(), "transport.protocol");
}

#[tokio::test(start_paused = true)]
async fn a_runner_of_another_version_is_refused() {
    assert_eq!(refusal(Lie::OtherVersion).await.code(), "transport.version");
    assert_eq!(refusal(Lie::OtherDigest).await.code(), "transport.version");
}

#[tokio::test(start_paused = true)]
async fn a_runner_without_the_secret_is_refused() {
    assert_eq!(refusal(Lie::WrongProof).await.code(), "transport.secret");
}

#[tokio::test(start_paused = true)]
async fn answers_to_nobody_confuse_nobody() {
    let (_sandbox, session) = session(SessionSpec::default()).await;
    for _ in 0..3 {
        let result = session.execute("lie").await.unwrap();
        assert_eq!(result.value().map(|value| value.repr.as_str()), Some("'truth'"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_interrupts_and_keeps_the_state() {
    let (_sandbox, session) = session(SessionSpec::default()).await;
    let request = ExecutionRequest::new("sleep").timeout(Duration::from_secs(30));
    let result = session.execute(request).await.unwrap();
    assert_eq!((result.status(), result.state()), (Status::TimedOut, &StateAfter::Kept));
    assert!(session.execute("1 + 1").await.unwrap().is_completed());
}

#[tokio::test(start_paused = true)]
async fn stubborn_code_is_killed_after_the_grace_and_a_fresh_interpreter_takes_over() {
    let (_sandbox, session) = session(SessionSpec::default()).await;
    let request = ExecutionRequest::new("stubborn").timeout(Duration::from_secs(1));
    let began = tokio::time::Instant::now();
    let result = session.execute(request).await.unwrap();
    assert_eq!((result.status(), result.state()), (Status::TimedOut, &StateAfter::Lost));
    assert_eq!(result.crash(), Some(&CrashCause::Killed { reason: "deadline".to_owned() }));
    assert!(began.elapsed() < Duration::from_secs(4), "one second, and two of grace: {:?}", began.elapsed());
    let next = session.execute("1 + 1").await.unwrap();
    assert!(next.is_completed());
    assert_eq!(session.info().await.unwrap().crashes, 1);
}

#[tokio::test(start_paused = true)]
async fn without_recovery_the_session_stays_crashed() {
    let (_sandbox, session) = session(SessionSpec::default().recovery(RecoveryPolicy::None)).await;
    let waiting = session.start("garbage").await.unwrap();
    let behind = session.start("1 + 1").await.unwrap();
    assert_eq!(waiting.await.unwrap().status(), Status::Crashed);
    assert_eq!(behind.await.unwrap_err().code(), "session.crashed");
    assert_eq!(session.execute("1 + 1").await.unwrap_err().code(), "session.crashed");
    assert_eq!(session.info().await.unwrap().state, SessionState::Crashed);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_breaks_the_protocol_or_hangs_up_is_killed_and_told() {
    let (_sandbox, session) = session(SessionSpec::default()).await;
    for code in ["garbage", "hang up"] {
        let result = session.execute(code).await.unwrap();
        assert_eq!((result.status(), result.state()), (Status::Crashed, &StateAfter::Lost), "{code}");
        assert_eq!(result.crash(), Some(&CrashCause::Killed { reason: "protocol".to_owned() }), "{code}");
        assert!(session.execute("1 + 1").await.unwrap().is_completed());
    }
}

#[tokio::test(start_paused = true)]
async fn closing_ends_what_runs_and_what_waits() {
    let (_sandbox, session) = session(SessionSpec::default()).await;
    let running = session.start("sleep").await.unwrap();
    let waiting = session.start("1 + 1").await.unwrap();
    session.close().await.unwrap();
    for execution in [running, waiting] {
        let result = execution.await.unwrap();
        assert_eq!((result.status(), result.state()), (Status::Interrupted, &StateAfter::Lost));
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_closed_under_a_flood_holds_up_nobody() {
    let (sandbox, session) = session(SessionSpec::default()).await;
    let neighbour = sandbox.session().await.unwrap();
    // After more and more of the flood.
    for turns in 0..40 {
        let flooded = sandbox.session().await.unwrap();
        let execution = flooded.start("flood").await.unwrap();
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let began = tokio::time::Instant::now();
        flooded.close().await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(1), "{turns}: {:?}", began.elapsed());
        drop(execution);
    }
    assert_eq!(neighbour.execute("1 + 1").await.unwrap().status(), Status::Completed);
    session.close().await.unwrap();
    sandbox.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_predecessor_is_none_of_a_sessions_own() {
    let (sandbox, session) = session(SessionSpec::default()).await;
    for _ in 0..3 {
        let result = session.execute("another died").await.unwrap();
        assert_eq!(result.status(), Status::Completed);
    }
    assert_eq!(session.execute("1 + 1").await.unwrap().state(), &StateAfter::Kept);
    assert_eq!(session.info().await.unwrap().state, SessionState::Idle);
    sandbox.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_stands_still_is_asked_with_a_limit_what_its_checkpoints_take() {
    let limits = LiveLimits::default().memory(ByteSize::gib(1));
    let spec = SandboxSpec::builder().live_checkpoints(limits).build().unwrap();
    let sandbox = Sandbox::create(&backend(Lie::None), spec).await.unwrap();
    let session = sandbox.session().await.unwrap();
    session.execute("deafen control").await.unwrap();
    let error = session.checkpoint(CheckpointRequest::new(CheckpointKind::Live)).await.unwrap_err();
    assert_eq!(error.code(), "transport.timeout", "{error}");
    assert_eq!(session.execute("1 + 1").await.unwrap().status(), Status::Completed);
    sandbox.close().await.unwrap();
}
