//! `hib` with sandboxes in containers: only where it is built with them, and where there is an engine with an image.

use std::process::Command;
use std::time::{Duration, Instant};

use hibernaculum_testkit::Requirements;
use serde_json::{Value, json};

use crate::driver::{Ran, hib};
use crate::stdio::Client;

/// The image that tests run in. Where there is none a test says so, and fails instead where `HIBERNACULUM_REQUIRE` names `docker`.
pub(crate) fn image() -> Option<String> {
    let image = std::env::var("HIBERNACULUM_IMAGE").ok().filter(|name| !name.is_empty());
    if image.is_none() {
        let reason = "HIBERNACULUM_IMAGE names no image to make sandboxes of";
        assert!(
            !Requirements::from_env().demand("docker"),
            "HIBERNACULUM_REQUIRE demands `docker`, but: {reason}"
        );
        #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
        {
            eprintln!("skipped: {reason}");
        }
    }
    image
}

/// `hib`, told of that image by its environment.
pub(crate) fn docker(image: &str, words: &[&str]) -> Ran {
    hib([])
        .command(|command| {
            command.args(words).env("HIBERNACULUM_IMAGE", image);
        })
        .run()
}

/// What the engine's own program says.
pub(crate) fn engine(words: &[&str]) -> Result<String, String> {
    let ran = Command::new("docker").args(words).output().unwrap();
    let (said, complaint) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if ran.status.success() { Ok(said.trim().to_owned()) } else { Err(complaint.into_owned()) }
}

#[test]
fn code_runs_in_a_container_over_either_transport() {
    let Some(image) = image() else { return };
    let code = "import os; x = os.getcwd(), os.uname().nodename\nprint(x)";
    for transport in ["socket", "exec"] {
        let ran = docker(
            &image,
            &["run", "--backend", "docker", "--transport", transport, "-c", code, "-c", "print(x[1])"],
        );
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(0), "('/hibernaculum/work', 'sandbox')\nsandbox\n"),
            "{ran:?}"
        );
    }
}

/// Nobody asked for them: they are the backend's own.
#[test]
fn limits_of_a_container_are_told_and_hold() {
    let Some(image) = image() else { return };
    let told = hib(["repl", "--backend", "docker", "--timeout", "40s"])
        .env("HIBERNACULUM_IMAGE", &image)
        .stdin(":limits\nfrom resource import *; getrlimit(RLIMIT_NOFILE)[1], getrlimit(RLIMIT_FSIZE)[1]\n")
        .run();
    let text = told.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for limit in [
        "isolation container, network loopback",
        "memory the whole sandbox 2GiB",
        "cpus the whole sandbox not set",
        "processes the whole sandbox 1024 processes and threads",
        "disk the whole sandbox 1GiB",
        "process_open_files each process 16384 open files",
        "process_file_size each process 2048GiB a file",
        "time of each input 40s (--timeout)",
        "(16384, 2199023255552)",
    ] {
        assert!(text.contains(limit), "{limit:?} is not in {told:?}");
    }
}

#[test]
fn an_image_that_is_not_there_names_the_command_that_makes_one() {
    let Some(image) = image() else { return };
    let ran =
        docker(&image, &["run", "--backend", "docker", "--image", "hibernaculum-nothing:never", "-c", "1"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("hib image build"), "{ran:?}");
}

/// What is built last is what is taken. Whoever had built one before has it again afterwards.
struct Latest {
    before: Option<String>,
    built: Option<String>,
}

impl Latest {
    const NAME: &str = "hibernaculum:latest";

    fn kept() -> Self {
        Self { before: engine(&["image", "inspect", "--format", "{{.Id}}", Self::NAME]).ok(), built: None }
    }
}

impl Drop for Latest {
    fn drop(&mut self) {
        let _ = match &self.before {
            Some(id) => engine(&["tag", id, Self::NAME]),
            None => engine(&["rmi", "--force", Self::NAME]),
        };
        if let Some(name) = &self.built {
            let _ = engine(&["rmi", "--force", name]);
        }
    }
}

#[test]
fn the_image_that_was_built_last_is_taken_and_without_one_the_command_is_named() {
    let Some(image) = image() else { return };
    let mut latest = Latest::kept();
    // Satisfied by what the image has; new, so that the first one is the first.
    let requirements = format!("numpy != 0.0.{}\n", std::process::id());
    let build = || {
        let ran = hib(["image", "build", "--from", &image, "--no-pull", "-r", "-", "--json"])
            .stdin(requirements.as_str())
            .run();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    let made = build();
    let name = made["name"].as_str().unwrap();
    latest.built = Some(name.to_owned());
    assert_eq!(
        (made["was_there"].as_bool(), name.starts_with("hibernaculum:")),
        (Some(false), true),
        "{made}"
    );
    let id = engine(&["image", "inspect", "--format", "{{.Id}}", Latest::NAME]).unwrap();
    assert_eq!(made["id"], id);
    let again = build();
    assert_eq!(again, json!({ "name": name, "id": id, "was_there": true }));

    let run = || {
        let unnamed = |command: &mut Command| {
            command.env_remove("HIBERNACULUM_IMAGE");
        };
        hib(["run", "--backend", "docker", "-c", "import numpy; print(numpy.ones(42).sum())"])
            .command(unnamed)
            .run()
    };
    run().says(0, "42.0\n");
    engine(&["rmi", Latest::NAME]).unwrap();
    let ran = run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(69), ""), "{ran:?}");
    assert!(ran.stderr.contains("[sandbox.no_image]") && ran.stderr.contains("hib image build"), "{ran:?}");
}

/// Makes a container as a program leaves it that ended before it was started.
fn left_behind(image: &str, name: &str) {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
    let labels = [
        format!("hibernaculum.owner={}", rustix::process::getuid().as_raw()),
        // No process has that number.
        format!("hibernaculum.host={} {} 4194304 1", boot.trim(), namespace.display()),
        "hibernaculum.created=2026-01-01T00:00:00Z".to_owned(),
        "hibernaculum.ttl=86400".to_owned(),
    ];
    let mut words = vec!["create", "--name", name];
    words.extend(labels.iter().flat_map(|label| ["--label", label]));
    words.extend([image, "true"]);
    engine(&words).unwrap();
}

#[test]
fn what_was_left_behind_is_told_and_removed() {
    let Some(image) = image() else { return };
    let name = format!("hibernaculum-left-{}", std::process::id());
    let listed = |words: &[&str]| {
        let ran = docker(&image, words);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let list: Value = serde_json::from_str(&ran.stdout).unwrap();
        let found = list.as_array().unwrap().iter().find(|left| left["name"] == name).cloned();
        found.map(|left| left["why"].as_str().unwrap().to_owned())
    };
    // A backend of another test may look at the same time: what it removed is no proof.
    let why = (0..20).find_map(|_| {
        left_behind(&image, &name);
        let told = listed(&["reap", "--dry-run", "--json"]);
        let is_there = engine(&["inspect", &name]).is_ok();
        let removed = listed(&["reap", "--json"]);
        let deadline = Instant::now() + Duration::from_secs(20);
        while engine(&["inspect", &name]).is_ok() {
            assert!(Instant::now() < deadline, "{name} is there still");
        }
        (is_there && told == removed).then_some(removed).flatten()
    });
    assert_eq!(why.as_deref(), Some("its host, process 4194304, has ended"));
    let ran = docker(&image, &["reap"]);
    assert!(ran.code == Some(0) && !ran.stdout.contains(&name), "{ran:?}");
}

#[test]
fn doctor_tells_of_the_engine_and_the_image() {
    let Some(image) = image() else { return };
    let ran = docker(&image, &["doctor", "--backend", "docker", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let check = |name: &str| {
        checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}: {report:#}"))
    };
    assert_eq!(check("docker")["status"], "ok");
    assert_eq!(
        (&check("image")["status"], &check("image")["facts"]["image"]),
        (&"ok".into(), &image.as_str().into())
    );
    assert_eq!(check("session")["facts"]["backend"], "docker");
    let without = docker(&image, &["doctor", "--image", "hibernaculum-nothing:never", "--json"]);
    let report: Value = serde_json::from_str(&without.stdout).unwrap();
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "image").unwrap();
    assert_eq!((&check["status"], &check["mend"]), (&"limited".into(), &"hib image build".into()), "{check}");
}

#[test]
fn what_a_program_left_that_was_killed_the_next_one_goes_on_with() {
    if image().is_none() {
        return; // It has said why.
    }
    let mut first = Client::start();
    let linger = json!({ "backend": "docker", "on_host_loss": { "linger": { "secs": 120, "nanos": 0 } } });
    let sandbox = first.call("sandbox.create", &linger)["id"].clone();
    let session = first.call("session.open", &json!({ "sandbox": sandbox }))["id"].clone();
    first.value(&session, "x = 40");
    let code = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\nx + 2";
    first.ask("execute", &json!({ "session": session, "code": code }));
    while first.call("session.get", &json!({ "session": session }))["state"] != "running" {}
    first.signal("KILL");
    first.ends();

    let mut second = Client::start();
    // It takes a moment until a host is missed that was killed.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let adopted = second.call("sandbox.adopt", &json!({ "backend": "docker" }));
        if adopted.as_array().unwrap().iter().any(|info| info["id"] == sandbox) {
            break;
        }
        assert!(Instant::now() < deadline, "{adopted}");
    }
    let info = second.call("session.get", &json!({ "session": session }));
    second.call("files.write", &json!({ "sandbox": sandbox, "path": "go", "text": "" }));
    let attach = json!({ "session": session, "execution": info["last_execution"], "events": false });
    assert_eq!(second.call("attach", &attach)["outcome"]["value"]["json"], 42);
    second.call("sandbox.release", &json!({ "sandbox": sandbox }));
    assert_eq!(second.end(), Some(0));

    let mut third = Client::start();
    third.call("sandbox.adopt", &json!({ "backend": "docker" }));
    assert_eq!(third.value(&session, "x"), 40);
    third.call("sandbox.close", &json!({ "sandbox": sandbox }));
    assert_eq!(third.end(), Some(0));
}
