//! `hib branch`: one set-up, several scripts that go on from it.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::driver::{Hib, hib};

/// A directory with these files.
fn scene(files: &[(&str, &str)]) -> tempfile::TempDir {
    let scene = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(scene.path().join(name), text).unwrap();
    }
    scene
}

fn branch(scene: &Path, words: &[&str]) -> Hib {
    hib(["branch"]).command(|command| _ = command.args(words)).directory(scene)
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn each_script_goes_on_from_the_state_of_the_setup_and_from_no_other() {
    let scene = scene(&[
        ("setup.py", "print('once')\nrows = [0]\ng = iter(range(9))\nnext(g)\n"),
        ("a.py", "rows.append('a')\n# %%\nprint(rows, next(g))\n"),
        ("bb.py", "import atexit; atexit.register(print, 'bye')\nrows.append('b')\nprint(rows, next(g))\n"),
    ]);
    let ran = branch(scene.path(), &["setup.py", "a.py", "bb.py", "a.py"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let expected = [
        "a.py     | [0, 'a'] 1",
        "a.py     | [0, 'a'] 1",
        "bb.py    | [0, 'b'] 1",
        "bb.py    | bye",
        "setup.py | 0",
        "setup.py | once",
    ];
    assert_eq!(sorted(&ran.stdout), expected);
}

#[test]
fn scripts_run_side_by_side() {
    // Each waits for the other: one after the other, neither would end.
    let meet = |mine: &str, other: &str| {
        format!(
            "import os, time\nopen('{mine}', 'w').close()\nwhile not os.path.exists('{other}'): time.sleep(0.01)\nprint('met')\n"
        )
    };
    let (a, b) = (meet("a", "b"), meet("b", "a"));
    let scene = scene(&[("setup.py", "pass\n"), ("a.py", &a), ("b.py", &b)]);
    let ran = branch(scene.path(), &["--jobs", "2", "setup.py", "a.py", "b.py"]).run();
    assert_eq!(
        (ran.code, sorted(&ran.stdout)),
        (Some(0), vec!["a.py     | met", "b.py     | met"]),
        "{ran:?}"
    );
}

#[test]
fn jobs_bound_how_many_run_at_once() {
    let alone = "import os\nos.mkdir('busy')\nimport time; time.sleep(0.05)\nos.rmdir('busy')\n";
    let scene = scene(&[("setup.py", "pass\n"), ("a.py", alone)]);
    let words = [&["--jobs", "1", "setup.py"][..], &["a.py"; 5]].concat();
    assert_eq!(branch(scene.path(), &words).run().code, Some(0));
}

#[test]
fn the_greatest_exit_code_is_that_of_all_and_each_failure_is_told() {
    let scene = scene(&[
        ("setup.py", "x = 1\n"),
        ("good.py", "print(x)\n"),
        ("bad.py", "1 / 0\n"),
        ("exit.py", "import sys; sys.exit(7)\n"),
    ]);
    let ran = branch(scene.path(), &["setup.py", "exit.py", "bad.py", "good.py"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(7), "good.py  | 1\n"), "{ran:?}");
    assert!(ran.stderr.contains("bad.py   | ZeroDivisionError: division by zero\n"), "{ran:?}");
    let ends: BTreeSet<_> = ran.stderr.lines().filter(|line| line.starts_with("hib: ")).collect();
    assert_eq!(
        ends,
        BTreeSet::from(["hib: bad.py ended with exit code 1", "hib: exit.py ended with exit code 7"])
    );
}

#[test]
fn no_script_runs_where_the_setup_failed() {
    let scene = scene(&[("setup.py", "print('so far'); 1 / 0\n"), ("a.py", "print('never')\n")]);
    let ran = branch(scene.path(), &["setup.py", "a.py"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "setup.py | so far\n"));
    assert!(ran.stderr.ends_with("hib: setup.py ended with exit code 1\n"), "{ran:?}");
    for (words, code, told) in [
        (&["setup.py", "nowhere.py"][..], 66, "[input.missing]"),
        (&["setup.py"], 2, "<SCRIPT>"),
        (&["--jobs", "0", "setup.py", "a.py"], 2, "--jobs"),
    ] {
        let ran = branch(scene.path(), words).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{ran:?}");
        assert!(ran.stderr.contains(told), "{ran:?}");
    }
}

#[test]
fn a_setup_that_cannot_be_branched_is_refused_by_name() {
    let busy = "import threading\nthreading.Thread(target=threading.Event().wait, name='busy', daemon=True).start()\n";
    let scene = scene(&[("setup.py", busy), ("a.py", "print('never')\n")]);
    let ran = branch(scene.path(), &["setup.py", "a.py"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(70), ""), "{ran:?}");
    assert!(ran.stderr.contains("[checkpoint.refused]") && ran.stderr.contains("busy"), "{ran:?}");
}

#[test]
fn a_crash_costs_one_branch_and_a_timeout_too() {
    let scene = scene(&[
        ("setup.py", "x = 1\n"),
        ("crash.py", "import os; os.kill(os.getpid(), 11)\n"),
        ("slow.py", "import time; time.sleep(600)\n"),
        ("good.py", "print(x)\n"),
    ]);
    let words = ["--timeout", "2s", "setup.py", "crash.py", "slow.py", "good.py"];
    let ran = branch(scene.path(), &words).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(139), "good.py  | 1\n"), "{ran:?}");
    assert!(ran.stderr.contains("crash.py | hib: the session crashed, killed by SIGSEGV"), "{ran:?}");
    assert!(ran.stderr.contains("slow.py  | hib: timed out; the session's state is kept"), "{ran:?}");
}

#[test]
fn one_interrupt_reaches_all() {
    let wait = "print('waiting', flush=True)\nimport time; time.sleep(600)\n";
    let scene = scene(&[("setup.py", "pass\n"), ("a.py", wait)]);
    let running = branch(scene.path(), &["--jobs", "2", "setup.py", "a.py", "a.py", "a.py"]).start();
    let ran = running.until("waiting\na.py     | waiting\n").signal(Signal::INT).end();
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert_eq!(ran.stderr.matches("| KeyboardInterrupt").count(), 2, "{ran:?}");
    assert_eq!(ran.stdout.matches("waiting").count(), 2, "the third did not begin: {ran:?}");
}

#[test]
fn events_say_which_branch_they_are_of() {
    let scene = scene(&[("setup.py", "x = 1\n"), ("a.py", "print(x)\n")]);
    let ran = branch(scene.path(), &["--json", "setup.py", "a.py"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |event: &Value| {
        let member = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        (member("branch"), member("event"))
    };
    let mut told: Vec<_> = events.iter().map(told).collect();
    told.dedup();
    let expected =
        [("setup.py", "started"), ("setup.py", "finished"), ("a.py", "started"), ("a.py", "output")];
    let expected = expected.map(|(branch, event)| (branch.to_owned(), event.to_owned()));
    assert_eq!(told.iter().take(4).cloned().collect::<Vec<_>>(), expected);
}
