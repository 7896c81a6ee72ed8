//! Executions, questions, sandboxes and sessions are dropped at every point at which they can be: nothing is stranded, and the session goes on.
//! `backend-mock/tests/mock/cancel.rs` does the same to names, files, checkpoints and executions that are taken up again.

use std::sync::Arc;
use std::time::Duration;

use crate::scripted::{Lie, Scripted};
use hibernaculum_core::{
    Backend, ExecutionRequest, InputReply, InputToken, Sandbox, SandboxSpec, Session, SessionSpec,
    SessionState,
};
use hibernaculum_engine::Engine;
use hibernaculum_testkit::polls::{polled, step_by_step};

/// More polls than any call of the contract takes over this backend.
const POLLS: usize = 300;

/// With the most polls a call is done before it is dropped: so it was dropped at every poll.
fn ends_in_the_end(is_done: bool, polls: usize) {
    assert!(is_done || polls + 1 < POLLS, "it is not done after {polls} polls");
}

fn backend() -> Arc<dyn Backend> {
    Arc::new(Engine::new(Scripted { lie: Lie::None }).unwrap())
}

async fn session(backend: &Arc<dyn Backend>) -> (Sandbox, Session) {
    let sandbox = Sandbox::create(backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    (sandbox, session)
}

/// The session answers, correctly, and is idle afterwards.
async fn goes_on(session: &Session, polls: usize) {
    let result = session.execute("1 + 1").await.unwrap();
    assert_eq!(result.value().map(|value| value.repr.as_str()), Some("2"), "after a drop at poll {polls}");
    assert_eq!(session.info().await.unwrap().state, SessionState::Idle, "after a drop at poll {polls}");
    assert_eq!(session.info().await.unwrap().queued, 0, "after a drop at poll {polls}");
}

#[test]
fn an_execution_may_be_dropped_at_any_point() {
    step_by_step(async {
        let backend = backend();
        let (_sandbox, session) = session(&backend).await;
        for polls in 0..POLLS {
            ends_in_the_end(polled(session.execute("1 + 1"), polls).await.is_some(), polls);
            let endless = ExecutionRequest::new("sleep").timeout(Duration::from_secs(5));
            polled(session.execute(endless), polls).await;
            goes_on(&session, polls).await;
        }
    });
}

#[test]
fn sandboxes_and_sessions_may_be_given_up_while_they_are_made() {
    step_by_step(async {
        let backend = backend();
        for polls in 0..POLLS {
            let given_up = polled(Sandbox::create(&backend, SandboxSpec::default()), polls).await;
            ends_in_the_end(given_up.is_some(), polls);
            drop(given_up);
            let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
            let given_up = polled(sandbox.session_with(SessionSpec::default()), polls).await;
            ends_in_the_end(given_up.is_some(), polls);
            drop(given_up);
            let kept = sandbox.session().await.unwrap();
            goes_on(&kept, polls).await;
            kept.close().await.unwrap();
            sandbox.close().await.unwrap();
        }
        // What was given up is ended by tasks of the engine: let them come to their ends.
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(backend.list().await.unwrap(), vec![], "nothing is left of what was given up");
    });
}

#[test]
fn interrupts_and_answers_may_be_dropped_at_any_point() {
    step_by_step(async {
        let backend = backend();
        let (_sandbox, session) = session(&backend).await;
        for polls in 0..POLLS {
            let running = session.start("sleep").await.unwrap();
            let answered = polled(session.answer(&InputToken::new("nobody"), InputReply::Eof), polls).await;
            let interrupted = polled(session.interrupt(&running.id()), polls).await;
            ends_in_the_end(answered.is_some() && interrupted.is_some(), polls);
            drop(running);
            goes_on(&session, polls).await;
        }
    });
}

#[test]
fn what_is_being_closed_is_closed_all_the_same() {
    step_by_step(async {
        let backend = backend();
        for polls in 0..POLLS {
            let (sandbox, session) = session(&backend).await;
            let running = session.start("sleep").await.unwrap();
            let (session_id, sandbox_id) = (session.id(), sandbox.id());
            let closed = polled(session.close(), polls).await;
            drop(running);
            let ended = polled(sandbox.close(), polls).await;
            ends_in_the_end(closed.is_some() && ended.is_some(), polls);
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert!(backend.session(&session_id).await.is_err(), "after a drop at poll {polls}");
            assert!(backend.get(&sandbox_id).await.is_err(), "after a drop at poll {polls}");
        }
    });
}
