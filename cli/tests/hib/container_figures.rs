//! `hib bench` with sandboxes in containers: the figures of the way that streams take, and containers beside a `hib` that is pinned.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::{Value, json};

use crate::containers::{docker, engine, image};
use crate::driver::hib;

/// Each figure by itself: all of them take longer than one line of `hib` may.
#[test]
fn bench_measures_containers_over_either_transport() {
    let Some(image) = image() else { return };
    for (transport, figure) in ["socket", "exec"]
        .into_iter()
        .flat_map(|way| ["create", "roundtrip", "session_pandas"].map(|figure| (way, figure)))
    {
        let line = ["bench", "--backend", "docker", "--transport", transport, "--what", figure, "--json"];
        let ran = docker(&image, &line);
        assert_eq!(ran.code, Some(0), "{transport}: {ran:?}");
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let result = &report["results"][0];
        assert_eq!(
            (&result["name"], &report["skipped"]),
            (&figure.into(), &json!([])),
            "{transport}: {report:#}"
        );
        assert!(result["p50"].as_f64().unwrap() > 0.0, "{transport}: {result}");
        // What stands beside no floor has a bound of its own.
        let has_floor = (transport, figure) != ("socket", "session_pandas");
        assert_eq!(
            result["floor_p50"].as_f64().is_some_and(|floor| floor > 0.0),
            has_floor,
            "{transport}: {result}"
        );
    }
}

#[test]
fn the_figures_are_those_of_the_way_that_streams_have_found() {
    let Some(image) = image() else { return };
    if !rustix::process::geteuid().is_root() {
        return; // Only root may mount.
    }
    // What is there the engine does not see: the sockets' directory is not the one that it would mount.
    let apart = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--",
        "sh",
        "-ec",
        "mount -t tmpfs -o mode=700 apart \"$TMPDIR\"; exec \"$@\"",
        "sh",
    ]);
    command.arg(env!("CARGO_BIN_EXE_hib"));
    command.args([
        "bench",
        "--backend",
        "docker",
        "--transport",
        "auto",
        "--what",
        "session_pandas",
        "--json",
    ]);
    command.env("TMPDIR", apart.path()).env("HIBERNACULUM_IMAGE", &image);
    command.env_remove("HIBERNACULUM_BACKEND").env("HIBERNACULUM_CONFIG", "/dev/null");
    let ran = command.output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let result = &report["results"][0];
    assert_eq!(result["name"], "session_pandas", "{report:#}");
    assert!(
        result["floor_p50"].as_f64().is_some_and(|floor| floor > 0.0),
        "over execs it stands beside one: {report:#}"
    );
}

/// The processors of the containers that the program of this number has now.
fn placed(pid: u32) -> Vec<String> {
    let ids = engine(&["ps", "--quiet", "--filter", "label=hibernaculum.owner"]).unwrap();
    let format = "{{index .Config.Labels \"hibernaculum.host\"}} {{.HostConfig.CpusetCpus}}";
    let told = ids.lines().filter_map(|id| engine(&["inspect", "--format", format, id]).ok());
    let pid = pid.to_string();
    // Its boot, its pid namespace, its pid, when it started; then the processors.
    let mine = |line: String| {
        let mut fields = line.splitn(5, ' ').skip(2);
        (fields.next() == Some(&pid)).then(|| fields.nth(1).unwrap_or_default().to_owned())
    };
    told.filter_map(mine).collect()
}

#[test]
fn containers_are_beside_a_pinned_hib() {
    let Some(image) = image() else { return };
    // The test's thread is its own, and what it starts is where it is.
    let all = sched_getaffinity(None).unwrap();
    let mine: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|number| all.is_set(*number)).collect();
    let [_, .., last] = mine[..] else { return }; // It cannot be pinned to less than it has.
    let mut one = CpuSet::new();
    one.set(last);
    sched_setaffinity(None, &one).unwrap();
    let bench = hib(["bench", "--backend", "docker", "--what", "roundtrip", "--json"])
        .env("HIBERNACULUM_IMAGE", &image)
        .start();
    let deadline = Instant::now() + Duration::from_mins(1);
    let both = loop {
        let placed = placed(bench.pid());
        if placed.len() == 2 {
            break placed;
        }
        assert!(Instant::now() < deadline, "there are never two: {placed:?}");
    };
    assert_eq!(both, ["0", "0"], "the product's and the floor's: on the first that is not its own");
    let ran = bench.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["machine"]["container_cpus"], "0", "{report:#}");
}
