//! Many sessions at once, doing everything, faults included: every call ends in time, nothing is lost or told to the wrong one, and what the host
//! the machine and each sandbox hold at the end is what they held at the beginning.
//!
//! 20 sandboxes with 10 sessions each, for 20 s; `HIBERNACULUM_LONG=1` makes it an hour, `HIBERNACULUM_LOAD_SECONDS` any time.
//! The mix is seeded: `HIBERNACULUM_SEED` repeats a run's choices.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by a panic")]

mod census;
mod deeds;
mod dice;
mod holdings;
mod memory;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum::{Backend, Sandbox, SandboxSpec};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::census::Census;
use crate::deeds::{Actor, in_time};
use crate::dice::Dice;
use crate::holdings::Holdings;
use crate::memory::Memory;

const SANDBOXES: u64 = 20;
const SESSIONS: u64 = 10;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

fn seconds() -> u64 {
    let long = std::env::var_os("HIBERNACULUM_LONG").is_some_and(|value| value == "1");
    number("HIBERNACULUM_LOAD_SECONDS").unwrap_or(if long { 3600 } else { 20 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_sessions_do_everything_at_once() {
    let seed = number("HIBERNACULUM_SEED").unwrap_or(20_261_123);
    println!("seed {seed}, {} s", seconds());
    let backend = in_time(hibernaculum::backend("local")).await.unwrap();
    // Whatever is made once and kept for good is made before the count.
    let warm = in_time(Sandbox::create(&backend, SandboxSpec::default())).await.unwrap();
    let session = in_time(warm.session()).await.unwrap();
    in_time(session.execute("1")).await.unwrap();
    in_time(session.close()).await.unwrap();
    in_time(warm.close()).await.unwrap();
    let (before, memory) = (Census::take(), Memory::take());

    let until = Instant::now() + Duration::from_secs(seconds());
    let mut sandboxes = JoinSet::new();
    for sandbox in 0..SANDBOXES {
        sandboxes.spawn(drive(Arc::clone(&backend), seed.wrapping_mul(1000).wrapping_add(sandbox), until));
    }
    let mut done = BTreeMap::<&str, u64>::new();
    while let Some(deeds) = sandboxes.join_next().await {
        for (deed, count) in deeds.unwrap() {
            *done.entry(deed).or_default() += count;
        }
    }
    println!("{done:#?}");
    assert!(done.len() >= 12, "every sort of deed was done: {done:?}");
    assert_eq!(in_time(backend.list()).await.unwrap(), vec![], "no sandbox is left");
    before.expect_again().await;
    memory.expect_again().await;
}

/// One sandbox and its sessions, until time is up.
async fn drive(backend: Arc<dyn Backend>, seed: u64, until: Instant) -> BTreeMap<&'static str, u64> {
    let sandbox = Arc::new(in_time(Sandbox::create(&backend, SandboxSpec::default())).await.unwrap());
    let before = Holdings::of_warm(&sandbox).await;
    let mut sessions = JoinSet::new();
    for session in 0..SESSIONS {
        let (sandbox, dice) = (Arc::clone(&sandbox), Dice::new(seed.wrapping_mul(100).wrapping_add(session)));
        sessions.spawn(async move {
            let mut actor = Actor::new(sandbox, dice).await;
            while Instant::now() < until {
                actor.act().await;
            }
            actor.leave().await
        });
    }
    let mut done = BTreeMap::<&str, u64>::new();
    while let Some(deeds) = sessions.join_next().await {
        for (deed, count) in deeds.unwrap() {
            *done.entry(deed).or_default() += count;
        }
    }
    let Ok(sandbox) = Arc::try_unwrap(sandbox) else { panic!("a session holds its sandbox") };
    before.expect_again().await;
    in_time(sandbox.close()).await.unwrap();
    done
}
