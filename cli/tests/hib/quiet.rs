//! `--quiet`: what the code prints, and errors.

use std::fs;

use crate::driver::hib;

#[test]
fn remarks_are_left_out_and_the_output_is_not() {
    let warned = |quiet: &[&str]| {
        let code = "print('output'); 'x' * 20_000_000";
        hib([]).command(|command| _ = command.args(quiet).args(["run", "-c", code])).run()
    };
    let (loud, quiet) = (warned(&[]), warned(&["--quiet"]));
    assert!(loud.stderr.contains("bytes of this value are left out"), "{}", loud.stderr);
    assert_eq!((quiet.stdout == loud.stdout, quiet.stderr.as_str(), quiet.code), (true, "", Some(0)));
    assert_eq!(warned(&["--quiet=false"]).stderr, loud.stderr);
}

#[test]
fn nothing_to_run_is_a_remark() {
    let scene = tempfile::tempdir().unwrap();
    fs::write(scene.path().join("empty.py"), "\n").unwrap();
    hib(["run", "-q", "empty.py"]).directory(scene.path()).run().says(0, "");
}

#[test]
fn errors_are_told_all_the_same() {
    let ran = hib(["run", "-q", "--backend", "moon", "-c", "1"]).run();
    assert!(ran.code == Some(2) && ran.stderr.contains("[config.unknown_backend]"), "{ran:?}");
    let ran = hib(["run", "-q", "-c", "1 / 0"]).run();
    assert!(ran.code == Some(1) && ran.stderr.contains("ZeroDivisionError"), "{ran:?}");
    let ran = hib(["run", "-q", "-c", "import os; os.abort()"]).run();
    assert!(ran.code == Some(134) && ran.stderr.contains("hib: the session crashed"), "{ran:?}");
}

#[test]
fn every_subcommand_has_an_example() {
    let listed = hib(["help"]).run().stdout;
    let commands = listed.split("\nCommands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<_> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.contains(&"run") && names.contains(&"checkpoint") && names.len() > 9, "{listed}");
    for subcommand in names.into_iter().filter(|name| *name != "help") {
        let ran = hib(["help", subcommand]).run();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        assert!(ran.stdout.contains("\nExample"), "{subcommand}: {}", ran.stdout);
    }
}
