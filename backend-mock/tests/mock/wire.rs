//! Wire cassettes: what a runner said is played to a real engine, and what the engine says otherwise is told.

use std::sync::Arc;

use hibernaculum_backend_mock::wire::{WireCassette, WirePlayer, WireRecorder};
use hibernaculum_backend_mock::{Account, Script, ScriptedProvider, when};
use hibernaculum_core::{Backend, Error, Sandbox, SandboxSpec};
use hibernaculum_engine::Engine;

async fn run(backend: Arc<dyn Backend>, code: &str) -> Result<Option<serde_json::Value>, Error> {
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    let result = session.execute(code).await;
    session.close().await?;
    sandbox.close().await?;
    Ok(result?.json().cloned())
}

async fn recorded(value: &str) -> WireCassette {
    let provider = ScriptedProvider::new(Script::in_order([when("x").prints("so\n").value(value)]));
    Account::of(&provider).waive();
    let engine = Engine::new(WireRecorder::new(provider)).unwrap();
    assert_eq!(run(Arc::new(engine.clone()), "x").await.unwrap(), Some(value.into()));
    engine.provider().cassette()
}

#[tokio::test(start_paused = true)]
async fn a_recording_is_played_out_of_its_file() {
    let cassette = recorded("one").await;
    let again = WireCassette::read(&cassette.write()).unwrap();
    assert_eq!(again, cassette);
    let player = WirePlayer::new(again);
    let account = player.account();
    assert_eq!(run(Arc::new(Engine::new(player).unwrap()), "x").await.unwrap(), Some("one".into()));
    account.verify();
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_says_something_else_is_told() {
    let player = WirePlayer::new(recorded("one").await);
    let account = player.account();
    assert!(run(Arc::new(Engine::new(player).unwrap()), "y").await.is_err());
    let complaints = account.complaints().join("\n");
    assert!(
        complaints.contains("-     \"code\": \"x\"") && complaints.contains("+     \"code\": \"y\""),
        "{complaints}"
    );
}

#[tokio::test(start_paused = true)]
async fn two_recordings_differ_where_the_runner_said_something_else() {
    let (one, same, other) = (recorded("one").await, recorded("one").await, recorded("other").await);
    assert_eq!(one.differences(&same), Vec::<String>::new());
    let differences = one.differences(&other);
    assert_eq!(differences.len(), 2, "{differences:#?}");
    assert!(differences[0].starts_with("- execute") && differences[0].contains("'one'"), "{differences:#?}");
    assert!(
        differences[1].starts_with("+ execute") && differences[1].contains("'other'"),
        "{differences:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_differs_is_seen_however_late_and_however_little() {
    let long = "x".repeat(1000);
    for (one, other) in [(long.clone() + "a", long + "b"), ("42.5".to_owned(), "43.5".to_owned())] {
        let (kept, anew) = (recorded(&one).await, recorded(&other).await);
        let differences = kept.differences(&anew);
        assert_eq!(differences.len(), 2, "{differences:#?}");
        assert_ne!(differences[0][1..], differences[1][1..], "what is shown differs, too");
    }
    let (kept, anew) = (recorded("took 0.25 s, pid 4711").await, recorded("took 1.5 s, pid 12345").await);
    assert_eq!(kept.differences(&anew), Vec::<String>::new());
}

#[test]
fn what_is_no_cassette_is_refused_with_its_line() {
    for (text, line) in [("", "line 1"), ("hibernaculum wire 1\nfeatures 7\n", "line 2")] {
        let refused = WireCassette::read(text).unwrap_err();
        assert_eq!(refused.code(), "config.invalid");
        assert!(refused.to_string().contains(line), "{refused}");
    }
}
