//! Runners that lie: whatever a session's process says, and in whatever order, each call ends, and other sessions are not hurt.

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{
    Backend, CrashCause, Error, ExecutionRequest, ExecutionResult, Sandbox, SandboxSpec, Session, StateAfter,
    Status,
};
use hibernaculum_engine::Engine;
use proptest::prelude::*;

use crate::scripted::{Lie, Scripted};

/// What a runner may say instead of its answer, one a line. `{id}` stands for the execution's number.
const WORDS: &[&str] = &[
    r#"{"jsonrpc":"2.0","method":"event","params":{"event":"output","execution":{id},"stream":"stdout","pos":0,"bytes":2,"raw":[0,0],"at":1,"text":"hi"}}"#,
    r#"{"jsonrpc":"2.0","method":"event","params":{"event":"output","execution":{id},"stream":"stderr","pos":7,"bytes":2,"raw":[9,9],"at":1,"text":"early"}}"#,
    r#"{"jsonrpc":"2.0","method":"event","params":{"event":"output","execution":9007199254740991,"stream":"stdout","pos":0,"bytes":0,"raw":[0,0],"at":0,"text":""}}"#,
    r#"{"jsonrpc":"2.0","method":"event","params":{"event":"output","execution":0,"stream":"stdout","pos":18446744073709551615,"bytes":18446744073709551615,"raw":[18446744073709551615,0],"at":18446744073709551615,"text":"x"}}"#,
    r#"{"jsonrpc":"2.0","method":"event","params":{"event":"output","execution":{id},"stream":"stdout","pos":0,"bytes":9,"raw":[0,0],"at":1,"text":{"transfer":5,"bytes":9}}}"#,
    r#"{"jsonrpc":"2.0","method":"event","params":{"event":"display","execution":{id},"data":{"text/plain":"x"},"raw":[0,0],"at":1}}"#,
    r#"{"jsonrpc":"2.0","method":"event","params":{"event":"sparkle"}}"#,
    r#"{"jsonrpc":"2.0","method":"died","params":{}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"input","params":{"execution":{id},"prompt":"? ","password":false,"raw":[0,0],"at":1}}"#,
    r#"{"jsonrpc":"2.0","id":"x","method":"input","params":{"execution":77,"prompt":"? ","password":true,"raw":[5,0],"at":1}}"#,
    r#"{"jsonrpc":"2.0","id":2,"method":"steal","params":{}}"#,
    r#"{"jsonrpc":"2.0","id":{id},"result":{"execution":{id},"status":"completed","raw":[0,0],"text_pos":0,"at":1}}"#,
    r#"{"jsonrpc":"2.0","id":{id},"result":{"execution":{id},"status":"completed","raw":[1000000,0],"text_pos":1000000,"at":1}}"#,
    r#"{"jsonrpc":"2.0","id":{id},"result":{"status":7}}"#,
    r#"{"jsonrpc":"2.0","id":{id},"error":{"code":-32000,"message":"no"}}"#,
    r#"{"jsonrpc":"2.0","id":999,"result":{}}"#,
    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}"#,
    r#"{"jsonrpc":"1.0","id":{id},"result":{}}"#,
    "[]",
    "}{",
    "",
    "\u{fffd}",
    "!chunk",
    "!half",
    "!answer",
    "!answer",
];

fn words() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(WORDS), 0..8)
}

/// The deadline of each execution. Time is paused: whoever has to wait for it is found out, and costs nothing.
const DEADLINE: Duration = Duration::from_mins(5);
/// The deadline, the grace, the kill and the new process; and then some.
const LIMIT: Duration = Duration::from_mins(6);
/// How long a lie about positions may go unnoticed.
const NOTICED: Duration = Duration::from_secs(11);

/// Text that must not be told before nine bytes of raw output on each descriptor, which never come.
const WAITS_FOR_NOTHING: &str = r#"{"jsonrpc":"2.0","method":"event","params":{"event":"output","execution":{id},"stream":"stdout","pos":0,"bytes":5,"raw":[9,9],"at":1,"text":"early"}}"#;

async fn survives(words: &[&str]) {
    let backend: Arc<dyn Backend> = Arc::new(Engine::new(Scripted { lie: Lie::None }).unwrap());
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let (session, other) = (sandbox.session().await.unwrap(), sandbox.session().await.unwrap());

    let lied = ended(&session, &format!("babble\n{}", words.join("\n"))).await;
    if let Err(error) = lied {
        let is_typed = matches!(error, Error::Transport(_) | Error::Session(_) | Error::Execution(_));
        assert!(is_typed, "{words:?}: {error:?}");
    }
    // Nobody else is hurt.
    assert_eq!(ended(&other, "1 + 1").await.unwrap().as_deref(), Some("2"), "{words:?}");
    // What a lie left behind (text that waits for output which never comes) costs the liar its process, and not its next execution the deadline.
    let began = tokio::time::Instant::now();
    let first = ended(&session, "1 + 1").await;
    assert!(began.elapsed() < NOTICED, "{words:?}: {:?}", began.elapsed());
    if !matches!(&first, Ok(Some(value)) if value == "2") {
        assert!(matches!(first, Ok(None)), "{words:?}: {first:?}");
        assert_eq!(ended(&session, "1 + 1").await.unwrap().as_deref(), Some("2"), "after {words:?}");
    }
    tokio::time::timeout(LIMIT, session.close()).await.expect("it closes").unwrap();
    tokio::time::timeout(LIMIT, sandbox.close()).await.expect("it closes").unwrap();
}

/// Runs code; the call must end.
async fn run(session: &Session, code: &str) -> Result<ExecutionResult, Error> {
    let request = ExecutionRequest::new(code).timeout(DEADLINE);
    tokio::time::timeout(LIMIT, session.execute(request)).await.expect("the call ends")
}

/// The `repr` of its value.
async fn ended(session: &Session, code: &str) -> Result<Option<String>, Error> {
    Ok(run(session, code).await?.value().map(|value| value.repr.clone()))
}

/// The session was caught at it, long before the deadline: it crashed, and goes on with a fresh process.
async fn is_caught(words: &[&str]) {
    let backend: Arc<dyn Backend> = Arc::new(Engine::new(Scripted { lie: Lie::None }).unwrap());
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let began = tokio::time::Instant::now();
    let caught = run(&session, &format!("babble\n{}", words.join("\n"))).await.unwrap();
    assert!(began.elapsed() < NOTICED, "{:?}", began.elapsed());
    assert_eq!((caught.status(), caught.state()), (Status::Crashed, &StateAfter::Lost));
    assert_eq!(caught.crash(), Some(&CrashCause::Killed { reason: "protocol".to_owned() }));
    assert_eq!(ended(&session, "1 + 1").await.unwrap().as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_output_that_never_comes_is_killed_and_told() {
    is_caught(&[WAITS_FOR_NOTHING]).await;
    is_caught(&[WAITS_FOR_NOTHING, "!answer"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_reset_breaks_no_protocol() {
    let backend: Arc<dyn Backend> = Arc::new(Engine::new(Scripted { lie: Lie::None }).unwrap());
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let died = run(&session, "reset").await.unwrap();
    assert_eq!((died.status(), died.state()), (Status::Crashed, &StateAfter::Lost));
    assert_eq!(died.crash(), Some(&CrashCause::Signal { signal: 9, name: "SIGKILL".to_owned() }));
    assert_eq!(ended(&session, "1 + 1").await.unwrap().as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_reads_no_further_still_notices_what_it_waits_for() {
    // Ten times as much as the host keeps of it.
    is_caught(&["!megabyte"; 32]).await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_without_end_is_killed_and_told() {
    let question = r#"{"jsonrpc":"2.0","id":N,"method":"input","params":{"execution":{id},"prompt":"? ","password":false,"raw":[0,0],"text_pos":0,"at":1}}"#;
    let questions: Vec<_> = (0..100).map(|id| question.replace('N', &id.to_string())).collect();
    is_caught(&questions.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_runner_says_each_call_ends_and_nobody_else_is_hurt(words in words()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(survives(&words));
    }
}
