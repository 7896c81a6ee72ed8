//! `hib run` with notebooks.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::driver::hib;

/// A notebook of these code cells, prose between them.
fn notebook(cells: &[&str]) -> (TempDir, PathBuf) {
    let scene = tempfile::tempdir().unwrap();
    let path = scene.path().join("a.ipynb");
    let prose = serde_json::json!({"cell_type": "markdown", "metadata": {}, "source": ["# Prose"]});
    let code = |source: &&str| {
        let pieces: Vec<_> = source.split_inclusive('\n').collect();
        serde_json::json!({"cell_type": "code", "metadata": {}, "source": pieces, "outputs": [], "execution_count": null})
    };
    let cells: Vec<_> = cells.iter().flat_map(|source| [prose.clone(), code(source)]).collect();
    let language = serde_json::json!({"language_info": {"name": "python"}});
    let notebook =
        serde_json::json!({"nbformat": 4, "nbformat_minor": 5, "metadata": language, "cells": cells});
    fs::write(&path, notebook.to_string()).unwrap();
    (scene, path)
}

#[test]
fn code_cells_run_in_order_in_one_session() {
    let (_scene, path) = notebook(&["x = 1\nprint('a')", "x += 1\nx", "'last', x"]);
    hib(["run", path.to_str().unwrap()]).run().says(0, "a\n2\n('last', 2)\n");
}

#[test]
fn tracebacks_name_the_notebook_and_the_cell() {
    let (_scene, path) = notebook(&["def f():\n    raise ValueError('no')", "", "1\nf()"]);
    let shown = path.to_str().unwrap();
    let ran = hib(["run", shown]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        ran.traceback(),
        format!(
            "Traceback (most recent call last):\n  \
             File \"{shown}[3]\", line 2, in <module>\n    f()\n  \
             File \"{shown}[1]\", line 2, in f\n    raise ValueError('no')\n\
             ValueError: no\n"
        )
    );
}

#[test]
fn a_notebook_imports_what_lies_beside_it_and_has_no_file() {
    let (scene, path) = notebook(&["import beside, sys\nbeside.name, '__file__' in globals(), sys.argv[1:]"]);
    fs::write(scene.path().join("beside.py"), "name = 'beside'\n").unwrap();
    hib(["run", path.to_str().unwrap(), "x"]).run().says(0, "('beside', False, ['x'])\n");
}

#[test]
fn a_notebook_without_code_has_nothing_to_run() {
    let (_scene, path) = notebook(&["", " "]);
    let ran = hib(["run", path.to_str().unwrap()]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert!(ran.stderr.contains("[input.empty]"), "{}", ran.stderr);
}
