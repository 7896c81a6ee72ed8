//! Lists the runner's Python files for `include_str!`, and computes their digest, so that start-up pays for neither.
//!
//! The result is one generated file of constants, `embedded.rs`. Only names, lengths and hashes are made here: the
//! sources themselves are included by the compiler, from inside this package.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use blake2::{Blake2b256, Digest};

/// The Python package, below `python/`.
const PACKAGE: &str = "hibernaculum_runner";
/// The program that a place starts Python with, among the package's files.
const STAGE0: &str = "hibernaculum_runner/stage0.py";

fn main() -> Result<(), Box<dyn Error>> {
    let python = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("python");
    println!("cargo::rerun-if-changed=build.rs");
    let mut paths = Vec::new();
    find(&python.join(PACKAGE), PACKAGE, &mut paths)?;
    paths.sort_unstable();
    if !paths.iter().any(|path| path == STAGE0) {
        return Err(format!("python/{STAGE0} is missing: without it no sandbox can start").into());
    }

    let mut digest = Blake2b256::new();
    let mut constants = String::from("const FILES: &[RunnerFile] = &[\n");
    for path in &paths {
        let source = fs::read(python.join(path))?;
        digest.update(path.as_bytes());
        digest.update([0]);
        digest.update((source.len() as u64).to_le_bytes());
        digest.update(&source);
        writeln!(constants, "    RunnerFile {{ path: {path:?}, source: {} }},", include(path))?;
    }
    writeln!(constants, "];\nconst DIGEST: &str = \"{}\";", hex::encode(digest.finalize()))?;
    writeln!(constants, "const STAGE0_SOURCE: &str = {};", include(STAGE0))?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("embedded.rs"), constants)?;
    Ok(())
}

/// The expression that includes a file; it names no path of the machine that builds.
fn include(path: &str) -> String {
    format!("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/python/{path}\"))")
}

/// Collects the Python files below `folder`, as paths with `/` that begin with `name`. Caches and tests stay out.
fn find(folder: &Path, name: &str, found: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder).map_err(|error| format!("{name}: {error}"))? {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(file_name) = file_name.to_str() else { continue };
        let path = format!("{name}/{file_name}");
        if entry.file_type()?.is_dir() {
            if !matches!(file_name, "__pycache__" | "tests") {
                find(&entry.path(), &path, found)?;
            }
        } else if entry.path().extension().is_some_and(|extension| extension == "py") {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            found.push(path);
        }
    }
    Ok(())
}
