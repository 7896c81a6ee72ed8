//! Every error code names the test that provokes it; that test must exist and ask for the code. No other code is ever told.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hibernaculum_core::error::catalogue;
use hibernaculum_testkit::cases;

#[test]
fn every_conformance_case_that_the_catalogue_names_is_in_the_suite() {
    let suite: BTreeSet<_> = cases::all().map(|case| case.name).collect();
    let named: Vec<_> =
        catalogue().filter_map(|row| Some((row.code, row.test.strip_prefix("conformance: ")?))).collect();
    assert!(named.len() >= 13, "the catalogue names only {named:?}");
    let missing: Vec<_> = named.iter().filter(|(_, test)| !suite.contains(test)).collect();
    assert!(missing.is_empty(), "codes whose case is not in the suite: {missing:?}");
}

#[test]
fn every_test_that_the_catalogue_names_is_there_and_asks_for_the_code() {
    for row in catalogue() {
        let (kind, test) = row.test.split_once(": ").unwrap_or_else(|| panic!("{} names no test", row.code));
        let folder = match kind {
            "conformance" => "testkit/src/cases",
            "engine" => "engine/tests/engine",
            "local" => "backend-local/tests/local",
            "daytona" => "backend-daytona/tests/daytona",
            "docker" => "backend-docker/tests/docker",
            "tests" => "tests",
            other => panic!("{} names a test of the unknown kind {other}", row.code),
        };
        let head = format!("fn {test}(");
        let asks = sources(&root().join(folder), "rs").into_iter().any(|path| {
            let source = fs::read_to_string(path).unwrap();
            source.contains(&head) && source.contains(&format!("\"{}\"", row.code))
        });
        assert!(asks, "no file below {folder} has both the test {test} and the code {}", row.code);
    }
}

/// What engine and runner say on the wire is said in the catalogue's codes: whoever reads one finds its row.
#[test]
fn no_code_is_told_that_the_catalogue_does_not_have() {
    let known: BTreeSet<_> = catalogue().map(|row| row.code.to_owned()).collect();
    let mut seen = 0;
    let files = sources(&root().join("engine/src"), "rs")
        .into_iter()
        .chain(sources(&root().join("runner/python/hibernaculum_runner"), "py"));
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        for word in text.split('"').filter(|word| is_code(word)) {
            seen += 1;
            assert!(known.contains(word), "{}: `{word}` is not in the catalogue", path.display());
        }
    }
    assert!(seen > 20, "only {seen} codes were found: the search is broken");
}

/// Codes of the two families that travel; a failed start's line has codes of its own, which the host maps.
fn is_code(word: &str) -> bool {
    ["transport.", "session."].iter().any(|family| {
        word.strip_prefix(family).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of one kind below a folder.
fn sources(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // A folder that cannot be read has nothing in it: whoever looks for something there then says so.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path, extension));
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
    found
}
