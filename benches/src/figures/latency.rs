//! How soon there is an answer.

use std::time::Instant;

use super::{Bound, Figure, Taken, Unit, contest};
use crate::bench::Bench;
use crate::floor::{Floor, Mode};
use crate::stdio::StdioClient;
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

pub(super) const STDIO_ROUNDTRIP: Figure = Figure {
    name: "stdio_roundtrip",
    about: "`1+1` and back through `hib stdio`",
    bound: Bound::TimesFloor(3.0),
    take: stdio_roundtrip,
    ..ROUNDTRIP
};

fn stdio_roundtrip(bench: &Bench) -> Result<Taken, Trouble> {
    const CODE: &str = "1+1";
    let nobody = || Trouble::Skipped("it is taken by `hib bench` alone, which knows the program".to_owned());
    let program = bench.program().ok_or_else(nobody)?;
    let mut client = StdioClient::start(program, bench.name(), bench.python())?;
    let mut floor = Floor::start(bench.python(), Mode::Roundtrip)?;
    let product = || {
        let (repr, took) = client.roundtrip(CODE)?;
        assert_eq!(repr, "2", "a wrong answer has no speed");
        Ok(took)
    };
    let floor = || {
        let start = Instant::now();
        floor.ask(CODE)?;
        Ok(start.elapsed())
    };
    contest(5000, product, floor)
}

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

/// The floor of both is the one figure that floor.py has by the name of `interrupt`: that of a process that sleeps. Its spinning variant
/// answers in half the time, for it has the core already; `docs/performance.md` gives that ratio, too.
fn interrupt(bench: &Bench, busy: bool) -> Result<Taken, Trouble> {
    let mut floor = Floor::start(bench.python(), Mode::Interrupt)?;
    contest(200, || Ok(bench.product().interrupt(busy)?), || Ok(floor.interrupt(false)?))
}
