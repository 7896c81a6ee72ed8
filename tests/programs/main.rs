//! The examples run to their end and show what they promise. Each checks itself, too: one that goes wrong fails.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::process::Command;

/// Runs an example; gives what it printed.
fn example(name: &str) -> String {
    example_with(name, "local")
}

/// The same, with features besides the default ones.
fn example_with(name: &str, features: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let arguments = [
        "run",
        "--quiet",
        "--locked",
        "--package",
        "hibernaculum",
        "--features",
        features,
        "--example",
        name,
    ];
    let ran = Command::new(env!("CARGO")).args(arguments).current_dir(root).output().unwrap();
    let shown = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{shown}{}", String::from_utf8_lossy(&ran.stderr));
    shown
}

#[test]
fn an_agent_undoes_what_it_tried() {
    let shown = example("try_and_undo");
    for told in [
        "the check does not hold: rolled back",
        "ZeroDivisionError: rolled back",
        "crashed; the state is Restored",
    ] {
        assert!(shown.contains(told), "{shown}");
    }
    assert_eq!(shown.matches("holds: committed").count(), 2, "{shown}");
}

#[test]
fn a_search_goes_over_branches_of_live_interpreters() {
    let shown = example("search_over_branches");
    assert!(shown.contains("after move 7: 0 away, by n + 3 = 4, n * 2 = 8, n + 3 = 11"), "{shown}");
}

#[test]
fn a_backend_of_ones_own_runs_code() {
    let shown = example_with("custom_backend", "engine");
    assert!(shown.starts_with("'Python 3.") && shown.contains(" on "), "{shown}");
}

#[test]
fn a_session_survives_a_deploy() {
    let shown = example_with("survive_a_deploy", "checkpoints");
    assert!(shown.contains("the first host: 'ada, visit 4'"), "{shown}");
    assert!(shown.contains("the second host: 'ada, visit 5'"), "{shown}");
}
