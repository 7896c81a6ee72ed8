//! How much comes out of a session.

use super::{Bound, Figure, Taken, Unit, alone, contest};
use crate::bench::Bench;
use crate::floor;
use crate::trouble::Trouble;

const LINES: usize = 1_000_000;
const RAW: usize = 256 << 20;
const TEN_MILLION: usize = 10_000_000;

pub(super) const PRINT_LINES: Figure = Figure {
    name: "print_lines",
    about: "1,000,000 times `print`, streamed",
    is_quick: true,
    #[expect(clippy::cast_precision_loss, reason = "it is exact")]
    unit: Unit::LinesPerSecond(LINES as f64),
    bound: Bound::ShareOfFloor(0.5),
    take: print_lines,
};

pub(super) const PRINT_10M: Figure = Figure {
    name: "print_10m",
    about: "a text of 10 MB printed at once",
    is_quick: true,
    unit: Unit::Milliseconds,
    bound: Bound::AtMost(60.0),
    take: print_10m,
};

pub(super) const VALUE_10M: Figure =
    Figure { name: "value_10m", about: "a text of 10 MB as the value", take: value_10m, ..PRINT_10M };

pub(super) const RAW_OUTPUT: Figure = Figure {
    name: "raw_output",
    about: "what a child process writes, streamed",
    is_quick: true,
    #[expect(clippy::cast_precision_loss, reason = "it is exact")]
    unit: Unit::MegabytesPerSecond(RAW as f64),
    bound: Bound::AtLeast(500.0),
    take: raw_output,
};

fn print_lines(bench: &Bench) -> Result<Taken, Trouble> {
    let code = format!("for _ in range({LINES}): print('x')");
    let product = || Ok(bench.product().output(&code, 2 * LINES)?);
    contest(5, product, || Ok(floor::print_lines(bench.python(), LINES)?))
}

fn print_10m(bench: &Bench) -> Result<Taken, Trouble> {
    let code = format!("print('x' * {TEN_MILLION}, end='')");
    alone(10, || Ok(bench.product().output(&code, TEN_MILLION)?))
}

fn value_10m(bench: &Bench) -> Result<Taken, Trouble> {
    let code = format!("'x' * {TEN_MILLION}");
    let repr = format!("'{}'", "x".repeat(TEN_MILLION));
    alone(10, || Ok(bench.product().roundtrip(&code, &repr)?))
}

fn raw_output(bench: &Bench) -> Result<Taken, Trouble> {
    let code = format!("import subprocess; _ = subprocess.run(['head', '-c', '{RAW}', '/dev/zero'])");
    alone(4, || Ok(bench.product().output(&code, RAW)?))
}
