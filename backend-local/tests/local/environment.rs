//! What a sandbox sees of the host.

use std::process::Stdio;

use hibernaculum_core::Sandbox;

use crate::host::{Host, LONG, SECRET};
use crate::scene::{Scene, value, within};

/// The host is a process of its own, because a test cannot set variables of its own process.
#[tokio::test]
async fn a_secret_of_the_host_is_absent_and_what_is_passed_is_there() {
    let scene = Scene::new();
    let mut host = Host::start(&scene, "environment");
    let seen = host.report();
    assert_eq!(
        seen["secret"],
        serde_json::Value::Null,
        "neither in the session nor in a process that it starts"
    );
    assert_eq!(
        seen["passed"],
        format!("{SECRET} that was passed"),
        "the control: the same value by the way that is meant for it"
    );
    assert_eq!(seen["own"], "of the spec");
    assert_eq!(seen["path"], std::env::var("PATH").unwrap());
    host.end().await;
}

#[tokio::test]
async fn descriptors_of_the_host_stay_with_the_host() {
    let scene = Scene::new();
    // What C code of a host opens is not close-on-exec: a shell leaves such a descriptor to its child.
    let held = scene.path().join("held");
    std::fs::write(&held, "x").unwrap();
    let mut host = Host::start_with(&scene, "descriptors", |command| {
        command.stdin(Stdio::piped()).env("HIBERNACULUM_TEST_HELD", &held);
    });
    let seen = host.report();
    let files = seen["files"].as_array().unwrap();
    assert!(seen["host_has_it"].as_bool().unwrap(), "the control: the host itself has inherited it");
    assert!(!files.iter().any(|file| file == held.to_str().unwrap()), "{files:?}");
    host.end().await;
}

#[tokio::test]
async fn a_host_without_descriptors_says_so_and_goes_on() {
    let scene = Scene::new();
    let mut host = Host::start(&scene, "no descriptors");
    let seen = host.report();
    assert_eq!(seen["code"], "session.start", "there is no session without a connection");
    assert!(seen["refused"].to_string().contains("Too many open files"), "{seen}");
    assert_eq!(seen["answer"], 42, "a session that runs runs on");
    assert_eq!(seen["long"], LONG, "so it does where the host has to wait for room");
    assert_eq!(seen["afterwards"], 1, "the control: it was that limit");
    host.end().await;
}

#[tokio::test]
async fn a_sandbox_has_a_process_group_and_a_working_directory_of_its_own() {
    let scene = Scene::new();
    let backend = scene.backend();
    let sandbox = within(Sandbox::create(&backend, scene.spec().build().unwrap())).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let seen =
        value(&session, "import os; [os.getcwd(), os.getpgrp(), os.stat(os.getcwd()).st_mode & 0o777]").await;
    assert_eq!(seen[0], sandbox.info().await.unwrap().workdir);
    assert_ne!(seen[1], rustix::process::getpgrp().as_raw_nonzero().get());
    assert_eq!(seen[2], 0o700);
    within(sandbox.close()).await.unwrap();
}
