//! Names, files, checkpoints and executions that are taken up again: each call is dropped at every point at which it can be. The session goes on, and
//! nothing is left of what was given up. `engine/tests/engine/cancel.rs` does the same to executions, questions, sandboxes and sessions.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hibernaculum_backend_mock::{Script, when};
use hibernaculum_core::{
    ByteSize, CheckpointKind, CheckpointRequest, Error, NamespaceFilter, ReprLimits, SessionState,
};
use hibernaculum_testkit::polls::{polled, step_by_step};

use crate::scene::{Scene, scene};

/// More polls than any of these calls takes.
const POLLS: usize = 300;

fn script() -> Script {
    Script::any_order([
        when("1 + 1").value(2).any_times(),
        when("n = 1").binds("n", 1).any_times(),
        when("n = 2").binds("n", 2).any_times(),
        when("n").value_of("n").any_times(),
        when("print('seen')").prints("seen\n").any_times(),
        when("sleep").waits(Duration::from_mins(10)).any_times(),
    ])
}

/// Drops a call after no poll, after one, and so on until it is done before it is dropped. Each time the session goes on, and `look` is told whether
/// the call was done.
async fn at_every_poll<T>(
    scene: &Scene,
    what: &str,
    call: impl AsyncFn() -> Result<T, Error>,
    look: impl AsyncFn(bool),
) {
    for polls in 0..POLLS {
        let gave = polled(call(), polls).await;
        goes_on(scene, &format!("{what}, dropped after {polls} polls")).await;
        look(gave.is_some()).await;
        if let Some(gave) = gave {
            gave.unwrap();
            assert!(polls > 0, "{what} is done before anybody asked");
            return;
        }
    }
    panic!("{what} is not done after {POLLS} polls");
}

async fn goes_on(scene: &Scene, after: &str) {
    let result = scene.session.execute("1 + 1").await.unwrap();
    assert_eq!(result.json(), Some(&2.into()), "{after}");
    let info = scene.session.info().await.unwrap();
    assert_eq!((info.state, info.queued), (SessionState::Idle, 0), "{after}");
    let kept = scene.sandbox.files().read("kept", ByteSize::mib(1)).await.unwrap();
    assert_eq!(&kept[..], b"kept", "{after}");
}

async fn set() -> Scene {
    let scene = scene(script()).await;
    scene.sandbox.files().write("kept", "kept").await.unwrap();
    scene.session.execute("n = 1").await.unwrap();
    scene
}

/// What was given up and is listed all the same is closed; then nothing is left but what the test began with.
async fn nothing_is_left(scene: Scene) {
    // What was given up is ended by tasks of the engine: let them come to their ends.
    tokio::time::sleep(Duration::from_mins(1)).await;
    let backend = scene.session.backend();
    for checkpoint in scene.session.checkpoints().await.unwrap() {
        backend.delete_checkpoint(&checkpoint.id).await.unwrap();
    }
    for listed in backend.sessions(&scene.sandbox.id()).await.unwrap() {
        if listed.id != scene.session.id() {
            backend.close_session(&listed.id).await.unwrap();
        }
    }
    assert_eq!(scene.session.checkpoints().await.unwrap(), vec![]);
    assert_eq!(scene.sandbox.info().await.unwrap().sessions, 1);
    assert_eq!(scene.complaints().await, Vec::<String>::new());
}

#[test]
fn what_is_asked_about_names_may_be_dropped_at_any_point() {
    step_by_step(async {
        let scene = set().await;
        let names = || scene.session.namespace();
        let nothing = async |_| ();
        let limits = || ReprLimits::new(ByteSize::kib(64), Duration::from_secs(30));
        at_every_poll(&scene, "list", async || names().list(NamespaceFilter::default()).await, nothing).await;
        at_every_poll(&scene, "get", async || names().get("n").await, nothing).await;
        at_every_poll(&scene, "repr", async || names().repr("n", limits()).await, nothing).await;
        at_every_poll(
            &scene,
            "set",
            async || names().set("n", 2).await,
            async |is_done| {
                let n = names().get("n").await.unwrap();
                assert!(n == 2 || (n == 1 && !is_done), "{n}");
                names().set("n", 1).await.unwrap();
            },
        )
        .await;
        at_every_poll(
            &scene,
            "delete",
            async || names().delete("n").await,
            async |is_done| {
                let is_there = names().get("n").await.is_ok();
                assert!(!(is_there && is_done), "it was deleted");
                names().set("n", 1).await.unwrap();
            },
        )
        .await;
        at_every_poll(
            &scene,
            "clear",
            async || names().clear().await,
            async |is_done| {
                let is_there = names().get("n").await.is_ok();
                assert!(!(is_there && is_done), "it was cleared");
                names().set("n", 1).await.unwrap();
            },
        )
        .await;
        nothing_is_left(scene).await;
    });
}

#[test]
fn what_is_done_with_files_may_be_dropped_at_any_point() {
    step_by_step(async {
        let scene = set().await;
        let files = || scene.sandbox.files();
        let nothing = async |_| ();
        let whole = "one two three ".repeat(20_000);
        let pieces = || {
            let pieces: Vec<_> =
                whole.as_bytes().chunks(40_000).map(Bytes::copy_from_slice).map(Ok).collect();
            Box::pin(stream::iter(pieces))
        };
        at_every_poll(
            &scene,
            "upload",
            async || files().upload("new", pieces()).await,
            async |is_done| {
                match files().read("new", ByteSize::mib(1)).await {
                    Ok(content) => assert_eq!(content, whole, "no half file is left"),
                    Err(error) => assert_eq!((error.code(), is_done), ("files.not_found", false)),
                }
                let _ = files().remove("new").await;
                let listed: Vec<_> =
                    files().list(".").await.unwrap().into_iter().map(|file| file.path).collect();
                assert_eq!(listed, ["kept"], "nothing else is left");
            },
        )
        .await;
        files().write("long", whole.clone()).await.unwrap();
        let download = async || {
            let (_, mut body) = files().download("long").await?;
            while let Some(piece) = body.next().await {
                piece?;
            }
            Ok(())
        };
        at_every_poll(&scene, "download", download, nothing).await;
        at_every_poll(&scene, "list", async || files().list(".").await, nothing).await;
        at_every_poll(&scene, "stat", async || files().stat("kept").await, nothing).await;
        at_every_poll(
            &scene,
            "mkdir",
            async || files().mkdir("made").await,
            async |_| {
                let _ = files().remove("made").await;
            },
        )
        .await;
        at_every_poll(
            &scene,
            "rename",
            async || files().rename("long", "other").await,
            async |_| {
                let _ = files().rename("other", "long").await;
            },
        )
        .await;
        at_every_poll(
            &scene,
            "remove",
            async || files().remove("long").await,
            async |is_done| {
                let is_there = files().stat("long").await.is_ok();
                assert!(!(is_there && is_done), "it was removed");
                files().write("long", whole.clone()).await.unwrap();
            },
        )
        .await;
        nothing_is_left(scene).await;
    });
}

#[test]
fn checkpoints_and_branches_may_be_given_up_at_any_point() {
    step_by_step(async {
        let scene = set().await;
        let (session, backend) = (&scene.session, scene.session.backend());
        let live = || CheckpointRequest::new(CheckpointKind::Live);
        let end_all = async |_| {
            for checkpoint in session.checkpoints().await.unwrap() {
                backend.delete_checkpoint(&checkpoint.id).await.unwrap();
            }
        };
        at_every_poll(&scene, "checkpoint", async || session.checkpoint(live()).await, end_all).await;
        let kept = session.checkpoint(live()).await.unwrap().id;
        at_every_poll(&scene, "checkpoints", async || session.checkpoints().await, async |_| ()).await;
        session.execute("n = 2").await.unwrap();
        at_every_poll(
            &scene,
            "restore",
            async || session.restore(&kept).await,
            async |is_done| {
                let n = session.execute("n").await.unwrap().json().cloned();
                assert!(n == Some(1.into()) || (n == Some(2.into()) && !is_done), "{n:?}");
                session.execute("n = 2").await.unwrap();
            },
        )
        .await;
        at_every_poll(
            &scene,
            "branch",
            async || session.branch(&kept).await,
            async |_| {
                // It may have been opened, and is listed then.
                for listed in backend.sessions(&scene.sandbox.id()).await.unwrap() {
                    if listed.id != session.id() {
                        backend.close_session(&listed.id).await.unwrap();
                    }
                }
            },
        )
        .await;
        nothing_is_left(scene).await;
    });
}

#[test]
fn an_execution_may_be_taken_up_and_let_go_at_any_point() {
    step_by_step(async {
        let scene = set().await;
        let session = &scene.session;
        let over = session.start("print('seen')").await.unwrap().detach();
        let attach = async || session.attach(&over, 0).await?.await;
        at_every_poll(&scene, "attach", attach, async |_| ()).await;
        for polls in 0..POLLS {
            let running = session.start("sleep").await.unwrap().detach();
            let gave = polled(session.attach(&running, 0), polls).await;
            let is_done = gave.is_some();
            session.interrupt(&running).await.unwrap();
            drop(gave);
            goes_on(&scene, &format!("attach to what runs, dropped after {polls} polls")).await;
            if is_done {
                nothing_is_left(scene).await;
                return;
            }
        }
        panic!("attach is not done after {POLLS} polls");
    });
}
