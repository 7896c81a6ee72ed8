//! Holds every backend of this build to the conformance suite: `cargo test --workspace --test conformance -- a_timeout`.
//!
//! `HIBERNACULUM_PYTHON` chooses the Python of the local backend, `HIBERNACULUM_SMOKE=1` the smoke subset, and `HIBERNACULUM_REQUIRE`
//! names what must not be missing.

use std::process::ExitCode;

use hibernaculum::{Registry, Settings};
use hibernaculum_testkit::Subject;

fn main() -> ExitCode {
    hibernaculum_testkit::main(subjects)
}

async fn subjects() -> Vec<Subject> {
    let registry = Registry::builtin();
    let mut subjects = Vec::new();
    for name in registry.names() {
        subjects.push(match registry.create(name, &Settings::default()).await {
            Ok(backend) => Subject::new(name, backend),
            Err(error) => Subject::missing(name, error.explain().to_string()),
        });
    }
    subjects
}
