//! Holds the backend of `examples/custom_backend` to the conformance suite: a backend that was written with the public traits alone.
//!
//! It runs through `sh -c`. `HIBERNACULUM_PYTHON` chooses the Python, `HIBERNACULUM_SMOKE=1` the smoke subset.

#[path = "../../examples/custom_backend/backend.rs"]
mod backend;

use std::process::ExitCode;
use std::sync::Arc;

use backend::CommandProvider;
use hibernaculum::Backend;
use hibernaculum::engine::Engine;
use hibernaculum_testkit::Subject;

fn main() -> ExitCode {
    hibernaculum_testkit::main(async || vec![subject()])
}

fn subject() -> Subject {
    let python = std::env::var("HIBERNACULUM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    match Engine::new(CommandProvider::new(["sh", "-c"], python)) {
        Ok(engine) => Subject::new("command", Arc::new(engine) as Arc<dyn Backend>),
        Err(error) => Subject::missing("command", error.explain().to_string()),
    }
}
