//! Recovery under fire: session processes, guards, checkpoints and supervisors are killed, crashed and stopped at random while sessions do
//! all that they can do. Every call returns a result or a typed error within its own time; what a session holds afterwards is what the answer
//! said; and at the end nothing is left: no process, no descriptor, no file, neither here nor in the sandbox.
//!
//! ```text
//!  drive ── Fire: a sandbox ──┬── Actor: deeds on its session, beside a Model of what that must hold      (3 of them)
//!    ^                        └── Attacker: a process of the sandbox, a signal, every few milliseconds
//!    └── the supervisor was killed: `sandbox.lost`, another sandbox
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | `actor` | a session, what is known of it, and the judge of every answer |
//! | `deeds`, `keeping`, `guards` | what is done: code and transactions; checkpoints; a guard that is struck itself |
//! | `bounds` | how long each call may take |
//! | `model`, `kept`, `code` | what a session must hold, what its checkpoints hold, what code makes of it |
//! | `attacker`, `processes` | who strikes, and at whom; what is left |
//!
//! 500 operations; `HIBERNACULUM_LONG=1` makes it 5,000, `HIBERNACULUM_OPERATIONS` any number. `HIBERNACULUM_SEED` repeats a run's choices;
//! which process a signal finds in the middle of what is up to the kernel. From 500 on every kind of strike and of recovery must have come.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by a panic")]

mod actor;
mod attacker;
mod bounds;
#[path = "../load/census.rs"]
mod census;
mod code;
mod deeds;
#[path = "../load/dice.rs"]
mod dice;
mod fire;
mod guards;
mod keeping;
mod kept;
mod model;
mod processes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hibernaculum::{Backend, RecoveryPolicy, Registry, Sandbox, SandboxSpec, Settings};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::actor::{Actor, Gone};
use crate::attacker::{Attacker, Turns};
use crate::bounds::{Bound, in_time};
use crate::census::Census;
use crate::dice::Dice;
use crate::fire::Fire;
use crate::processes::{Holdings, expect_no_process_of, expect_nobody_in};

const SANDBOXES: u8 = 2;
/// The sessions of a sandbox, by what becomes of them when their process dies; unset: a matter of chance.
const SESSIONS: [Option<RecoveryPolicy>; 3] =
    [Some(RecoveryPolicy::Guard), Some(RecoveryPolicy::FromCheckpoint), None];
/// How many descriptors this process may have for a sandbox, its sessions and what is under way there.
const DESCRIPTORS_HERE: usize = 16;

/// What has to come in a run of 500 operations or more.
const MUST_COME: [&str; 29] = [
    "attack: kill a session",
    "attack: stop a session",
    "attack: crash a session",
    "attack: kill a guard",
    "attack: stop a guard",
    "attack: kill a copy",
    "attack: stop a copy",
    "attack: kill a supervisor",
    "attack: stop a supervisor",
    "a sandbox was lost",
    "kept",
    "lost",
    "restored: names",
    "restored: rolled back",
    "restored: a guard took over",
    "restored: a live checkpoint",
    "restored: a portable checkpoint",
    "recovered while idle",
    "lost while idle",
    "restore: live",
    "restore: portable",
    "branch: live",
    "branch: portable",
    "sleep and wake",
    "commit",
    "roll back",
    "be late",
    "be stubborn",
    "start a child",
];

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
    // A place of its own: what lies there, and who works there, is ours.
    let scene = tempfile::tempdir().unwrap();
    let settings = Settings::default().with("state_dir", scene.path().to_string_lossy());
    let backend = Registry::builtin().create("local", &settings).await.unwrap();
    let warm = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    warm.session().await.unwrap().execute("1").await.unwrap();
    warm.close().await.unwrap();
    let (before, files_before) = (Census::take(), run_files(scene.path()));
    processes::note_descriptors_here();
    let descriptors_before = processes::most_descriptors_here();

    let left = Arc::new(AtomicU64::new(operations()));
    let mut drivers = JoinSet::new();
    for line in (0..SANDBOXES).map(u64::from) {
        let dice = Dice::new(seed.wrapping_mul(1000).wrapping_add(line));
        drivers.spawn(drive(Arc::clone(&backend), dice, Arc::clone(&left), Turns::new(&left, line)));
    }
    let mut done = Tally::new();
    while let Some(tally) = drivers.join_next().await {
        add(&mut done, tally.unwrap());
    }
    println!("{done:#?}\n{:#?}", bounds::told());
    assert_eq!(backend.list().await.unwrap(), vec![], "no sandbox is left");
    assert_eq!(backend.stored_checkpoints().await.unwrap(), vec![], "no checkpoint is left");
    before.expect_again().await;
    let (most, may) = (processes::most_descriptors_here(), DESCRIPTORS_HERE * usize::from(SANDBOXES));
    println!("descriptors of this process: {descriptors_before} before, {most} at most");
    assert!(most <= descriptors_before + may, "{descriptors_before} descriptors became {most}");
    processes::eventually(|| {
        let now = run_files(scene.path());
        if now == files_before { Ok(()) } else { Err(format!("{files_before:?} became {now:?}")) }
    })
    .await;
    expect_nobody_in(scene.path()).await;
    if operations() >= 500 {
        let missing: Vec<_> = MUST_COME.into_iter().filter(|what| !done.contains_key(*what)).collect();
        assert!(missing.is_empty(), "it never came to: {missing:?}");
    }
    drop(backend);
    assert_eq!(run_files(scene.path()), Vec::<PathBuf>::new(), "no host's directory is left");
}

/// What lies in the directories of hosts: of their sandboxes, that is. What is beside them, the runner and the store, is nobody's in particular.
fn run_files(state: &Path) -> Vec<PathBuf> {
    let name = |path: &Path| path.strip_prefix(state).ok().and_then(Path::to_str).map(str::to_owned);
    let is_of_a_host = |path: &PathBuf| name(path).is_some_and(|name| name.starts_with('h'));
    processes::files(state).into_iter().filter(is_of_a_host).collect()
}

fn add(done: &mut Tally, more: Tally) {
    for (what, count) in more {
        *done.entry(what).or_default() += count;
    }
}

/// One sandbox after another, for as long as there is something to do.
async fn drive(backend: Arc<dyn Backend>, mut dice: Dice, left: Arc<AtomicU64>, turns: Turns) -> Tally {
    let mut done = Tally::new();
    while left.load(Ordering::Relaxed) > 0 {
        let creating = Sandbox::create(&backend, SandboxSpec::default());
        let sandbox = in_time(Bound::sandbox("create a sandbox"), creating).await.unwrap();
        let (supervisor, workdir) = processes::home_of(&sandbox).await;
        let fire = Fire::new(sandbox, supervisor);
        add(&mut done, under_fire(&fire, &workdir, &mut dice, &left, &turns).await);
        let fire = Arc::try_unwrap(fire).unwrap_or_else(|_| panic!("somebody holds the sandbox"));
        in_time(Bound::sandbox("close a sandbox"), fire.sandbox.close()).await.unwrap();
        expect_nobody_in(&workdir).await;
    }
    done
}

/// Until there is nothing left to do, or the sandbox is lost.
async fn under_fire(
    fire: &Arc<Fire>,
    workdir: &Path,
    dice: &mut Dice,
    left: &Arc<AtomicU64>,
    turns: &Turns,
) -> Tally {
    let before = Holdings::of(fire.supervisor, workdir);
    let (stop, stopped) = oneshot::channel();
    let attacker = Attacker::new(Arc::clone(fire), turns.clone(), Dice::new(dice.roll(u64::MAX)));
    let attacker = tokio::spawn(attacker.attack(stopped));

    let mut actors = JoinSet::new();
    for recovery in SESSIONS {
        let by_chance = [RecoveryPolicy::FreshOnCrash, RecoveryPolicy::Guard, RecoveryPolicy::FreshOnCrash];
        let recovery = recovery.unwrap_or_else(|| *dice.pick(&by_chance));
        let (dice, left) = (Dice::new(dice.roll(u64::MAX)), Arc::clone(left));
        actors.spawn(live(Arc::clone(fire), recovery, dice, left));
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
        before.expect_again(fire.supervisor, workdir).await;
    }
    expect_no_process_of(&sessions).await;
    done
}

/// A session that does one thing after the other.
async fn live(
    fire: Arc<Fire>,
    recovery: RecoveryPolicy,
    dice: Dice,
    left: Arc<AtomicU64>,
) -> (Tally, Vec<String>, Result<(), Gone>) {
    let mut actor = match Actor::new(fire, recovery, dice).await {
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
