//! How soon there is a session.

use std::time::{Duration, Instant};

use hibernaculum::SandboxSpec;
use tokio::time::sleep;

use super::{Bound, Figure, PANDAS, Taken, Unit, contest, need_pandas};
use crate::bench::Bench;
use crate::floor::{self, Floor, Mode};
use crate::product::Product;
use crate::trouble::Trouble;

pub(super) const COLD_START: Figure = Figure {
    name: "cold_start",
    about: "a new sandbox, from nothing to its first answer",
    is_quick: true,
    unit: Unit::Milliseconds,
    bound: Bound::TimesFloor(1.6),
    take: cold_start,
};

pub(super) const SESSION_PLAIN: Figure = Figure {
    name: "session_plain",
    about: "one more session of a warm sandbox, to its first answer",
    is_quick: true,
    unit: Unit::Milliseconds,
    bound: Bound::TimesFloor(2.5),
    take: |bench| session(bench, &[], Duration::ZERO),
};

pub(super) const SESSION_SPACED: Figure = Figure {
    name: "session_spaced",
    about: "the same, 100 ms after the last: a clone is in reserve",
    is_quick: false,
    take: |bench| session(bench, &[], Duration::from_millis(100)),
    ..SESSION_PLAIN
};

pub(super) const SESSION_PANDAS: Figure = Figure {
    name: "session_pandas",
    about: "the same, with numpy and pandas preloaded",
    is_quick: false,
    take: |bench| {
        need_pandas(bench)?;
        session(bench, &PANDAS, Duration::ZERO)
    },
    ..SESSION_PLAIN
};

fn cold_start(bench: &Bench) -> Result<Taken, Trouble> {
    let product = || {
        let start = Instant::now();
        let product = bench.another(SandboxSpec::default())?;
        product.roundtrip("1+1", "2")?;
        let took = start.elapsed();
        product.close()?;
        Ok(took)
    };
    contest(20, product, || Ok(floor::cold_start(bench.python())?))
}

/// Product and floor both rest for so long before each sample.
fn session(bench: &Bench, modules: &[&str], rest: Duration) -> Result<Taken, Trouble> {
    let spec =
        SandboxSpec::builder().preload(modules.iter().copied()).build().map_err(hibernaculum::Error::from)?;
    let product = bench.another(spec)?;
    let mut floor = Floor::start(bench.python(), Mode::Fork(&modules.join(",")))?;
    let taken = contest(
        60,
        || {
            idle(&product, rest);
            Ok(product.session()?)
        },
        || {
            idle(&product, rest);
            let start = Instant::now();
            floor.ask("")?;
            Ok(start.elapsed())
        },
    );
    product.close()?;
    taken
}

fn idle(product: &Product, rest: Duration) {
    if !rest.is_zero() {
        product.block_on(async { sleep(rest).await });
    }
}
