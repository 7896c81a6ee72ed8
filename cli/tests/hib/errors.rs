//! What `hib` itself refuses: what, why, how, and an exit code.

use std::fs;

use crate::driver::hib;

#[test]
fn a_line_that_makes_no_sense_is_refused_before_anything_runs() {
    for (ran, said) in [
        (hib(["run"]), "required arguments were not provided"),
        (hib(["run", "x.py", "--epochs", "3"]), "unexpected argument '--epochs'"),
        (hib(["run", "--timeout", "0", "-c", "1"]), "must be more than zero"),
        (hib(["run", "--timeout", "soon", "-c", "1"]), "write a time such as 500ms, 30s, 2m"),
        (hib(["dance"]), "unrecognized subcommand 'dance'"),
        (hib([]), "Usage: hib [OPTIONS] <COMMAND>"),
    ] {
        let ran = ran.run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
}

#[test]
fn input_that_cannot_be_run_is_told_apart() {
    let scene = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(scene.path().join(name), bytes).unwrap();
    write("latin1.py", b"x = '\xe9'\n");
    write("script.ipynb", b"print(1)\n");
    write("old.ipynb", br#"{"nbformat": 3, "worksheets": []}"#);
    write("r.ipynb", br#"{"nbformat": 4, "metadata": {"language_info": {"name": "R"}}, "cells": []}"#);
    for (file, code, first) in [
        ("absent.py", 66, "hib: there is no file `absent.py` [input.missing]"),
        (".", 66, "hib: a directory cannot be run: `.` [input.directory]"),
        ("latin1.py", 65, "hib: `latin1.py` is not UTF-8 [input.not_utf8]"),
        ("script.ipynb", 65, "hib: `script.ipynb` is no notebook that can be run [input.not_a_notebook]"),
        ("old.ipynb", 65, "hib: `old.ipynb` is no notebook that can be run [input.not_a_notebook]"),
        ("r.ipynb", 65, "hib: `r.ipynb` is no notebook that can be run [input.not_a_notebook]"),
    ] {
        let ran = hib(["run", file]).directory(scene.path()).run();
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.lines().next()), (Some(code), "", Some(first)));
        assert!(ran.stderr.contains("\n  why: ") && ran.stderr.contains("\n  how: "), "{}", ran.stderr);
    }
}

#[test]
fn an_empty_file_has_nothing_to_run() {
    let scene = tempfile::tempdir().unwrap();
    fs::write(scene.path().join("empty.py"), "\n \n").unwrap();
    let ran = hib(["run", "empty.py"]).directory(scene.path()).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert!(
        ran.stderr.starts_with("hib: there is nothing to run in `empty.py` [input.empty]\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_the_library_refuses_is_told_in_its_words() {
    for (ran, code, first) in [
        (
            hib(["run", "--backend", "moon", "-c", "1"]),
            2,
            "hib: there is no backend named `moon` [config.unknown_backend]",
        ),
        (hib(["run", "--preload", "a b", "-c", "1"]), 2, "hib: `preload` cannot be `a b` [config.invalid]"),
        (
            hib(["run", "--python", "/nowhere", "-c", "1"]),
            69,
            "hib: no usable Python was found [sandbox.no_python]",
        ),
        (
            hib(["run", "--workdir", "/nowhere", "-c", "1"]),
            2,
            "hib: `workdir` cannot be `/nowhere` [config.invalid]",
        ),
        (
            hib(["run", "--env", "NOT_SET_HERE", "-c", "1"]),
            2,
            "hib: there is no variable `NOT_SET_HERE` to pass on [env.unset]",
        ),
    ] {
        let ran = ran.run();
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.lines().next()), (Some(code), "", Some(first)));
    }
}

#[test]
fn a_preload_that_fails_names_the_module() {
    let ran = hib(["run", "--preload", "json,no_such_module", "-c", "1"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(69), ""));
    assert!(
        ran.stderr.contains("[sandbox.preload]") && ran.stderr.contains("no_such_module"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_backend_can_come_from_the_environment() {
    let ran = hib(["run", "-c", "1"]).env("HIBERNACULUM_BACKEND", "moon").run();
    assert_eq!(ran.code, Some(2));
    hib(["run", "-c", "1"]).env("HIBERNACULUM_BACKEND", "local").run().says(0, "1\n");
}
