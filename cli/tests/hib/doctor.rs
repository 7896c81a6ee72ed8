//! `hib doctor` on this machine, and on machines that lack what it looks for.

#[cfg(feature = "docker")]
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::driver::{Hib, Ran, hib};
use crate::leash::write_program;

/// A machine of which nothing is inherited but what a test gives it: no Python along PATH, none of pyenv's.
fn bare(args: &[&str], scene: &Path) -> Hib {
    hib(["doctor"]).command(|command| {
        command.args(args).env_clear().env("PATH", scene).env("HOME", scene);
    })
}

fn report(ran: &Ran) -> Value {
    assert_eq!(ran.stderr, "");
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The first check of that name.
fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name}: {report:#}"))
}

fn script(path: &Path, text: &str) {
    write_program(path, &format!("#!/bin/sh\n{text}\n"));
}

#[test]
fn here_a_session_answers_and_every_check_is_told_once() {
    let ran = hib(["doctor", "--json"]).run();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = report(&ran);
    assert_eq!((&report["usable"], &report["exit_code"]), (&Value::Bool(true), &Value::from(0)));
    let session = check(&report, "session");
    assert_eq!((&session["status"], &session["facts"]["backend"]), (&"ok".into(), &"local".into()));
    assert!(session["facts"]["answer_ms"].as_f64().unwrap() > 0.0, "{session}");
    let names: Vec<_> =
        report["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    for name in NAMES {
        let times = names.iter().filter(|told| *told == name).count();
        assert!(times == 1 || *name == "python" && times > 0, "{name}: {times} times");
    }
    assert!(names.iter().all(|name| NAMES.contains(name)), "{names:?}");
}

/// Every check. Each is a row of `docs/doctor.md`.
const NAMES: &[&str] = &[
    "session",
    "python",
    "numpy",
    "pandas",
    "cloudpickle",
    "docker",
    #[cfg(feature = "docker")]
    "image",
    "user_namespaces",
    "landlock",
    "seccomp",
    "cgroup",
    "pidfd",
    "memfd",
    "memory",
    "huge_pages",
    "cores",
    "processes",
    "open_files",
    "state_directory",
];

#[test]
fn the_page_has_a_row_for_every_check_and_for_every_field() {
    let page = include_str!("../../../docs/doctor.md");
    for name in NAMES {
        assert!(page.contains(&format!("\n| `{name}` |")), "docs/doctor.md has no row for `{name}`");
    }
    let report = report(&hib(["doctor", "--json"]).run());
    let fields = report.as_object().unwrap().keys();
    let of_check = report["checks"][0].as_object().unwrap().keys();
    for field in fields.chain(of_check) {
        assert!(page.contains(&format!("`{field}`")), "docs/doctor.md does not tell of `{field}`");
    }
    for check in report["checks"].as_array().unwrap() {
        for fact in check["facts"].as_object().unwrap().keys() {
            assert!(page.contains(&format!("`{fact}`")), "docs/doctor.md does not tell of the fact `{fact}`");
        }
    }
}

#[test]
fn people_read_a_table_that_ends_with_what_is_usable() {
    let ran = hib(["doctor"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.starts_with("Session\n  ok       session "), "{}", ran.stdout);
    let last = ran.stdout.lines().last().unwrap();
    assert!(last.starts_with("Usable now: `hib run` on `local` with CPython 3."), "{last}");
    assert!(!ran.stdout.contains('\x1b'), "colours in a pipe");
    let ran = hib(["--colour", "always", "doctor"]).run();
    assert!(ran.stdout.contains("\x1b[32mok     \x1b[0m"), "{}", ran.stdout);
}

#[test]
fn without_python_along_path_the_session_is_missing_and_says_how() {
    let scene = tempfile::tempdir().unwrap();
    let ran = bare(&["--json"], scene.path()).run();
    assert_eq!(ran.code, Some(69), "{ran:?}");
    let report = report(&ran);
    assert_eq!((&report["usable"], &report["exit_code"]), (&Value::Bool(false), &Value::from(69)));
    let session = check(&report, "session");
    assert_eq!(
        (&session["status"], &session["facts"]["error"]),
        (&"missing".into(), &"sandbox.no_python".into())
    );
    assert!(report["summary"].as_str().unwrap().starts_with("Nothing is usable now."), "{report}");
    // `unshare` is not found either, and that is no more than a limit.
    assert_ne!(check(&report, "user_namespaces")["status"], "ok");
}

#[test]
fn a_python_that_is_broken_is_told_with_its_own_words() {
    let scene = tempfile::tempdir().unwrap();
    let python = scene.path().join("python3");
    script(&python, "echo 'error while loading shared libraries: libpython3.so' >&2; exit 127");
    let report = report(&bare(&["--json"], scene.path()).run());
    let check = check(&report, "python");
    assert_eq!(
        (&check["status"], &check["facts"]["path"]),
        (&"missing".into(), &python.to_str().unwrap().into())
    );
    assert!(check["detail"].as_str().unwrap().contains("libpython3.so"), "{check}");
    assert_eq!(report["usable"], false);
}

#[test]
fn a_backend_that_is_none_is_told_and_the_rest_is_checked_all_the_same() {
    let ran = hib(["doctor", "--json", "--backend", "moon"]).run();
    assert_eq!(ran.code, Some(2));
    let report = report(&ran);
    assert_eq!(check(&report, "session")["facts"]["error"], "config.unknown_backend");
    assert!(check(&report, "cores")["status"] == "ok" && check(&report, "memory")["detail"].is_string());
}

#[test]
fn an_engine_that_is_named_is_the_one_that_is_asked() {
    let ran = hib(["doctor", "--json"]).env("DOCKER_HOST", "unix:///nonexistent/docker.sock").run();
    let report = report(&ran);
    let docker = check(&report, "docker");
    assert_eq!((&docker["status"], &docker["facts"]["reason"]), (&"missing".into(), &"absent".into()));
    assert!(docker["mend"].as_str().unwrap().contains("DOCKER_HOST"), "{docker}");
}

#[cfg(feature = "docker")]
#[test]
fn the_engine_is_looked_for_where_the_backend_would() {
    let scene = tempfile::tempdir().unwrap();
    let meta = scene.path().join("contexts/meta/abc");
    fs::create_dir_all(&meta).unwrap();
    fs::write(scene.path().join("config.json"), r#"{"currentContext": "den"}"#).unwrap();
    let den = r#"{"Name": "den", "Endpoints": {"docker": {"Host": "unix:///nonexistent/den.sock"}}}"#;
    fs::write(meta.join("meta.json"), den).unwrap();
    let asked = |context: &str| {
        let asking = hib(["doctor", "--json"]).env("DOCKER_CONFIG", scene.path().to_str().unwrap());
        let ran = asking.env("DOCKER_CONTEXT", context).env("DOCKER_HOST", "").run();
        check(&report(&ran), "docker").clone()
    };
    let den = asked("");
    assert_eq!(den["facts"]["endpoint"], "/nonexistent/den.sock", "{den}");
    let unknown = asked("nest");
    assert_eq!(unknown["facts"]["reason"], "untried", "{unknown}");
    assert!(unknown["detail"].as_str().unwrap().contains("`nest`"), "{unknown}");
}
