//! The settings on the wire: each under the service's name for it, and nothing of what was not set. Bodies are compared whole.

use std::time::Duration;

use hibernaculum_backend_daytona::{DaytonaBackendBuilder, DaytonaProvider, Transport, Volume};
use hibernaculum_core::{HostLoss, Limits, NetworkPolicy, Sandbox, SandboxSpec, SandboxSpecBuilder};
use hibernaculum_testkit::daytona::{ErrorShape, Fault, Faults, On, StandInConfig, When};
use serde_json::{Value, json};

use crate::scene::{Scene, within};

const PREVIEW_URL: &str = "GET /sandbox/{sandboxIdOrName}/ports/{port}/preview-url";
/// The headers that every request has.
const HEADERS: [&str; 3] = ["authorization", "x-daytona-sdk-version", "x-daytona-source"];
/// The same with the organisation.
const OF_AN_ORGANISATION: [&str; 4] =
    ["authorization", "x-daytona-organization-id", "x-daytona-sdk-version", "x-daytona-source"];

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// The body of the order for one sandbox, which the service reads and refuses; without what differs each time, which is held to its rule.
async fn ordered(
    set: impl FnOnce(DaytonaBackendBuilder) -> DaytonaBackendBuilder,
    spec: SandboxSpecBuilder,
) -> Value {
    let refused = Fault::Refused { status: 403, shape: ErrorShape::Api };
    let faults = Faults::none().with(refused, On::Operation("POST /sandbox".to_owned()), When::always());
    let scene = Scene::of(StandInConfig { faults, ..StandInConfig::default() }, set).await;
    assert!(within(Sandbox::create(&scene.backend, spec.build().unwrap())).await.is_err());
    let mut orders = scene.asked("POST /sandbox");
    assert_eq!(orders.len(), 1);
    let mut body = orders.remove(0).body.unwrap();
    let labels = body.get_mut("labels").and_then(Value::as_object_mut).unwrap();
    let sandbox = labels.remove("hibernaculum.sandbox").unwrap();
    let created = labels.remove("hibernaculum.created").unwrap();
    assert!(created.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{created}");
    let name = body.as_object_mut().unwrap().remove("name").unwrap();
    let sandbox = sandbox.as_str().unwrap().parse().unwrap();
    assert_eq!(name, DaytonaProvider::name_of(sandbox));
    scene.close().await;
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_is_sent_under_its_name() {
    let mut part = Volume::new("vol-8", "/models");
    part.subpath = Some("small".to_owned());
    let set = |builder: DaytonaBackendBuilder| {
        builder
            .target("eu")
            .snapshot("science")
            .volumes([Volume::new("vol-7", "/data"), part])
            .network(NetworkPolicy::Full)
            .auto_stop(minutes(30))
            .auto_archive(minutes(120))
            .auto_delete(minutes(240))
            .ttl(minutes(48 * 60))
    };
    let spec = SandboxSpec::builder()
        .env("A", "b")
        .label("team", "den")
        .limits(Limits { wall_time: Some(minutes(60)), ..Limits::default() })
        .on_host_loss(HostLoss::Linger(minutes(2)));
    let expected = json!({
        "snapshot": "science",
        "env": { "A": "b" },
        "labels": {
            "team": "den", "hibernaculum.lingers": "yes", "hibernaculum.linger": "120", "hibernaculum.wall_time": "3600",
        },
        "target": "eu",
        "autoStopInterval": 30, "autoArchiveInterval": 120, "autoDeleteInterval": 240,
        "ttlMinutes": 61,
        "networkBlockAll": false,
        "volumes": [
            { "volumeId": "vol-7", "mountPath": "/data" },
            { "volumeId": "vol-8", "mountPath": "/models", "subpath": "small" },
        ],
    });
    assert_eq!(ordered(set, spec).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_set_is_not_sent() {
    let expected = json!({
        "labels": { "hibernaculum.lingers": "yes", "hibernaculum.linger": "300" },
        "autoStopInterval": 15, "autoDeleteInterval": 60, "ttlMinutes": 1440, "networkBlockAll": true,
    });
    assert_eq!(ordered(|builder| builder, SandboxSpec::builder()).await, expected);
    // One that ends with its host has no label that says otherwise.
    let killed = SandboxSpec::builder().on_host_loss(HostLoss::Kill);
    assert_eq!(ordered(|builder| builder, killed).await["labels"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_a_dockerfile_of_one_line_and_comes_with_sizes_and_no_snapshot() {
    let limits =
        Limits { cpus: Some(4.0), memory: Some(hibernaculum_core::ByteSize::gib(8)), ..Limits::default() };
    let spec = SandboxSpec::builder().limits(limits).on_host_loss(HostLoss::Kill);
    let expected = json!({
        "buildInfo": { "dockerfileContent": "FROM python:3.13-slim\n" },
        "labels": {}, "cpu": 4, "memory": 8,
        "autoStopInterval": 15, "autoDeleteInterval": 60, "ttlMinutes": 1440, "networkBlockAll": true,
    });
    assert_eq!(ordered(|builder| builder.image("python:3.13-slim"), spec).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_whole_minutes_rounded_up_and_zero_where_that_means_something() {
    let set = |builder: DaytonaBackendBuilder| {
        builder
            .auto_stop(Duration::from_secs(61))
            .auto_archive(Duration::ZERO)
            .auto_delete(Duration::ZERO)
            .ttl(Duration::from_millis(1))
    };
    let order = ordered(set, SandboxSpec::builder()).await;
    let told = ["autoStopInterval", "autoArchiveInterval", "autoDeleteInterval", "ttlMinutes"];
    assert_eq!(told.map(|name| order[name].as_u64()), [Some(2), Some(0), Some(0), Some(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_policy_is_three_fields_at_most_and_the_specs_wins() {
    let hosts = |hosts: &[&str]| NetworkPolicy::AllowList {
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
    };
    for (policy, expected) in [
        (NetworkPolicy::Loopback, json!({ "networkBlockAll": true })),
        (NetworkPolicy::Full, json!({ "networkBlockAll": false })),
        (hosts(&["10.0.0.0/8", "192.0.2.7"]), json!({ "networkAllowList": "10.0.0.0/8,192.0.2.7/32" })),
        (hosts(&["pypi.org", "*.pypi.org"]), json!({ "domainAllowList": "pypi.org,*.pypi.org" })),
        (
            hosts(&["pypi.org", "10.0.0.0/8"]),
            json!({ "networkAllowList": "10.0.0.0/8", "domainAllowList": "pypi.org" }),
        ),
    ] {
        // By the backend's default, and by a spec that overrides another default.
        let default = policy.clone();
        let by_default = ordered(|builder| builder.network(default), SandboxSpec::builder()).await;
        let other = if policy == NetworkPolicy::Full { NetworkPolicy::Loopback } else { NetworkPolicy::Full };
        let by_spec = ordered(|builder| builder.network(other), SandboxSpec::builder().network(policy)).await;
        for order in [by_default, by_spec] {
            let mut fields = order.as_object().unwrap().clone();
            fields.retain(|name, _| name.contains("etwork") || name.contains("omain"));
            assert_eq!(Value::Object(fields), expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organisation_is_in_every_request_where_it_is_set_and_else_in_none() {
    for (organization, headers) in [(None, &HEADERS[..]), (Some("org-7"), &OF_AN_ORGANISATION[..])] {
        let scene = Scene::of(StandInConfig::default(), |builder| {
            let builder = builder.transport(Transport::Proxy);
            match organization {
                Some(id) => builder.organization(id),
                None => builder,
            }
        })
        .await;
        let (sandbox, session) = scene.session().await;
        assert_eq!(within(session.execute("6 * 7")).await.unwrap().value().unwrap().repr, "42");
        within(sandbox.close()).await.unwrap();
        let requests = scene.service.requests();
        assert!(
            requests.iter().any(|request| request.path.contains("/proxy/")),
            "the WebSockets are among them"
        );
        for request in requests {
            assert_eq!(request.organization.as_deref(), organization, "{}", request.operation);
            assert_eq!(request.source.as_deref(), Some("hibernaculum"), "{}", request.operation);
            assert_eq!(request.headers, headers, "{}", request.operation);
        }
        scene.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_url_is_given_its_own_token_and_nothing_of_the_accounts() {
    let scene = Scene::of(StandInConfig::default(), |builder| {
        builder.transport(Transport::Preview).organization("org-7")
    })
    .await;
    let (sandbox, session) = scene.session().await;
    assert_eq!(within(session.execute("6 * 7")).await.unwrap().value().unwrap().repr, "42");
    within(sandbox.close()).await.unwrap();
    let requests = scene.service.requests();
    let (api, preview): (Vec<_>, Vec<_>) = requests
        .into_iter()
        .partition(|request| request.path.starts_with("/api/") || request.path.starts_with("/toolbox/"));
    assert!(api.iter().any(|request| request.operation == PREVIEW_URL));
    assert!(api.iter().all(|request| request.headers == OF_AN_ORGANISATION));
    assert!(!preview.is_empty());
    for request in preview {
        assert_eq!(request.headers, ["x-daytona-preview-token"], "{}", request.path);
        assert_eq!((request.source, request.organization), (None, None));
    }
    scene.close().await;
}
