//! How soon there is an answer.

use std::time::Instant;

use super::{Bound, Figure, Taken, Unit, contest};
use crate::bench::Bench;
use crate::floor::{Floor, Mode};
use crate::trouble::Trouble;

pub(super) const ROUNDTRIP: Figure = Figure {
    name: "roundtrip",
    about: "`1+1` and back through the `Session` API",
    is_quick: true,
    unit: Unit::Microseconds,
    bound: Bound::TimesFloor(1.8),
    take: roundtrip,
};

pub(super) const INTERRUPT_SLEEP: Figure = Figure {
    name: "interrupt_sleep",
    about: "from an interrupt to the end of `time.sleep`",
    is_quick: true,
    unit: Unit::Microseconds,
    bound: Bound::TimesFloor(5.0),
    take: |bench| interrupt(bench, false),
};

pub(super) const INTERRUPT_BUSY: Figure = Figure {
    name: "interrupt_busy",
    about: "from an interrupt to the end of a busy loop",
    take: |bench| interrupt(bench, true),
    ..INTERRUPT_SLEEP
};

fn roundtrip(bench: &Bench) -> Result<Taken, Trouble> {
    const CODE: &str = "1+1";
    let mut floor = Floor::start(bench.python(), Mode::Roundtrip)?;
    let product = || Ok(bench.product().roundtrip(CODE, "2")?);
    let floor = || {
        let start = Instant::now();
        floor.ask(CODE)?;
        Ok(start.elapsed())
    };
    contest(5000, product, floor)
}

fn interrupt(bench: &Bench, busy: bool) -> Result<Taken, Trouble> {
    let mut floor = Floor::start(bench.python(), Mode::Interrupt)?;
    contest(200, || Ok(bench.product().interrupt(busy)?), || Ok(floor.interrupt(busy)?))
}
