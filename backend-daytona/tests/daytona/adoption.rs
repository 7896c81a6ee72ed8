//! Sandboxes that outlive their host: let go of, or left by one that died, and taken over by the next.

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Backend, ExecutionId, HostLoss, Sandbox, SandboxSpec, Session, SessionId};
use hibernaculum_testkit::daytona::{StandIn, StandInConfig};
use serde_json::{Value, json};

use crate::scene::{builder, within};

const CODE: &str = "import os, time\nx.append(2)\nprint('before')\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('after'); 6 * 7";

/// A sandbox in which something runs.
async fn running(backend: &Arc<dyn Backend>) -> (Sandbox, SessionId, ExecutionId) {
    let sandbox = within(Sandbox::create(backend, SandboxSpec::default())).await.unwrap();
    let session = within(sandbox.session()).await.unwrap();
    within(session.execute("x = [1]")).await.unwrap();
    let mut execution = within(session.start(CODE)).await.unwrap();
    while within(execution.next()).await.is_some_and(|event| !format!("{event:?}").contains("before")) {}
    (sandbox, session.keep(), execution.detach())
}

/// Takes everything over: it takes a moment until a host is missed that died.
async fn adopted(backend: &Arc<dyn Backend>) -> Sandbox {
    within(async {
        loop {
            if let Some(sandbox) = Sandbox::adopt(backend).await.unwrap().pop() {
                return sandbox;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

async fn goes_on(backend: &Arc<dyn Backend>, sandbox: &Sandbox, session: SessionId, execution: ExecutionId) {
    let session = Session::of(backend, session);
    let told = within(session.attach(&execution, 0)).await.unwrap();
    within(sandbox.files().write("go", "")).await.unwrap();
    let told = within(told).await.unwrap();
    assert_eq!((told.stdout.as_str(), told.value().unwrap().repr.as_str()), ("before\nafter\n", "42"));
    assert_eq!(within(session.execute("x")).await.unwrap().value().unwrap().repr, "[1, 2]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_is_let_go_of_is_the_next_hosts() {
    let service = StandIn::start(StandInConfig::default()).await.unwrap();
    let (first, second) = (builder(&service).build().unwrap(), builder(&service).build().unwrap());
    let (sandbox, session, execution) = running(&first).await;
    assert!(within(Sandbox::adopt(&second)).await.unwrap().is_empty(), "it has a host");
    within(sandbox.release()).await.unwrap();
    let sandbox = adopted(&second).await;
    goes_on(&second, &sandbox, session, execution).await;
    within(sandbox.close()).await.unwrap();
    drop((first, second));
    service.close().await;
}

#[test]
fn a_sandbox_whose_host_died_is_the_next_hosts() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let keeper = runtime();
    let service = keeper.block_on(StandIn::start(StandInConfig::default())).unwrap();
    // A host that dies runs nothing of its own any more: no drop, no last word.
    let dying = runtime();
    let (session, execution) = dying.block_on(async {
        let backend = builder(&service).build().unwrap();
        let (sandbox, session, execution) = running(&backend).await;
        std::mem::forget((sandbox, backend));
        (session, execution)
    });
    dying.shutdown_background();
    keeper.block_on(async {
        let backend = builder(&service).build().unwrap();
        let sandbox = adopted(&backend).await;
        goes_on(&backend, &sandbox, session, execution).await;
        within(sandbox.close()).await.unwrap();
        drop(backend);
        service.close().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_is_to_end_with_its_host_is_nobodys() {
    let service = StandIn::start(StandInConfig::default()).await.unwrap();
    let (first, second) = (builder(&service).build().unwrap(), builder(&service).build().unwrap());
    let spec = SandboxSpec::builder().on_host_loss(HostLoss::Kill).build().unwrap();
    let sandbox = within(Sandbox::create(&first, spec)).await.unwrap();
    assert_eq!(within(first.release(&sandbox.id())).await.unwrap_err().code(), "config.invalid");
    assert!(within(Sandbox::adopt(&second)).await.unwrap().is_empty());
    within(sandbox.close()).await.unwrap();
    drop((first, second));
    service.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_the_service_made_of_a_sandbox_is_not_taken_for_it() {
    let service = StandIn::start(StandInConfig::default()).await.unwrap();
    let (first, second) = (builder(&service).build().unwrap(), builder(&service).build().unwrap());
    let (sandbox, session, execution) = running(&first).await;
    let original = service.sandboxes().remove(0).0;
    // A fork has the labels of what it is of. With memory it would have its runner too, with the same secret: here the same runner is seen through its proxy,
    // for all sandboxes of the stand-in share this machine's loopback, and the command that it was begun with is there.
    let fork = ask(&service, &format!("/api/sandbox/{original}/fork"), json!({ "name": "a-copy" })).await;
    let copy = fork["id"].as_str().unwrap().to_owned();
    within(async {
        while !service.sandboxes().contains(&(copy.clone(), "started".to_owned())) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let shell = format!("hibernaculum-{}", sandbox.id());
    let toolbox = format!("/toolbox/{copy}/process/session");
    ask(&service, &toolbox, json!({ "sessionId": shell })).await;
    ask(&service, &format!("{toolbox}/{shell}/exec"), json!({ "command": "sleep 60", "runAsync": true }))
        .await;

    within(sandbox.release()).await.unwrap();
    let sandbox = adopted(&second).await;
    let entered = format!("/toolbox/{copy}/proxy/");
    assert!(
        !service.requests().iter().any(|request| request.path.starts_with(&entered)),
        "nobody knocks there"
    );
    goes_on(&second, &sandbox, session, execution).await;
    within(sandbox.close()).await.unwrap();
    let left: Vec<_> = service.sandboxes().into_iter().map(|(id, _)| id).collect();
    assert_eq!(left, [copy], "the original was closed, and the copy is its maker's");
    drop((first, second));
    service.close().await;
}

/// A request of somebody else who has the key.
async fn ask(service: &StandIn, path: &str, body: Value) -> Value {
    let url = format!("{}{path}", service.api_url().trim_end_matches("/api"));
    let request = reqwest::Client::new().post(url).bearer_auth(service.api_key()).json(&body);
    within(request.send()).await.unwrap().error_for_status().unwrap().json().await.unwrap_or_default()
}
