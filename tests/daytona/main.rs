//! The stand-in for Daytona's service, judged by somebody else's client: the official Python SDK, 0.205.1, as the specs.
//!
//! `.ci/daytona_sdk.sh` installs the SDK, names its Python in `HIBERNACULUM_DAYTONA_SDK` and runs all of this. Where it cannot be installed the script
//! says so, and fails where `HIBERNACULUM_REQUIRE` names `daytona-sdk`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by a panic")]

mod compare;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use hibernaculum_testkit::daytona::{
    Fault, Faults, On, Recorded, SERVED, Shape, StandIn, StandInConfig, When, exceptions,
};
use tokio::process::Command;

/// How long the SDK may take for everything.
const LIMIT: Duration = Duration::from_mins(2);

/// A Python that has the SDK.
fn python() -> PathBuf {
    std::env::var_os("HIBERNACULUM_DAYTONA_SDK")
        .expect("HIBERNACULUM_DAYTONA_SDK names a Python with the SDK")
        .into()
}

/// What the SDK sends, written down, so that another client is compared with it where there is no SDK.
fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("daytona/sdk_requests.txt")
}

fn recorded() -> BTreeSet<Shape> {
    std::fs::read_to_string(recording()).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

/// The SDK at work, against a stand-in.
async fn drive(python: &Path, job: &str, stand_in: &StandIn) -> Output {
    let mut command = Command::new(python);
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("daytona/sdk.py"))
        .arg(job)
        .env("DAYTONA_API_URL", stand_in.api_url())
        .env("DAYTONA_API_KEY", stand_in.api_key())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{job}: {}\n{told}", String::from_utf8_lossy(&output.stdout));
    output
}

#[tokio::test]
#[ignore = "needs the official SDK: .ci/daytona_sdk.sh installs it and runs this"]
async fn the_official_sdk_does_everything_that_there_is_and_finds_it_as_the_specs_say() {
    let python = python();
    let stand_in = StandIn::start(StandInConfig::default()).await.unwrap();
    drive(&python, "everything", &stand_in).await;

    let violations: Vec<String> = stand_in.violations().iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{violations:#?}");
    let asked: BTreeSet<String> = stand_in.requests().into_iter().map(|request| request.operation).collect();
    let missed: Vec<&&str> = SERVED.iter().filter(|name| !asked.contains(**name)).collect();
    assert!(missed.is_empty(), "served, and never asked for: {missed:?}");
    let beyond: Vec<&String> = asked.iter().filter(|name| !SERVED.contains(&name.as_str())).collect();
    assert!(beyond.is_empty(), "asked for, and not served: {beyond:?}");

    let headers: BTreeSet<Vec<String>> =
        stand_in.requests().into_iter().map(|request| request.headers).collect();
    assert_eq!(headers, BTreeSet::from([compare::HEADERS.map(str::to_owned).to_vec()]));
    let shapes: BTreeSet<Shape> = stand_in.requests().iter().map(Recorded::shape).collect();
    stand_in.close().await;
    if std::env::var_os("UPDATE_DAYTONA_SDK").is_some() {
        let lines: Vec<String> = shapes.iter().map(ToString::to_string).collect();
        std::fs::write(recording(), lines.join("\n") + "\n").unwrap();
    }
    assert_eq!(shapes, recorded(), "UPDATE_DAYTONA_SDK=1 records anew");
}

#[tokio::test]
#[ignore = "needs the official SDK: .ci/daytona_sdk.sh installs it and runs this"]
async fn the_official_sdk_knows_each_refusal_for_what_it_is() {
    let python = python();
    let read = || On::Operation("GET /sandbox/{sandboxIdOrName}".to_owned());
    let throttled =
        Fault::Throttled { throttler: "authenticated".into(), retry_after: Duration::from_secs(1) };
    let faults = Faults::none()
        .with(throttled, read(), When::next(1))
        .with(Fault::Conflict, read(), When::Counted { skip: 1, times: 1 })
        .with(Fault::BadGateway, read(), When::Counted { skip: 2, times: 1 })
        .with(Fault::NoRunnerInfo, On::Operation("GET /work-dir".to_owned()), When::next(1));
    let stand_in = StandIn::start(StandInConfig { faults, ..StandInConfig::default() }).await.unwrap();
    drive(&python, "errors", &stand_in).await;
    assert_eq!(stand_in.violations(), []);
    stand_in.close().await;
}

/// Needs no SDK: what is not held to the specs is listed, each with a source.
#[test]
fn every_exception_from_the_specs_says_on_whose_word() {
    for exception in exceptions() {
        let told = [exception.operation, exception.specs, exception.here, exception.source];
        assert!(told.iter().all(|text| !text.is_empty()), "{exception:?}");
    }
}
