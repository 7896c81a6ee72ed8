//! Records the conformance suite anew against the local backend with CPython 3.11, and holds what it said against the cassettes that the mock plays:
//! `HIBERNACULUM_CASSETTES=compare cargo test --workspace --test cassettes`, or `.ci/cassettes.sh`. So the mock cannot lie about the real thing.
//!
//! `HIBERNACULUM_RECORD=all` writes the cassettes instead, `missing` those that are not there. `HIBERNACULUM_PYTHON` names the Python. Without any of
//! these nothing is recorded: two minutes of it are nothing for those who only want to know whether their own change is right.

#[path = "../mock/volatile.rs"]
mod volatile;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use hibernaculum::LocalBackend;
use hibernaculum::checkpoint_store::Store;
use hibernaculum::engine::{Engine, EngineConfig};
use hibernaculum::mock::cassette::Record;
use hibernaculum::mock::wire::{WireCassette, WireRecorder};
use hibernaculum_testkit::{Case, Clock, Stage, Subject, Verdict};

use crate::volatile::UNSTEADY;

/// The version of Python that cassettes are of.
const PYTHON: &str = "3.11";
/// What a sandbox would take from whoever records.
const ENVIRONMENT: &[(&str, &str)] =
    &[("HOME", "/tmp"), ("LANG", "C.UTF-8"), ("PATH", "/usr/local/bin:/usr/bin:/bin"), ("TZ", "UTC")];

/// Where it works, so that paths are the same on every machine.
const STATE: &str = "/tmp/hibernaculum-cassettes";

fn main() -> ExitCode {
    hibernaculum_testkit::main(async || vec![subject()])
}

fn subject() -> Subject {
    let name = "recorded-anew";
    let record = match Record::from_env() {
        Ok(record) => record,
        Err(error) => return Subject::missing(name, error.explain().to_string()),
    };
    if record == Record::Never
        && std::env::var_os("HIBERNACULUM_CASSETTES").is_none_or(|word| word != "compare")
    {
        return Subject::missing(name, "HIBERNACULUM_CASSETTES=compare asks for it");
    }
    match python() {
        Ok(python) => {
            let subject =
                Subject::per_case(name, Clock::Real, move |case| stage(case, record, &python)).recorded();
            ENVIRONMENT.iter().fold(subject, |subject, (name, value)| subject.with_env(*name, *value))
        }
        Err(reason) => Subject::missing(name, reason),
    }
}

/// The Python, which must be of that version.
fn python() -> Result<PathBuf, String> {
    let named = std::env::var_os("HIBERNACULUM_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| PathBuf::from(format!("/usr/bin/python{PYTHON}")));
    let asked = Command::new(&python)
        .args(["-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        .output();
    match asked {
        Ok(told) if told.stdout.trim_ascii() == PYTHON.as_bytes() => Ok(python),
        Ok(_) => Err(format!("{} is no CPython {PYTHON}", python.display())),
        Err(error) => Err(format!("needs a CPython {PYTHON}: {} ({error})", python.display())),
    }
}

fn stage(case: &'static Case, record: Record, python: &Path) -> Result<Stage, String> {
    if let Some(reason) = volatile::reason(case) {
        return Err(reason);
    }
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let provider =
        LocalBackend::builder().python(python).state_dir(STATE).provider().map_err(|error| told(&error))?;
    let config =
        EngineConfig::new().map_err(|error| told(&error))?.checkpoint_store(Arc::new(Store::memory()));
    let engine = Engine::with_config(WireRecorder::new(provider), config).map_err(|error| told(&error))?;
    let file = Path::new("mock/cassettes").join(format!("{}.wire", case.name));
    Ok(Stage::new(Arc::new(engine.clone()), async move |verdict| {
        // What broke is half: it is told, and neither kept nor compared.
        if matches!(verdict, Verdict::Broken(_)) {
            return Ok(());
        }
        let anew = engine.provider().cassette();
        let there = std::fs::read_to_string(&file);
        if record == Record::All || (record == Record::Missing && there.is_err()) {
            return std::fs::write(&file, anew.write()).map_err(|error| error.to_string());
        }
        let there = there.map_err(|error| {
            format!("{}: {error}; HIBERNACULUM_RECORD=missing records it", file.display())
        })?;
        let there = WireCassette::read(&there).map_err(|error| error.explain().to_string())?;
        let differences = there.differences(&anew);
        let is_unsteady = UNSTEADY.iter().any(|(name, _)| *name == case.name);
        if differences.is_empty() || is_unsteady { Ok(()) } else { Err(differences.join("\n\n")) }
    }))
}
