//! What holds where no flag is typed: the environment, the configuration file, `hib config`.

use std::fs;

use serde_json::{Value, json};

use crate::driver::{Hib, hib};

/// A home with this configuration file.
fn home(text: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join(".config/hib")).unwrap();
    fs::write(home.path().join(".config/hib/config.toml"), text).unwrap();
    home
}

/// `hib` in that home.
fn at<const N: usize>(home: &tempfile::TempDir, args: [&str; N]) -> Hib {
    hib(args).command(|command| {
        command.env_remove("HIBERNACULUM_CONFIG").env_remove("XDG_CONFIG_HOME").env("HOME", home.path());
    })
}

#[test]
fn a_flag_beats_the_environment_and_that_the_file() {
    let home = home("backend = \"of-the-file\"\n");
    let told = |hib: Hib| hib.run().stderr.lines().next().unwrap_or_default().to_owned();
    let no_backend = |name: &str| format!("hib: there is no backend named `{name}` [config.unknown_backend]");
    let variable = ("HIBERNACULUM_BACKEND", "of-the-variable");
    assert_eq!(told(at(&home, ["run", "-c", "1"])), no_backend("of-the-file"));
    assert_eq!(
        told(at(&home, ["run", "-c", "1"]).env(variable.0, variable.1)),
        no_backend("of-the-variable")
    );
    let flag = ["run", "--backend", "of-the-flag", "-c", "1"];
    assert_eq!(told(at(&home, flag).env(variable.0, variable.1)), no_backend("of-the-flag"));
    // The default, where nobody says anything.
    at(&home, ["--config", "/dev/null", "run", "-c", "40 + 2"]).run().says(0, "42\n");
}

#[test]
fn the_code_sees_what_the_file_says() {
    let home =
        home("env = [\"GREETING=hello, you\"]\npreload = [\"json\"]\ntimeout = \"500ms\"\nworkdir = \"/\"\n");
    let code = "import os, sys; print(os.environ['GREETING'], os.getcwd(), 'json' in sys.modules)";
    at(&home, ["run", "-c", code]).run().says(0, "hello, you / True\n");
    let ran = at(&home, ["run", "-c", "while True: pass"]).run();
    assert_eq!(ran.code, Some(124), "{ran:?}");
}

#[test]
fn the_effective_values_are_told_with_who_says_so() {
    let home = home("# mine\ntimeout = 30\npreload = [\"json\"]\n");
    let ran = at(&home, ["config", "--json", "--workdir", "/srv"]).env("HIBERNACULUM_QUIET", "yes").run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["file"], home.path().join(".config/hib/config.toml").to_str().unwrap());
    assert_eq!(told["is_there"], true);
    for (key, expected) in [
        ("backend", json!({ "value": "local", "from": "default", "line": null })),
        ("python", json!({ "value": null, "from": "default", "line": null })),
        ("preload", json!({ "value": ["json"], "from": "file", "line": 3 })),
        ("env", json!({ "value": [], "from": "default", "line": null })),
        ("workdir", json!({ "value": "/srv", "from": "flag", "line": null })),
        ("timeout", json!({ "value": "30", "from": "file", "line": 2 })),
        ("quiet", json!({ "value": true, "from": "environment", "line": null })),
        ("colour", json!({ "value": "auto", "from": "default", "line": null })),
    ] {
        if key != "python" || std::env::var_os("HIBERNACULUM_PYTHON").is_none() {
            assert_eq!(told["values"][key], expected, "{key}");
        }
    }
    let table = at(&home, ["config"]).run().stdout;
    let line = table.lines().find(|line| line.starts_with("timeout ")).unwrap();
    assert!(line.ends_with("  the file, line 2"), "{line}");
}

#[test]
fn a_mistake_names_file_line_and_what_was_meant() {
    for (text, code, parts) in [
        ("\npythn = \"python3\"\n", "unknown_key", &["line 2", "did you mean `python`?"][..]),
        ("timeout = true\n", "wrong_value", &["line 1: it is a boolean", "a time"]),
        ("quiet = \n", "not_toml", &["line 1"]),
    ] {
        let home = home(text);
        let ran = at(&home, ["run", "-c", "print('it must not run')"]).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{text}");
        let first = ran.stderr.lines().next().unwrap();
        assert!(
            first.contains("/.config/hib/config.toml`") && first.ends_with(&format!("[config_file.{code}]")),
            "{first}"
        );
        assert!(ran.stderr.contains("\n  why: ") && ran.stderr.contains("\n  how: "), "{}", ran.stderr);
        assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{}", ran.stderr);
        // A shell that starts up is not disturbed.
        assert_eq!(at(&home, ["completions", "bash"]).run().code, Some(0));
    }
}

#[test]
fn a_file_that_is_named_has_to_be_there() {
    for ran in [
        hib(["--config", "/nonexistent/c.toml", "config"]).run(),
        hib(["config"]).env("HIBERNACULUM_CONFIG", "/nonexistent/c.toml").run(),
    ] {
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains("[config_file.unreadable]"), "{}", ran.stderr);
    }
}

#[test]
fn a_variable_that_makes_no_sense_is_named() {
    let ran = hib(["run", "-c", "1"]).env("HIBERNACULUM_TIMEOUT", "soon").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(
        ran.stderr
            .starts_with("hib: the variable HIBERNACULUM_TIMEOUT cannot be `soon` [environment.invalid]"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_page_shows_the_error_of_a_key_as_it_is() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/config.md")).unwrap();
    let ran = at(&home("\nbakend = 1\n"), ["run", "-c", "1"]).run();
    let how = ran.stderr.lines().find(|line| line.contains("The keys are: ")).unwrap();
    assert!(page.contains(how), "docs/config.md lacks: {how}");
}
