//! What the Docker backend promises beyond the contract, held against a real engine: `HIBERNACULUM_IMAGE=$(.ci/test_image.sh) cargo test -p
//! hibernaculum-backend-docker --test docker`.
//!
//! Without an engine, or without an image to run in, each test says so and why; with `docker` in `HIBERNACULUM_REQUIRE` it fails instead.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly, and so may what tests share"
)]

mod builds;
mod closed;
mod deaths;
mod engines;
mod escapes;
mod given_up;
mod host;
mod images;
mod leaks;
mod limits;
mod loosened;
mod networks;
mod proxy;
mod pulls;
mod roads;
mod scene;
mod stalls;
mod volumes;
mod words;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};
use tokio::runtime::Runtime;

/// A test, by the name that it is chosen by.
pub(crate) struct Test {
    name: &'static str,
    run: fn(&Runtime),
}

/// The table of a module's tests.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub(crate) const TESTS: &[$crate::Test] = &[$($crate::Test {
            name: concat!(module_path!(), "::", stringify!($name)),
            run: |runtime| runtime.block_on($name()),
        }),*];
    };
}
pub(crate) use tests;

fn main() -> ExitCode {
    if host::is_asked_for() {
        Runtime::new().unwrap().block_on(host::host());
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let missing = Runtime::new().unwrap().block_on(scene::what_is_missing());
    let modules = [
        builds::TESTS,
        closed::TESTS,
        deaths::TESTS,
        engines::TESTS,
        escapes::TESTS,
        given_up::TESTS,
        images::TESTS,
        leaks::TESTS,
        limits::TESTS,
        stalls::TESTS,
        volumes::TESTS,
        words::TESTS,
        loosened::TESTS,
        networks::TESTS,
        pulls::TESTS,
        roads::TESTS,
    ];
    let trials = modules.into_iter().flatten().map(|test| {
        let missing = missing.clone();
        let name = test.name.trim_start_matches("docker::");
        Trial::ignorable_test(name, move || match missing {
            Some(reason) if scene::is_required() => {
                Err(format!("HIBERNACULUM_REQUIRE demands `docker`, but: {reason}").into())
            }
            Some(reason) => Ok(Completion::ignored_with(format!("not applicable: {reason}"))),
            None => {
                let runtime = Runtime::new()?;
                (test.run)(&runtime);
                Ok(Completion::Completed)
            }
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
