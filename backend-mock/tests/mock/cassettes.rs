//! Cassettes: recorded once, played without a backend, strictly or by lookup.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_backend_mock::cassette::{Cassette, Record, Recorder, Taped};
use hibernaculum_backend_mock::{Exception, Script, when};
use hibernaculum_core::{
    Backend, ByteSize, Error, EventKind, ExecutionRequest, Sandbox, SandboxSpec, Status, StdinPolicy,
};

fn script() -> Script {
    Script::any_order([
        when("x = 41").binds("x", 41),
        when("x + 1").prints("one\n").waits(Duration::from_millis(50)).prints("two\n").value(42),
        when("1/0").raises(Exception::new("ZeroDivisionError", "division by zero")),
        when("while True: pass").prints("ready\n").hangs(),
        when("login()").asks_secretly("password: ").prints("welcome\n"),
    ])
}

/// A program that uses much of the contract.
async fn program(backend: &Arc<dyn Backend>, password: &str) -> Result<Vec<String>, Error> {
    let spec = SandboxSpec::builder().env("API_KEY", "k-123456").label("team", "snakes").build()?;
    let sandbox = Sandbox::create(backend, spec).await?;
    let session = sandbox.session().await?;
    let mut told = Vec::new();
    session.execute("x = 41").await?;
    let result = session.execute("x + 1").await?;
    told.push(format!("{} {}", result.stdout.as_str(), result.value().map_or("", |value| &value.repr)));
    told.push(
        session.execute("1/0").await?.error().map_or_else(String::new, |error| error.type_name.clone()),
    );
    told.push(session.namespace().get("x").await?.to_string());
    told.push(
        session.namespace().get("y").await.map_or_else(|error| error.code().to_owned(), |y| y.to_string()),
    );

    let mut execution = session.start("while True: pass").await?;
    while let Some(event) = execution.next().await {
        match event.kind {
            EventKind::Output { .. } => drop(session.interrupt(&execution.id()).await?),
            EventKind::Finished(outcome) => told.push(outcome.status.to_string()),
            _ => {}
        }
    }
    let mut execution = session.start(ExecutionRequest::new("login()").stdin(StdinPolicy::Ask)).await?;
    while let Some(event) = execution.next().await {
        if let EventKind::InputRequest { token, .. } = event.kind {
            session.answer(&token, password).await?;
        } else if let EventKind::Output { text, .. } = event.kind {
            told.push(text);
        }
    }
    sandbox.files().write("data.bin", vec![0, 159, 146, 150]).await?;
    told.push(format!("{:?}", sandbox.files().read("data.bin", ByteSize::kib(1)).await?));
    session.close().await?;
    sandbox.close().await?;
    Ok(told)
}

async fn recorded() -> (String, Vec<String>) {
    let mock = script().backend().unwrap();
    let recorder = Recorder::new(mock.backend());
    let told = program(&recorder.backend(), "hunter2").await.unwrap();
    mock.verify().await;
    (recorder.to_yaml(), told)
}

#[tokio::test(start_paused = true)]
async fn a_run_is_played_again_as_it_was_strictly_and_by_lookup() {
    let (yaml, told) = recorded().await;
    assert_eq!(
        told[..5],
        ["one\ntwo\n 42", "ZeroDivisionError", "41", "session.no_such_name", "interrupted"]
    );
    let strict = Cassette::from_yaml(&yaml).unwrap();
    assert_eq!(program(&strict.backend(), "another").await.unwrap(), told);
    strict.verify();
    let lenient = Cassette::from_yaml(&yaml).unwrap().by_lookup();
    assert_eq!(program(&lenient.backend(), "another").await.unwrap(), told);
    lenient.verify();
}

#[tokio::test(start_paused = true)]
async fn two_recordings_of_one_run_are_the_same_file_and_it_has_no_secret() {
    let ((one, _), (two, _)) = (recorded().await, recorded().await);
    assert_eq!(one, two);
    for secret in ["k-123456", "hunter2"] {
        assert!(!one.contains(secret), "{one}");
    }
    assert!(one.contains("<redacted>") && one.contains("team: snakes"), "{one}");
    assert!(one.starts_with("version: 1\n"), "{one}");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_named_or_looks_like_one_is_gone() {
    let token = format!("ghp_{}", "a1".repeat(15));
    let code = format!("push('{token}', 'tiger')");
    let mock = Script::in_order([when(code.as_str()).prints(format!("pushed with {token} for tiger\n"))])
        .backend()
        .unwrap();
    let recorder = Recorder::new(mock.backend()).redact("tiger");
    let sandbox = Sandbox::create(&recorder.backend(), SandboxSpec::default()).await.unwrap();
    sandbox.session().await.unwrap().execute(code.as_str()).await.unwrap();
    sandbox.close().await.unwrap();
    mock.verify().await;
    let yaml = recorder.to_yaml();
    assert!(!yaml.contains(&token) && !yaml.contains("tiger"), "{yaml}");
    assert!(yaml.contains("pushed with <redacted> for <redacted>"), "{yaml}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_changed_is_shown_beside_the_recorded_one() {
    let mock = Script::in_order([when("import numpy as np\nnp.arange(10)")]).backend().unwrap();
    let recorder = Recorder::new(mock.backend());
    let run = async |backend: Arc<dyn Backend>, code: &str| {
        let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
        let session = sandbox.session().await.unwrap();
        let result = session.execute(code).await.map(|result| result.status());
        session.close().await.unwrap_or_default();
        sandbox.close().await.unwrap_or_default();
        result
    };
    assert_eq!(
        run(recorder.backend(), "import numpy as np\nnp.arange(10)").await.unwrap(),
        Status::Completed
    );
    mock.verify().await;
    let yaml = recorder.to_yaml();
    for by_lookup in [false, true] {
        let cassette = Cassette::from_yaml(&yaml).unwrap();
        let cassette = if by_lookup { cassette.by_lookup() } else { cassette };
        let refused = run(cassette.backend(), "import numpy as np\nnp.arange(12)").await.unwrap_err();
        assert_eq!(refused.code(), "config.invalid");
        let complaints = cassette.complaints();
        let shown = &complaints[0];
        assert!(shown.contains("- ") && shown.contains("np.arange(10)"), "{shown}");
        assert!(shown.contains("+ ") && shown.contains("np.arange(12)"), "{shown}");
        let told = std::panic::catch_unwind(AssertUnwindSafe(|| cassette.verify())).unwrap_err();
        let told = told.downcast_ref::<String>().unwrap();
        assert!(told.contains("HIBERNACULUM_RECORD=all"), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_not_made_and_those_beyond_the_end_are_told() {
    let (yaml, _) = recorded().await;
    let cassette = Cassette::from_yaml(&yaml).unwrap();
    let all = yaml.matches("\n  - call: ").count().max(yaml.matches("\n- call: ").count());
    assert_eq!(cassette.complaints().len(), all);
    assert!(
        cassette.complaints()[0].starts_with("call #1 was never made:\ncall: create"),
        "{:?}",
        cassette.complaints()[0]
    );
    let _ = program(&cassette.backend(), "x").await.unwrap();
    assert_eq!(cassette.backend().list().await.unwrap_err().code(), "config.invalid");
    assert!(
        cassette.complaints()[0].contains("the cassette ends before this call:\ncall: list"),
        "{:?}",
        cassette.complaints()
    );
}

#[tokio::test(start_paused = true)]
async fn who_read_no_further_waits_when_it_is_played() {
    let give_up = async |backend: Arc<dyn Backend>| {
        let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
        let session = sandbox.session().await.unwrap();
        let execution = session.start("while True: pass").await.unwrap();
        let gave_up = tokio::time::timeout(Duration::from_secs(5), execution).await.is_err();
        session.close().await.unwrap();
        sandbox.close().await.unwrap();
        gave_up
    };
    let mock = Script::in_order([when("while True: pass").prints("ready\n").hangs()]).backend().unwrap();
    let recorder = Recorder::new(mock.backend());
    assert!(give_up(recorder.backend()).await);
    mock.verify().await;
    let cassette = Cassette::from_yaml(&recorder.to_yaml()).unwrap();
    assert!(give_up(cassette.backend()).await);
    cassette.verify();
}

#[tokio::test(start_paused = true)]
async fn a_missing_cassette_is_recorded_where_that_is_asked_for_and_played_from_then_on() {
    let directory = std::env::temp_dir().join(format!("hibernaculum-taped-{}", std::process::id()));
    let file = directory.join("run.yaml");
    let run = async |record, answer: i64| {
        let mock = Script::in_order([when("x").value(answer).any_times()]).backend().unwrap();
        let taped = Taped::open(&file, record, async || Ok(mock.backend())).await;
        mock.waive();
        let taped = taped?;
        let records = taped.records();
        let sandbox = Sandbox::create(&taped.backend(), SandboxSpec::default()).await?;
        let session = sandbox.session().await?;
        let json = session.execute("x").await?.json().cloned();
        session.close().await?;
        sandbox.close().await?;
        taped.finish()?;
        Ok::<_, Error>((records, json))
    };
    let refused = run(Record::Never, 1).await.unwrap_err();
    assert!(refused.explain().why.contains("HIBERNACULUM_RECORD=missing"), "{refused:?}");
    assert_eq!(run(Record::Missing, 1).await.unwrap(), (true, Some(1.into())));
    assert_eq!(run(Record::Missing, 2).await.unwrap(), (false, Some(1.into())));
    assert_eq!(run(Record::All, 3).await.unwrap(), (true, Some(3.into())));
    assert_eq!(run(Record::Never, 4).await.unwrap(), (false, Some(3.into())));
    std::fs::remove_dir_all(&directory).unwrap();
}
