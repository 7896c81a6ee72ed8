//! Holds every backend of this build to the conformance suite: `cargo test --workspace --test conformance -- a_timeout`.
//!
//! `HIBERNACULUM_PYTHON` chooses the Python of the local backend, `HIBERNACULUM_SMOKE=1` the smoke subset, and `HIBERNACULUM_REQUIRE`
//! names what must not be missing.

use std::process::ExitCode;
use std::sync::Arc;

use hibernaculum::{Registry, Settings};
use hibernaculum_testkit::Subject;

fn main() -> ExitCode {
    hibernaculum_testkit::main(subjects)
}

async fn subjects() -> Vec<Subject> {
    let registry = Registry::builtin();
    let mut subjects = Vec::new();
    for name in registry.names() {
        match registry.create(name, &Settings::default()).await {
            Ok(backend) => {
                // A sandbox's first sessions are forked off its supervisor, later ones cloned from a zygote: both keep every promise.
                let cloned = Subject::new(format!("{name}-cloned"), Arc::clone(&backend));
                subjects.push(Subject::new(name, backend));
                subjects.push(cloned.with_env("HIBERNACULUM_ZYGOTE", "first"));
            }
            Err(error) => subjects.push(Subject::missing(name, error.explain().to_string())),
        }
    }
    subjects
}
