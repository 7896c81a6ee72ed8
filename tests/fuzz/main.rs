//! The fuzz targets on a stable toolchain: over their corpus, and over mutations of it for a while.
//!
//! ```text
//!  fuzz/corpus/TARGET/* ─┐
//!  docs/wire/vectors ────┴▶ seeds ──▶ target(seed); then, until time is up: target(mutated(seed))
//! ```
//!
//! | variable | meaning |
//! |---|---|
//! | `HIBERNACULUM_FUZZ_SECONDS` | how long each target is run; 2 by default |
//! | `HIBERNACULUM_FUZZ_SEED` | where the mutations begin; a failure tells it |
//! | `UPDATE_CORPUS=1` | write the seeds that come from the vectors into `fuzz/corpus`, for cargo-fuzz |
//!
//! Memory is counted: an input may cost a few times its length and one frame, or the allocator refuses, which ends the run.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test runner prints, and one that cannot go on says so by a panic"
)]

mod mutation;
mod seeds;

use std::alloc::System;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cap::Cap;
use hibernaculum_testkit::fuzz::TARGETS;
use mutation::Mutations;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What one input may cost beyond what was held before: the longest frame, read and written and compared.
const MEMORY: usize = 64 << 20;
/// A target takes microseconds. This is for a machine that is overloaded.
const HANG: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let seconds = number("HIBERNACULUM_FUZZ_SECONDS").unwrap_or(2);
    let seed = number("HIBERNACULUM_FUZZ_SEED").unwrap_or(0x5eed);
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        seeds::update();
    }
    // One after the other: memory is counted for all threads.
    let mut failed = 0;
    for (name, target) in TARGETS {
        let seeds = seeds::of(name);
        assert!(!seeds.is_empty(), "there is no seed for {name}: UPDATE_CORPUS=1");
        let mut runs = 0_u64;
        let mut mutations = Mutations::new(seed);
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let broken = seeds.iter().find(|input| !holds(target, input)).cloned().or_else(|| {
            while Instant::now() < deadline {
                for _ in 0..64 {
                    runs += 1;
                    let input = mutations.of(&seeds);
                    if !holds(target, &input) {
                        return Some(input);
                    }
                }
            }
            None
        });
        match broken {
            None => println!("test {name} ... ok ({} seeds, {runs} mutations)", seeds.len()),
            Some(input) => {
                failed += 1;
                println!("test {name} ... FAILED, HIBERNACULUM_FUZZ_SEED={seed}\n  input: {}", shown(&input));
            }
        }
    }
    println!(
        "\ntest result: {}. {} passed; {failed} failed",
        if failed == 0 { "ok" } else { "FAILED" },
        TARGETS.len() - failed
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether a target has nothing to complain of.
fn holds(target: fn(&[u8]), input: &[u8]) -> bool {
    let start = Instant::now();
    let _ = ALLOCATOR.set_limit(ALLOCATOR.allocated() + MEMORY);
    let ended = catch_unwind(AssertUnwindSafe(|| target(input)));
    let _ = ALLOCATOR.set_limit(usize::MAX);
    ended.is_ok() && start.elapsed() < HANG
}

fn shown(input: &[u8]) -> String {
    input.escape_ascii().to_string()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}
