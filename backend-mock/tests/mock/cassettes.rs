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

/// Records a run of `program` on this script, without a secret that is named.
async fn recording<T>(
    script: Script,
    secret: &str,
    program: impl AsyncFnOnce(Arc<dyn Backend>) -> T,
) -> (String, T) {
    let mock = script.backend().unwrap();
    let recorder = Recorder::new(mock.backend()).redact(secret);
    let told = program(recorder.backend()).await;
    mock.verify().await;
    (recorder.to_yaml(), told)
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_printed_in_pieces_is_gone_whether_or_not_they_are_merged() {
    let pause = Duration::from_secs(1);
    let login =
        when("login()").prints("for hun").waits(pause).prints_to_stderr("hunt").waits(pause).prints("ter2\n");
    for takes_up in [false, true] {
        let script = Script::in_order([login.clone()]);
        let (yaml, printed) = recording(script, "hunter2", async |backend| {
            let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
            let session = sandbox.session().await.unwrap();
            let execution = session.start("login()").await.unwrap();
            let result = if takes_up {
                let id = execution.detach();
                session.attach(&id, 0).await.unwrap().await.unwrap()
            } else {
                execution.await.unwrap()
            };
            sandbox.close().await.unwrap();
            result.stdout.to_string()
        })
        .await;
        assert_eq!(printed, "for hunter2\n");
        assert!(yaml.contains("for <redacted>") && !yaml.contains("ter2"), "{yaml}");
        assert!(yaml.contains("hunt"), "what was printed to the other stream is no part of it: {yaml}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_a_key_is_gone_and_may_be_another_when_it_is_played() {
    let program = async |backend: Arc<dyn Backend>, secret: &str| {
        let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
        let session = sandbox.session().await.unwrap();
        session.namespace().set("known", serde_json::json!({secret: {"deep": 1}})).await.unwrap();
        let known = session.namespace().get("known").await.unwrap();
        let value = session.execute("known").await.unwrap().json().cloned();
        session.close().await.unwrap();
        sandbox.close().await.unwrap();
        (known, value)
    };
    let script = Script::in_order([when("known").value_of("known")]);
    let (yaml, (known, _)) =
        recording(script, "tiger", async |backend| program(backend, "tiger").await).await;
    assert_eq!(known, serde_json::json!({"tiger": {"deep": 1}}));
    assert!(!yaml.contains("tiger"), "{yaml}");
    let cassette = Cassette::from_yaml(&yaml).unwrap();
    let (known, value) = program(cassette.backend(), "lion").await;
    assert_eq!(known, serde_json::json!({"<redacted>": {"deep": 1}}));
    assert_eq!(value, Some(known));
    cassette.verify();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_has_a_secret_an_id_or_the_directory_in_it_can_be_played() {
    for prefix in [&b""[..], b"\xff\x00"] {
        let program = async |backend: Arc<dyn Backend>, secret: &str| {
            let spec = SandboxSpec::builder().workdir("/srv/work").build().unwrap();
            let sandbox = Sandbox::create(&backend, spec).await.unwrap();
            let workdir = sandbox.info().await.unwrap().workdir;
            let text = format!("{} {workdir} /srv/work {secret}", sandbox.id());
            let bytes = [prefix, text.as_bytes()].concat();
            sandbox.files().write("config", bytes.clone()).await.unwrap();
            let there = sandbox.files().read("config", ByteSize::kib(1)).await.unwrap();
            sandbox.close().await.unwrap();
            (bytes, there.to_vec())
        };
        let (yaml, (wrote, read)) =
            recording(Script::default(), "tiger", async |backend| program(backend, "tiger").await).await;
        assert_eq!(wrote, read);
        let cassette = Cassette::from_yaml(&yaml).unwrap();
        let (wrote, read) = program(cassette.backend(), "another").await;
        assert!(!read.windows(5).any(|part| part == b"tiger"), "{yaml}");
        assert!(wrote.ends_with(b"another") && read.ends_with(b"<redacted>"), "{yaml}");
        cassette.verify();
        // A file that is another is a call that is another.
        let cassette = Cassette::from_yaml(&yaml.replacen("config", "konfig", 1)).unwrap();
        assert!(!cassette.complaints().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn by_lookup_tasks_may_come_in_another_order_and_ask_again() {
    let script =
        Script::any_order([when("a").value(1), when("b").value(2), when("n").value(3), when("n").value(4)]);
    let program = async |backend: Arc<dyn Backend>, codes: &'static [&'static str]| {
        let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
        let session = sandbox.session().await.unwrap();
        let mut values = Vec::new();
        for code in codes {
            let result =
                session.execute(*code).await.map(|result| result.json().cloned().unwrap_or_default());
            values.push(result.map_or(-1, |value| value.as_i64().unwrap_or_default()));
        }
        let _ = (session.close().await, sandbox.close().await);
        values
    };
    let (yaml, values) =
        recording(script, "none", async |backend| program(backend, &["a", "n", "b", "n"]).await).await;
    assert_eq!(values, [1, 3, 2, 4]);
    let lenient = || Cassette::from_yaml(&yaml).unwrap().by_lookup();
    // Permuted: each has its own answer, and of two alike the first is first. Asked again: the last like it.
    for (codes, answers) in [
        (&["n", "b", "n", "a"][..], &[3, 2, 4, 1][..]),
        (&["b", "a", "n", "n", "n", "b"], &[2, 1, 3, 4, 4, 2]),
    ] {
        let cassette = lenient();
        assert_eq!(program(cassette.backend(), codes).await, answers);
        cassette.verify();
    }
    let cassette = lenient();
    assert_eq!(program(cassette.backend(), &["b"]).await, [2]);
    assert_eq!(cassette.complaints().len(), 3, "what was not asked is told: {:?}", cassette.complaints());
    let strict = Cassette::from_yaml(&yaml).unwrap();
    assert_eq!(program(strict.backend(), &["b"]).await, [-1], "in order they may not");
    assert!(!strict.complaints().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_adopts_and_releases_can_be_recorded_played_and_go_wrong() {
    use hibernaculum_backend_mock::faults::{CallFault, CallFaults, Faulty, InjectedError, When};
    let program = async |backend: Arc<dyn Backend>| {
        let adopted = backend.adopt().await.map(|adopted| adopted.len());
        let released = backend.release(&hibernaculum_core::SandboxId::new()).await;
        (adopted.map_err(|error| error.code().to_owned()), released.map_err(|error| error.code().to_owned()))
    };
    let (yaml, told) = recording(Script::default(), "none", program).await;
    assert_eq!(told.0, Err("unsupported".to_owned()), "a scripted sandbox ends with its host");
    let cassette = Cassette::from_yaml(&yaml).unwrap();
    assert_eq!(program(cassette.backend()).await, told);
    cassette.verify();

    let mock = Script::default().backend().unwrap();
    let error = CallFault::Error(InjectedError::of("transport.broken").unwrap());
    let faults = CallFaults::seeded(1).fault("adopt", When::Always, error.clone()).fault(
        "release",
        When::Always,
        error,
    );
    let wrapped = Faulty::new(mock.backend(), faults).unwrap();
    let broken = "transport.broken".to_owned();
    assert_eq!(program(wrapped.backend()).await, (Err(broken.clone()), Err(broken)));
    mock.verify().await;
}
