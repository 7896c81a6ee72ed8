//! What our backend sends, beside what the official SDK sends for the same jobs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum::daytona::Transport;
use hibernaculum::{
    Backend, ByteSize, DaytonaBackend, DaytonaBackendBuilder, Limits, NetworkPolicy, Sandbox, SandboxSpec,
};
use hibernaculum_testkit::daytona::{Recorded, Shape, StandIn, StandInConfig, differences};

use super::recorded;

/// What the two differ in, for operations that both use. Not told, because the SDK does not always say it either: an empty `volumes`, which ours
/// leaves out.
const DIFFERENCES: &[&str] = &[];
/// The headers by which the service tells clients from each other, on every request of the SDK.
pub(crate) const HEADERS: [&str; 3] = ["authorization", "x-daytona-sdk-version", "x-daytona-source"];

#[tokio::test(flavor = "multi_thread")]
async fn the_backend_asks_for_nothing_that_the_official_sdk_does_not_and_in_the_same_words() {
    let stand_in = StandIn::start(StandInConfig::default()).await.unwrap();
    for transport in [Transport::Proxy, Transport::Preview] {
        job(builder(&stand_in).transport(transport), SandboxSpec::default()).await;
    }
    let sized = Limits { cpus: Some(2.0), memory: Some(ByteSize::gib(4)), ..Limits::default() };
    job(builder(&stand_in).image("python:3.13"), SandboxSpec::builder().limits(sized).build().unwrap()).await;
    let hosts = ["10.0.0.0/8", "example.com"].map(str::to_owned).to_vec();
    let reaching =
        SandboxSpec::builder().network(NetworkPolicy::AllowList { hosts }).env("A", "b").label("c", "d");
    job(builder(&stand_in).target("local"), reaching.build().unwrap()).await;
    assert_eq!(stand_in.violations(), []);

    let mut requests = stand_in.requests();
    requests.retain(|request| request.operation != "proxy");
    assert!(requests.iter().all(|request| request.headers == HEADERS), "{requests:#?}");
    let ours: BTreeSet<Shape> = requests.iter().map(Recorded::shape).collect();
    let theirs = recorded();
    let unknown: Vec<&Shape> = ours
        .iter()
        .filter(|shape| !theirs.iter().any(|known| known.operation() == shape.operation()))
        .collect();
    assert!(unknown.is_empty(), "the SDK has no such call: {unknown:?}");
    assert_eq!(differences(&ours, &theirs), DIFFERENCES);
    stand_in.close().await;
}

fn builder(stand_in: &StandIn) -> DaytonaBackendBuilder {
    let python = std::env::var("HIBERNACULUM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    DaytonaBackend::builder().api_url(stand_in.api_url()).api_key(stand_in.api_key()).python(python)
}

/// A sandbox from its making to its end, with one execution.
async fn job(builder: DaytonaBackendBuilder, spec: SandboxSpec) {
    let backend: Arc<dyn Backend> = builder.build().unwrap();
    let work = async {
        let sandbox = Sandbox::create(&backend, spec).await.unwrap();
        let session = sandbox.session().await.unwrap();
        assert_eq!(session.execute("6 * 7").await.unwrap().value().unwrap().repr, "42");
        backend.list().await.unwrap();
        sandbox.close().await.unwrap();
    };
    tokio::time::timeout(Duration::from_mins(1), work).await.unwrap();
}
