//! What it costs to keep a state, to branch from it, and to undo what was done to it.
//!
//! Each stands beside `floor.py`'s `fork`: a bare Python that holds the same, forks, and whose child answers.

use std::time::{Duration, Instant};

use hibernaculum::{Error, RecoveryPolicy, SandboxSpec};

use super::{Bound, Figure, Taken, Unit, contest, need_pandas};
use crate::bench::Bench;
use crate::floor::{Floor, Mode};
use crate::stateful::Stateful;
use crate::trouble::Trouble;

/// An array of so many MiB, as session and floor both make it: written to, in huge pages where the kernel gives them.
const ARRAY: &str = "import numpy\narray = numpy.ones(MIB << 17)";

pub(super) const GUARD: Figure = Figure {
    name: "guard",
    about: "`1+1` with a guard beside it, against a crash",
    is_quick: true,
    unit: Unit::Milliseconds,
    bound: Bound::TimesFloor(3.0),
    take: |bench| beside_fork(bench, RecoveryPolicy::Guard, 60, answer),
};

pub(super) const ROLLBACK: Figure = Figure {
    name: "rollback",
    about: "an execution that fails, undone with all that it did to memory",
    bound: Bound::TimesFloor(4.0),
    take: |bench| beside_fork(bench, RecoveryPolicy::FreshOnCrash, 60, rollback),
    ..GUARD
};

pub(super) const LIVE_CHECKPOINT_1G: Figure = Figure {
    name: "live_checkpoint_1g",
    about: "a live checkpoint of a session that holds a numpy array of 1 GiB",
    is_quick: false,
    take: |bench| beside_array(bench, 1024, false),
    ..GUARD
};

pub(super) const LIVE_CHECKPOINT_100M: Figure = Figure {
    name: "live_checkpoint_100m",
    about: "the same, of 100 MiB",
    take: |bench| beside_array(bench, 100, false),
    ..LIVE_CHECKPOINT_1G
};

pub(super) const BRANCH_1G: Figure = Figure {
    name: "branch_1g",
    about: "a branch of such a checkpoint of 1 GiB, to its first answer",
    take: |bench| beside_array(bench, 1024, true),
    ..LIVE_CHECKPOINT_1G
};

fn answer(session: &Stateful<'_>) -> Result<Duration, Error> {
    session.answer()
}

fn rollback(session: &Stateful<'_>) -> Result<Duration, Error> {
    session.rollback()
}

fn beside_fork(
    bench: &Bench,
    recovery: RecoveryPolicy,
    times: u64,
    act: fn(&Stateful<'_>) -> Result<Duration, Error>,
) -> Result<Taken, Trouble> {
    let session = Stateful::open(bench.product(), recovery, "pass")?;
    let mut floor = Floor::start(bench.python(), Mode::Fork(""))?;
    contest(times, || Ok(act(&session)?), || asked(&mut floor))
}

fn beside_array(bench: &Bench, mib: usize, branches: bool) -> Result<Taken, Trouble> {
    need_pandas(bench)?;
    let code = ARRAY.replace("MIB", &mib.to_string());
    let product = bench.another(SandboxSpec::default())?;
    let session = Stateful::open(&product, RecoveryPolicy::FreshOnCrash, &code)?;
    let mut floor = Floor::start(bench.python(), Mode::ForkWith(&code))?;
    let taken = if branches {
        let (checkpoint, _) = session.checkpoint()?;
        contest(40, || Ok(session.branch(&checkpoint)?), || asked(&mut floor))
    } else {
        contest(40, || Ok(session.checkpoint_once()?), || asked(&mut floor))
    };
    drop(session);
    product.close()?;
    taken
}

fn asked(floor: &mut Floor) -> Result<Duration, Trouble> {
    let start = Instant::now();
    floor.ask("")?;
    Ok(start.elapsed())
}
