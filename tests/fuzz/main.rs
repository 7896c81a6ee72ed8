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
//! | `HIBERNACULUM_LONG=1` | an hour for all of them, where nothing else is said |
//! | `HIBERNACULUM_FUZZ_SEED` | where the mutations begin; a failure tells it |
//! | `UPDATE_CORPUS=1` | write the seeds that come from the vectors into `fuzz/corpus`, for cargo-fuzz |
//!
//! Memory is counted: an input may cost a few times its length and one frame, or the allocator refuses, which ends the run.
//! So does an input that hangs: its thread cannot be ended, and counts as all do.

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
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
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

/// How a target ended.
enum End {
    /// It holds, after so many mutations.
    Held(u64),
    /// It does not hold for this input.
    Broken(Vec<u8>),
    /// It does not return from this one.
    Hangs(Vec<u8>),
}

fn main() -> ExitCode {
    let seconds = seconds();
    let seed = number("HIBERNACULUM_FUZZ_SEED").unwrap_or(0x5eed);
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        seeds::update();
    }
    // One after the other: memory is counted for all threads.
    let mut failed = 0;
    for (name, target) in TARGETS {
        let seeds = seeds::of(name);
        assert!(!seeds.is_empty(), "there is no seed for {name}: UPDATE_CORPUS=1");
        let count = seeds.len();
        let told = format!("test {name} ... FAILED, HIBERNACULUM_FUZZ_SEED={seed}\n  input");
        match watched(target, seeds, seed, Duration::from_secs(seconds)) {
            End::Held(runs) => println!("test {name} ... ok ({count} seeds, {runs} mutations)"),
            End::Broken(input) => {
                failed += 1;
                println!("{told}: {}", shown(&input));
            }
            End::Hangs(input) => {
                println!("{told} that is not done after {HANG:?}: {}", shown(&input));
                return ExitCode::FAILURE;
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

/// Runs a target on a thread of its own, which tells each input before it is tried: what was told last is what hangs.
#[expect(clippy::disallowed_methods, reason = "there is no runtime that its ends could block")]
fn watched(target: fn(&[u8]), seeds: Vec<Vec<u8>>, seed: u64, time: Duration) -> End {
    let (begins, begun) = mpsc::sync_channel(64);
    let fuzzing = thread::spawn(move || fuzz(target, &seeds, seed, time, &begins));
    let mut latest = Vec::new();
    loop {
        match begun.recv_timeout(HANG) {
            Ok(input) => latest = input,
            Err(RecvTimeoutError::Timeout) => return End::Hangs(latest),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    fuzzing.join().expect("what a target panics with is caught")
}

fn fuzz(
    target: fn(&[u8]),
    seeds: &[Vec<u8>],
    seed: u64,
    time: Duration,
    begins: &SyncSender<Vec<u8>>,
) -> End {
    let holds = |input: &Vec<u8>| {
        begins.send(input.clone()).expect("somebody watches");
        holds(target, input)
    };
    if let Some(input) = seeds.iter().find(|input| !holds(input)) {
        return End::Broken(input.clone());
    }
    let (mut mutations, mut runs, deadline) = (Mutations::new(seed), 0, Instant::now() + time);
    while Instant::now() < deadline {
        for _ in 0..64 {
            runs += 1;
            let input = mutations.of(seeds);
            if !holds(&input) {
                return End::Broken(input);
            }
        }
    }
    End::Held(runs)
}

/// Whether a target has nothing to complain of.
fn holds(target: fn(&[u8]), input: &[u8]) -> bool {
    let _ = ALLOCATOR.set_limit(ALLOCATOR.allocated() + MEMORY);
    let ended = catch_unwind(AssertUnwindSafe(|| target(input)));
    let _ = ALLOCATOR.set_limit(usize::MAX);
    ended.is_ok()
}

/// How long each target is run.
fn seconds() -> u64 {
    let long = std::env::var_os("HIBERNACULUM_LONG").is_some_and(|value| value == "1");
    number("HIBERNACULUM_FUZZ_SECONDS").unwrap_or(if long { 3600 / TARGETS.len() as u64 } else { 2 })
}

fn shown(input: &[u8]) -> String {
    input.escape_ascii().to_string()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}
