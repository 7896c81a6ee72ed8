//! Ids of another backend: unknown here, however alive there, and nothing comes of the asking.

use std::sync::Arc;

use hibernaculum_backend_mock::{Script, when};
use hibernaculum_core::{
    Backend, CheckpointKind, CheckpointRequest, Error, ExecutionRequest, InputReply, InputToken, Sandbox,
    Session, SessionSpec, SessionState,
};

use crate::scene::scene;

fn script() -> Script {
    Script::any_order([when("1").value(1).any_times(), when("sleep").hangs().any_times()])
}

fn code<T>(result: Result<T, Error>) -> &'static str {
    result.err().map_or("none", |error| error.code())
}

#[tokio::test(start_paused = true)]
async fn what_lives_in_another_backend_is_unknown_and_not_hurt() {
    let (here, there) = (scene(script()).await, scene(script()).await);
    let checkpoint = there.session.checkpoint(CheckpointRequest::new(CheckpointKind::Live)).await.unwrap();
    let running = there.session.start("sleep").await.unwrap();

    let backend: Arc<dyn Backend> = Arc::clone(here.session.backend());
    let foreign = Session::of(&backend, there.session.id());
    assert_eq!(code(foreign.execute(ExecutionRequest::new("1")).await), "session.unknown");
    assert_eq!(code(foreign.info().await), "session.unknown");
    assert_eq!(code(foreign.attach(&running.id(), 0).await), "session.unknown");
    assert_eq!(code(foreign.interrupt(&running.id()).await), "session.unknown");
    assert_eq!(code(foreign.answer(&InputToken::new("1"), InputReply::Eof).await), "session.unknown");
    assert_eq!(code(foreign.namespace().get("n").await), "session.unknown");
    let foreign = Sandbox::of(&backend, there.sandbox.id());
    assert_eq!(code(foreign.info().await), "sandbox.unknown");
    assert_eq!(code(foreign.session().await), "sandbox.unknown");
    assert_eq!(code(here.session.interrupt(&running.id()).await), "execution.unknown");
    assert_eq!(code(here.session.restore(&checkpoint.id).await), "checkpoint.unknown");
    assert_eq!(code(here.session.branch(&checkpoint.id).await), "checkpoint.unknown");
    backend.delete_checkpoint(&checkpoint.id).await.unwrap(); // there is none here
    // An id is taken only where it lives.
    let same = here.sandbox.session_with(SessionSpec::default().id(there.session.id())).await.unwrap();
    same.close().await.unwrap();

    assert_eq!(there.session.info().await.unwrap().state, SessionState::Running);
    assert_eq!(there.session.checkpoints().await.unwrap().len(), 1);
    drop(running);
    for scene in [here, there] {
        assert_eq!(scene.session.execute("1").await.unwrap().json(), Some(&1.into()));
        assert_eq!(scene.complaints().await, Vec::<String>::new());
    }
}
