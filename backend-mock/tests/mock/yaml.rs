//! Scripts in YAML say what scripts in Rust say.

use hibernaculum_backend_mock::Script;
use hibernaculum_core::{EventKind, ExecutionRequest, StateAfter, Status, StdinPolicy};

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
    let request =
        ExecutionRequest::new(code).stdin(StdinPolicy::Ask).timeout(hibernaculum_core::Timeout::Unlimited);
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
    ] {
        let error = Script::from_yaml(yaml).unwrap_err();
        assert_eq!(error.code(), "config.invalid");
        let told = error.explain().to_string();
        assert!(told.contains(wrong), "{yaml:?} should be told with {wrong:?}:\n{told}");
    }
}
