//! Recovery under fire: session processes, guards, live checkpoints and supervisors are killed, crashed and stopped at random while sessions do
//! all that they can do. Every call returns a result or a typed error in time; what a session holds afterwards is what the answer said; and
//! at the end nothing is left: no process, no descriptor, neither here nor in the supervisor.
//!
//! ```text
//!  drive ── a sandbox ──┬── Actor: deeds on its session, beside a Model of what that must hold      (3 of them)
//!    ^                  └── Attacker: a process of the sandbox, a signal, every few milliseconds
//!    └── the supervisor was killed: `sandbox.lost`, another sandbox
//! ```
//!
//! 500 operations; `HIBERNACULUM_LONG=1` makes it 5,000, `HIBERNACULUM_OPERATIONS` any number. `HIBERNACULUM_SEED` repeats a run's choices;
//! which process a signal finds in the middle of what is up to the kernel.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by a panic")]

mod actor;
mod attacker;
#[path = "../load/census.rs"]
mod census;
mod code;
mod deeds;
#[path = "../load/dice.rs"]
mod dice;
mod model;
mod processes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hibernaculum::{Backend, Sandbox, SandboxSpec};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::actor::{Actor, Gone, in_time};
use crate::attacker::Attacker;
use crate::census::Census;
use crate::dice::Dice;
use crate::processes::{Holdings, expect_no_process_of};

const SANDBOXES: u64 = 2;
const SESSIONS: u64 = 3;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

fn operations() -> u64 {
    let long = std::env::var_os("HIBERNACULUM_LONG").is_some_and(|value| value == "1");
    number("HIBERNACULUM_OPERATIONS").unwrap_or(if long { 5000 } else { 500 })
}

/// What was done, and how often.
type Tally = BTreeMap<String, u64>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_or_stopped_every_answer_is_true_and_nothing_is_left() {
    let seed = number("HIBERNACULUM_SEED").unwrap_or(20_261_127);
    println!("HIBERNACULUM_SEED={seed}, {} operations", operations());
    let backend = hibernaculum::backend("local").await.unwrap();
    let warm = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    warm.session().await.unwrap().execute("1").await.unwrap();
    warm.close().await.unwrap();
    let before = Census::take();

    let left = Arc::new(AtomicU64::new(operations()));
    let mut drivers = JoinSet::new();
    for sandbox in 0..SANDBOXES {
        let seed = seed.wrapping_mul(1000).wrapping_add(sandbox);
        drivers.spawn(drive(Arc::clone(&backend), seed, Arc::clone(&left)));
    }
    let mut done = Tally::new();
    while let Some(tally) = drivers.join_next().await {
        add(&mut done, tally.unwrap());
    }
    println!("{done:#?}");
    assert_eq!(backend.list().await.unwrap(), vec![], "no sandbox is left");
    before.expect_again().await;
    if operations() >= 500 {
        for what in [
            "kept",
            "restored",
            "lost",
            "be late",
            "start a child",
            "attack: kill",
            "attack: stop",
            "attack: crash",
        ] {
            assert!(done.contains_key(what), "it never came to: {what}");
        }
    }
}

fn add(done: &mut Tally, more: Tally) {
    for (what, count) in more {
        *done.entry(what).or_default() += count;
    }
}

/// One sandbox after another, for as long as there is something to do.
async fn drive(backend: Arc<dyn Backend>, seed: u64, left: Arc<AtomicU64>) -> Tally {
    let mut done = Tally::new();
    let mut dice = Dice::new(seed);
    while left.load(Ordering::Relaxed) > 0 {
        let sandbox = Arc::new(Sandbox::create(&backend, SandboxSpec::default()).await.unwrap());
        add(&mut done, under_fire(&sandbox, &mut dice, &left).await);
        let sandbox = Arc::try_unwrap(sandbox).unwrap_or_else(|_| panic!("a session holds its sandbox"));
        in_time("close a sandbox", sandbox.close()).await.unwrap();
    }
    done
}

/// Until there is nothing left to do, or the sandbox is lost.
async fn under_fire(sandbox: &Arc<Sandbox>, dice: &mut Dice, left: &Arc<AtomicU64>) -> Tally {
    let supervisor = processes::supervisor_of(sandbox).await;
    let before = Holdings::of(supervisor);
    let (stop, stopped) = oneshot::channel();
    let attacker = tokio::spawn(Attacker::new(supervisor, Dice::new(dice.roll(u64::MAX))).attack(stopped));

    let mut actors = JoinSet::new();
    for _ in 0..SESSIONS {
        let (sandbox, dice, left) = (Arc::clone(sandbox), Dice::new(dice.roll(u64::MAX)), Arc::clone(left));
        actors.spawn(live(sandbox, dice, left));
    }
    let (mut done, mut sessions, mut is_lost) = (Tally::new(), Vec::new(), false);
    while let Some(life) = actors.join_next().await {
        let (tally, names, end) = life.unwrap();
        add(&mut done, tally);
        sessions.extend(names);
        is_lost |= end.is_err();
    }
    drop(stop);
    add(&mut done, attacker.await.unwrap());
    if is_lost {
        *done.entry("a sandbox was lost".to_owned()).or_default() += 1;
    } else {
        before.expect_again(supervisor).await;
    }
    expect_no_process_of(&sessions).await;
    done
}

/// A session that does one thing after the other.
async fn live(
    sandbox: Arc<Sandbox>,
    dice: Dice,
    left: Arc<AtomicU64>,
) -> (Tally, Vec<String>, Result<(), Gone>) {
    let mut actor = match Actor::new(sandbox, dice).await {
        Ok(actor) => actor,
        Err(gone) => return (Tally::new(), Vec::new(), Err(gone)),
    };
    let mut end = Ok(());
    while end.is_ok()
        && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    {
        end = actor.act().await;
    }
    actor.leave(end).await
}
