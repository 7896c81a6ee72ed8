//! Sandboxes that outlive their host: let go of, or left by one that died, and taken over by the next.

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Backend, ExecutionId, HostLoss, Sandbox, SandboxSpec, Session, SessionId};
use hibernaculum_testkit::daytona::{StandIn, StandInConfig};

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
