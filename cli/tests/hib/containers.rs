//! `hib` with sandboxes in containers: only where it is built with them, and where there is an engine with an image.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::driver::{Ran, hib};
use crate::stdio::Client;

/// Whether there is something to test, and where there is not, why; `HIBERNACULUM_REQUIRE` may demand it.
fn image() -> Option<String> {
    let image = std::env::var("HIBERNACULUM_IMAGE").ok().filter(|name| !name.is_empty());
    let required = std::env::var("HIBERNACULUM_REQUIRE").unwrap_or_default();
    assert!(
        image.is_some() || !required.split(',').any(|name| name == "docker"),
        "docker is required, and no image is named"
    );
    image
}

fn docker(words: &[&str]) -> Ran {
    let image = image().unwrap_or_default();
    hib([])
        .command(|command| {
            command.args(words).env("HIBERNACULUM_IMAGE", image);
        })
        .run()
}

#[test]
fn code_runs_in_a_container_over_either_transport() {
    if image().is_none() {
        return;
    }
    let code = "import os; x = os.getcwd(), os.uname().nodename\nprint(x)";
    for transport in ["socket", "exec"] {
        let ran = docker(&[
            "run",
            "--backend",
            "docker",
            "--transport",
            transport,
            "-c",
            code,
            "-c",
            "print(x[1])",
        ]);
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
    if image().is_none() {
        return;
    }
    let image = image().unwrap_or_default();
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
    if image().is_none() {
        return;
    }
    let ran = docker(&["run", "--backend", "docker", "--image", "hibernaculum-nothing:never", "-c", "1"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("hib image build"), "{ran:?}");
}

#[test]
fn what_was_left_behind_is_told() {
    if image().is_none() {
        return;
    }
    let ran = docker(&["reap", "--dry-run", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let list: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(list.is_array(), "{list}");
}

#[test]
fn doctor_tells_of_the_engine_and_the_image() {
    let Some(image) = image() else { return };
    let ran = docker(&["doctor", "--backend", "docker", "--json"]);
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
    let without = docker(&["doctor", "--image", "hibernaculum-nothing:never", "--json"]);
    let report: Value = serde_json::from_str(&without.stdout).unwrap();
    let image = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "image").unwrap();
    assert_eq!((&image["status"], &image["mend"]), (&"limited".into(), &"hib image build".into()), "{image}");
}

#[test]
fn bench_measures_containers() {
    if image().is_none() {
        return;
    }
    let ran = docker(&["bench", "--backend", "docker", "--what", "create", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let create = &report["results"][0];
    assert_eq!(create["name"], "create");
    assert!(create["floor_p50"].as_f64().unwrap() > 0.0 && create["p50"].as_f64().unwrap() > 0.0, "{create}");
}

#[test]
fn what_a_program_left_that_was_killed_the_next_one_goes_on_with() {
    if image().is_none() {
        return;
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
