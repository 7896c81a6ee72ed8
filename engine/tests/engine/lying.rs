//! Runners that lie, at random: whatever a session's process says, and in whatever order, each call ends, and other sessions are not hurt.

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Backend, Error, ExecutionRequest, Sandbox, SandboxSpec, Session};
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

/// A deadline of five seconds, the grace, the kill and the new process; and then some.
const LIMIT: Duration = Duration::from_mins(1);

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
    // What a lie left behind (text that waits for output which never comes) costs one more execution its deadline, and the liar its process.
    let first = ended(&session, "1 + 1").await;
    if !matches!(&first, Ok(Some(value)) if value == "2") {
        assert!(matches!(first, Ok(None)), "{words:?}: {first:?}");
        assert_eq!(ended(&session, "1 + 1").await.unwrap().as_deref(), Some("2"), "after {words:?}");
    }
    tokio::time::timeout(LIMIT, session.close()).await.expect("it closes").unwrap();
    tokio::time::timeout(LIMIT, sandbox.close()).await.expect("it closes").unwrap();
}

/// Runs code, and gives the `repr` of its value; the call must end.
async fn ended(session: &Session, code: &str) -> Result<Option<String>, Error> {
    let request = ExecutionRequest::new(code).timeout(Duration::from_secs(5));
    let result = tokio::time::timeout(LIMIT, session.execute(request)).await.expect("the call ends")?;
    Ok(result.value().map(|value| value.repr.clone()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_runner_says_each_call_ends_and_nobody_else_is_hurt(words in words()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(survives(&words));
    }
}
