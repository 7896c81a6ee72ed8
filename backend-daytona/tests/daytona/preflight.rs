//! What cannot be said in the service's terms is refused before anything is asked of it.

use std::time::Duration;

use hibernaculum_core::{ByteSize, Limits, NetworkPolicy, Sandbox, SandboxSpec, SandboxSpecBuilder};

use hibernaculum_testkit::daytona::StandInConfig;

use crate::scene::{Scene, within};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_mapped_is_refused_before_anything_is_started() {
    let scene = Scene::of(StandInConfig::default(), |builder| builder.image("python:3.13-slim")).await;
    let limits = |limits: Limits| SandboxSpec::builder().limits(limits);
    let network = |policy| SandboxSpec::builder().network(policy);
    let hosts = |host: &str| NetworkPolicy::AllowList { hosts: vec![host.to_owned()] };
    let refused: [(&str, SandboxSpecBuilder); 6] = [
        ("half a core", limits(Limits { cpus: Some(0.5), ..Limits::default() })),
        ("1.5 GiB", limits(Limits { memory: Some(ByteSize::mib(1536)), ..Limits::default() })),
        ("processes", limits(Limits { processes: Some(64), ..Limits::default() })),
        ("no network at all", network(NetworkPolicy::None)),
        ("a port", network(hosts("example.org:443"))),
        ("a list in a list", network(hosts("a.org,b.org"))),
    ];
    for (what, spec) in refused {
        let error = within(Sandbox::create(&scene.backend, spec.build().unwrap())).await.unwrap_err();
        assert_eq!(error.code(), "unsupported", "{what}: {error}");
    }
    assert!(scene.service.requests().is_empty(), "the service was not asked");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_mapped_is_asked_for() {
    let scene = Scene::of(StandInConfig::default(), |builder| builder.image("python:3.13-slim")).await;
    let limits = Limits {
        cpus: Some(2.0),
        memory: Some(ByteSize::gib(3)),
        disk: Some(ByteSize::gib(5)),
        wall_time: Some(Duration::from_mins(10)),
        ..Limits::default()
    };
    let hosts = ["10.0.0.0/8", "pypi.org"].map(str::to_owned).to_vec();
    let spec =
        SandboxSpec::builder().limits(limits).network(NetworkPolicy::AllowList { hosts }).build().unwrap();
    let sandbox = within(Sandbox::create(&scene.backend, spec)).await.unwrap();
    let order = scene.asked("POST /sandbox").remove(0).body.unwrap();
    assert_eq!(order["buildInfo"]["dockerfileContent"], "FROM python:3.13-slim\n");
    assert_eq!((&order["cpu"], &order["memory"], &order["disk"]), (&2.into(), &3.into(), &5.into()));
    assert_eq!(
        (&order["networkAllowList"], &order["domainAllowList"]),
        (&"10.0.0.0/8".into(), &"pypi.org".into())
    );
    assert_eq!(order["ttlMinutes"], 11);
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}
