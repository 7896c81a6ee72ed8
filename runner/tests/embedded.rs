//! What is embedded is what lies in `python/`, and its digest is the one that anybody can compute.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hibernaculum_runner as runner;

/// The documented digest, in Python's words.
const DIGEST: &str = r#"
import hashlib, os, sys
paths = [os.path.relpath(os.path.join(folder, name), sys.argv[1])
         for folder, _, names in os.walk(os.path.join(sys.argv[1], "hibernaculum_runner"))
         for name in names if name.endswith(".py")
         and not {"__pycache__", "tests"} & set(folder.split(os.sep)[len(sys.argv[1].split(os.sep)):])]
digest = hashlib.blake2b(digest_size=32)
for path in sorted(paths, key=os.fsencode):
    with open(os.path.join(sys.argv[1], path), "rb") as file:
        source = file.read()
    digest.update(path.encode() + b"\0" + len(source).to_bytes(8, "little") + source)
print(digest.hexdigest())
"#;

fn python_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

#[test]
fn the_digest_is_what_python_computes_over_the_files() {
    let python = env::var_os("HIBERNACULUM_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(&python)
        .args(["-I", "-c", DIGEST])
        .arg(python_folder())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("the tests need Python, and {} is none: {error}", python.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), runner::digest());
}

#[test]
fn every_file_is_embedded_as_it_lies_there_sorted_and_without_tests_and_caches() {
    let paths: Vec<&str> = runner::files().iter().map(|file| file.path).collect();
    assert!(paths.is_sorted());
    assert!(paths.contains(&"hibernaculum_runner/__init__.py"));
    assert!(paths.contains(&"hibernaculum_runner/session/__init__.py"), "packages in the package too");
    for file in runner::files() {
        assert!(file.path.starts_with("hibernaculum_runner/"), "{}", file.path);
        assert!(!file.path.contains("/tests/") && !file.path.contains("__pycache__"), "{}", file.path);
        assert_eq!(std::fs::read_to_string(python_folder().join(file.path)).unwrap(), file.source);
    }
}

#[test]
fn the_bundle_holds_exactly_the_files() {
    let bundle: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_slice(&runner::bundle()).unwrap();
    let files = runner::files().iter().map(|file| (file.path.to_owned(), file.source.to_owned())).collect();
    assert_eq!(bundle, BTreeMap::from([("files".to_owned(), files)]));
}

#[test]
fn stage_0_is_one_of_the_files_and_starts_the_runner() {
    let file = runner::files().iter().find(|file| file.path == "hibernaculum_runner/stage0.py").unwrap();
    assert_eq!(runner::STAGE0, file.source);
    assert!(runner::STAGE0.contains("hibernaculum_runner.boot"));
}

#[test]
fn both_languages_speak_the_same_version() {
    let package = runner::files().iter().find(|file| file.path == "hibernaculum_runner/__init__.py").unwrap();
    let line = format!("PROTOCOL = {}", runner::PROTOCOL_VERSION);
    assert!(package.source.lines().any(|found| found == line), "no line `{line}`");
}
