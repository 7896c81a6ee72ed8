//! Scripts in YAML say what scripts in Rust say.

use hibernaculum_backend_mock::Script;
use hibernaculum_core::{EventKind, ExecutionRequest, Session, StateAfter, Status, StdinPolicy, Timeout};

use crate::scene::scene;

const SCRIPT: &str = r#"
version: 1
order: any
rules:
  - when: x = 41
    binds: {x: 41, model: {repr: Model(3), type: Model}}
  - when: {contains: x + 1}
    value: 42
  - when: {regex: '^import \w+$'}
    times: any
  - when: |
      for epoch in range(2):
          train()
    steps:
      - print: "epoch 1\n"
      - wait: 1h
      - print_error: "slow\n"
      - write: "from a child\n"
      - display: {text/html: <b>hi</b>}
      - ask: "go on? "
    value: [1, 2.5, null]
    warns: [the disk is nearly full]
  - when: 1/0
    raises: {type: ZeroDivisionError, message: division by zero}
  - when: hang()
    steps: [{wait: forever}]
    on_interrupt: ignores
  - when: crash()
    crashes: {signal: 11}
"#;

#[tokio::test(start_paused = true)]
async fn a_script_may_be_read_from_yaml() {
    let scene = scene(Script::from_yaml(SCRIPT).unwrap()).await;
    let session = &scene.session;
    assert!(session.execute("import os").await.unwrap().is_completed());
    session.execute("x = 41").await.unwrap();
    assert_eq!(session.namespace().get("x").await.unwrap(), 41);
    assert_eq!(session.namespace().get("model").await.unwrap_err().code(), "session.not_json");
    assert_eq!(session.execute("y = x + 1\ny").await.unwrap().json(), Some(&42.into()));

    let code = "for epoch in range(2):\n    train()";
    let request = ExecutionRequest::new(code).stdin(StdinPolicy::Ask).timeout(Timeout::Unlimited);
    let mut execution = session.start(request).await.unwrap();
    let mut told = Vec::new();
    while let Some(event) = execution.next().await {
        match event.kind {
            EventKind::Output { stream, text } => told.push(format!("{stream}: {text}")),
            EventKind::Display(display) => told.push(format!("{:?}", display.data)),
            EventKind::InputRequest { token, .. } => session.answer(&token, "yes").await.unwrap(),
            EventKind::Finished(outcome) => {
                assert_eq!(outcome.value.unwrap().repr, "[1, 2.5, None]");
                assert_eq!(outcome.warnings, ["the disk is nearly full"]);
                assert!(outcome.timings.run.as_secs() >= 3600);
            }
            _ => {}
        }
    }
    let expected =
        ["stdout: epoch 1\n", "stderr: slow\n", "stdout: from a child\n", "{\"text/html\": \"<b>hi</b>\"}"];
    assert_eq!(told, expected);

    let failed = session.execute("1/0").await.unwrap();
    assert_eq!(
        failed.error().unwrap().traceback,
        "Traceback (most recent call last):\n  File \"<cell 7>\", line 1, in <module>\n    1/0\nZeroDivisionError: division by zero\n"
    );
    let hung = session.execute("hang()").await.unwrap();
    assert_eq!((hung.status(), hung.state()), (Status::TimedOut, &StateAfter::Lost));
    assert_eq!(session.execute("crash()").await.unwrap().status(), Status::Crashed);
    assert_eq!(scene.complaints().await, Vec::<String>::new());
}

/// What an execution tells, a line each; every question is answered with `yes`, and it has ten seconds.
async fn told(session: &Session, code: &str) -> Vec<String> {
    let request =
        ExecutionRequest::new(code).stdin(StdinPolicy::Ask).timeout(std::time::Duration::from_secs(10));
    let mut execution = session.start(request).await.unwrap();
    let mut told = Vec::new();
    while let Some(event) = execution.next().await {
        match event.kind {
            EventKind::Output { stream, text } => told.push(format!("{stream}: {text}")),
            EventKind::Display(display) => told.push(serde_json::to_string(&display).unwrap()),
            EventKind::InputRequest { token, prompt, password } => {
                told.push(format!("asks {prompt:?}, secretly: {password}"));
                session.answer(&token, "yes").await.unwrap();
            }
            EventKind::Finished(outcome) => {
                told.push(outcome.status.to_string());
                told.extend(outcome.value.map(|value| value.repr));
                told.extend(outcome.error.map(|error| format!("{}: {}", error.type_name, error.message)));
                told.extend(outcome.crash.map(|crash| crash.to_string()));
            }
            _ => {}
        }
    }
    told
}

#[tokio::test(start_paused = true)]
async fn every_word_of_the_format_does_what_it_says() {
    let display =
        r#"{"data":{"text/plain":"x"},"metadata":{"a":1},"display_id":"d","update":true,"result":true}"#;
    for (rule, code, expected) in [
        ("when: {text: x}\n    prints: out", "x", &["stdout: out", "completed"][..]),
        ("when: {any: true}", "whatever", &["completed"]),
        ("when: x\n    binds: {x: 7}\n    value_of: x", "x", &["completed", "7"]),
        ("when: x\n    value_of: x", "x", &["failed", "NameError: name 'x' is not defined"]),
        (
            "when: x\n    steps: [{bind: {x: 1}}, {unbind: x}]\n    value_of: x",
            "x",
            &["failed", "NameError: name 'x' is not defined"],
        ),
        ("when: x\n    crashes: {exit: 3}", "x", &["crashed", "the process exited with code 3"]),
        ("when: x\n    crashes: out_of_memory", "x", &["crashed", "killed because memory ran out"]),
        (
            "when: x\n    steps: [{ask_secretly: 'password: '}]",
            "x",
            &["asks \"password: \", secretly: true", "completed"],
        ),
        ("when: x\n    steps: [{write_error: raw}]", "x", &["stderr: raw", "completed"]),
        ("when: x\n    steps: [{signal: go}, {wait_for: go}]", "x", &["completed"]),
        ("when: x\n    steps: [{wait_for: go}]", "x", &["timed out", "KeyboardInterrupt: "]),
        (
            "when: x\n    steps: [{wait: forever}]\n    on_interrupt: {tidies: [{print: tidied}]}",
            "x",
            &["stdout: tidied", "timed out", "KeyboardInterrupt: "],
        ),
        (
            "when: x\n    steps: [{wait: forever}]\n    on_interrupt: ends",
            "x",
            &["timed out", "KeyboardInterrupt: "],
        ),
        (
            "when: x\n    steps: [{display: {data: {text/plain: x}, metadata: {a: 1}, display_id: d, update: true, result: true}}]",
            "x",
            &[display, "completed"],
        ),
        (
            "when: x\n    raises: {type: Odd, module: mine, message: m, exit_code: 3, frames: [{line: 1, function: f, source: s}]}",
            "x",
            &["failed", "Odd: m"],
        ),
    ] {
        let script = Script::from_yaml(&format!("version: 1\nrules:\n  - {rule}\n")).unwrap();
        let scene = scene(script).await;
        assert_eq!(told(&scene.session, code).await, expected, "{rule}");
        assert_eq!(scene.complaints().await, Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_may_be_optional_and_each_session_have_the_script_for_itself() {
    let yaml = "version: 1\nscope: each_session\nrules: [{when: x, value: 1}, {when: more, times: optional}]";
    let scene = scene(Script::from_yaml(yaml).unwrap()).await;
    let other = scene.sandbox.session().await.unwrap();
    for session in [&scene.session, &other] {
        assert_eq!(told(session, "x").await, ["completed", "1"]);
    }
    assert_eq!(told(&other, "more").await, ["completed"]);
    assert_eq!(told(&other, "more").await[0], "failed");
    other.close().await.unwrap();
    assert_eq!(scene.complaints().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_session_waits_for_the_signal_of_another() {
    let yaml = "version: 1\norder: any\nrules: [{when: wait, steps: [{wait_for: go}], value: 1}, {when: go, steps: [{signal: go}]}]";
    let scene = scene(Script::from_yaml(yaml).unwrap()).await;
    let other = scene.sandbox.session().await.unwrap();
    let (waited, signalled) = tokio::join!(told(&scene.session, "wait"), told(&other, "go"));
    assert_eq!(
        (waited, signalled),
        (vec!["completed".to_owned(), "1".to_owned()], vec!["completed".to_owned()])
    );
    other.close().await.unwrap();
    assert_eq!(scene.complaints().await, Vec::<String>::new());
}

#[test]
fn yaml_that_is_no_script_is_refused_with_what_is_wrong() {
    for (yaml, wrong) in [
        ("", "unexpected end"),
        ("version: 2\nrules: []", "must be 1"),
        ("version: 1\nrules: []\nordre: any", "ordre"),
        ("version: 1\nrules:\n  - whne: x", "whne"),
        ("version: 1\nrules:\n  - when: x\n    value: 1\n    raises: {type: E}", "ends once"),
        ("version: 1\nrules:\n  - when: x\n    times: often", "often"),
        ("version: 1\nrules:\n  - when: {regex: '('}", "regular expression"),
        ("version: 1\nrules:\n  - when: x\n    steps: [{wait: soon}]", "is no time"),
        ("version: 1\nrules:\n  - when: x\n    steps: [{sing: la}]", "sing"),
        ("version: 1\nrules:\n  - when: x\n    raises: {type: E, mesage: m}", "mesage"),
        (
            "version: 1\nrules:\n  - when: x\n    raises: {type: E, frames: [{line: 1, function: f, sorce: s}]}",
            "sorce",
        ),
        (
            "version: 1\nrules:\n  - when: x\n    steps: [{display: {data: {text/plain: x}, metdata: {}}}]",
            "metdata",
        ),
        ("version: 1\nrules:\n  - when: x\n    steps: [{display: {text: x}}]", "no MIME type"),
    ] {
        let error = Script::from_yaml(yaml).unwrap_err();
        assert_eq!(error.code(), "config.invalid");
        let told = error.explain().to_string();
        assert!(told.contains(wrong), "{yaml:?} should be told with {wrong:?}:\n{told}");
    }
}
