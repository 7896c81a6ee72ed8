//! The figures: what is measured, how often, beside which floor, and the ratio that is to hold.
//!
//! ```text
//!  Figure { name, unit, bound, take } ── measure ─▶ take(bench): Contest │ a number ─▶ Measured
//! ```

mod changes;
#[cfg(feature = "docker")]
mod docker;
mod files;
mod latency;
mod memory;
mod output;
mod portable;
mod start;
mod state;

use std::time::Duration;

use crate::bench::Bench;
use crate::contest::Contest;
use crate::report::Measured;
use crate::trouble::Trouble;

#[cfg(feature = "docker")]
pub use docker::docker_figures;

/// Every figure, in the order in which they are taken.
pub const FIGURES: &[Figure] = &[
    latency::ROUNDTRIP,
    latency::STDIO_ROUNDTRIP,
    latency::INTERRUPT_SLEEP,
    latency::INTERRUPT_BUSY,
    changes::NAMESPACE_CHANGES,
    start::SESSION_PLAIN,
    start::SESSION_SPACED,
    start::COLD_START,
    output::PRINT_LINES,
    output::PRINT_10M,
    output::VALUE_10M,
    output::RAW_OUTPUT,
    files::UPLOAD,
    files::DOWNLOAD,
    start::SESSION_PANDAS,
    state::GUARD,
    state::ROLLBACK,
    state::LIVE_CHECKPOINT_100M,
    state::LIVE_CHECKPOINT_1G,
    state::BRANCH_1G,
    memory::IDLE_PLAIN,
    memory::IDLE_PANDAS,
    portable::SAVE,
    portable::SAVE_AGAIN,
    portable::ON_DISK_100M,
    portable::RESTORE,
];

/// One thing that is measured.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its name: `roundtrip`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Whether it belongs to the quick selection, which takes less than a minute.
    pub is_quick: bool,
    unit: Unit,
    bound: Bound,
    take: fn(&Bench) -> Result<Taken, Trouble>,
}

/// What a figure is counted in. Names the one of [`Measured`].
#[derive(Debug, Clone, Copy)]
enum Unit {
    Microseconds,
    Milliseconds,
    /// So many lines in the time measured.
    LinesPerSecond(f64),
    /// So many bytes in the time measured.
    MegabytesPerSecond(f64),
    Megabytes,
}

/// What is to hold.
#[derive(Debug, Clone, Copy)]
enum Bound {
    /// At most so many times the floor.
    TimesFloor(f64),
    /// At least so much of what the floor does.
    ShareOfFloor(f64),
    AtMost(f64),
    AtLeast(f64),
}

/// What was measured.
enum Taken {
    Times(Contest),
    Number(f64),
}

impl Figure {
    /// Takes it.
    ///
    /// # Errors
    ///
    /// Why there is none.
    ///
    /// # Panics
    ///
    /// Where the product answers wrongly: a wrong answer has no speed.
    pub fn measure(&self, bench: &Bench) -> Result<Measured, Trouble> {
        let (mut values, floor) = match (self.take)(bench)? {
            Taken::Times(contest) => {
                let floor = (!contest.floor().is_empty()).then(|| self.sorted(contest.floor()));
                (self.sorted(contest.product()), floor)
            }
            Taken::Number(value) => (vec![value], None),
        };
        if values.is_empty() {
            values.push(f64::NAN);
        }
        let p50 = percentile(&values, 50);
        let floor_p50 = floor.map(|floor| percentile(&floor, 50));
        Ok(Measured {
            name: self.name.to_owned(),
            backend: bench.name().to_owned(),
            unit: self.unit.name().to_owned(),
            n: values.len(),
            min: percentile(&values, 0),
            p50,
            p99: percentile(&values, 99),
            max: percentile(&values, 100),
            floor_p50,
            target: self.bound.told(self.unit),
            is_held: self.bound.holds(p50, floor_p50),
        })
    }

    fn sorted(&self, times: &[Duration]) -> Vec<f64> {
        let mut values: Vec<f64> = times.iter().map(|time| self.unit.of(*time)).collect();
        values.sort_by(f64::total_cmp);
        values
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::LinesPerSecond(_) => "lines/s",
            Self::MegabytesPerSecond(_) => "MB/s",
            Self::Megabytes => "MB",
        }
    }

    fn of(self, time: Duration) -> f64 {
        let seconds = time.as_secs_f64();
        match self {
            Self::Microseconds => seconds * 1e6,
            Self::Milliseconds | Self::Megabytes => seconds * 1e3,
            Self::LinesPerSecond(lines) => lines / seconds,
            Self::MegabytesPerSecond(bytes) => bytes / seconds / 1e6,
        }
    }
}

impl Bound {
    fn holds(self, value: f64, floor: Option<f64>) -> Option<bool> {
        match self {
            Self::TimesFloor(times) => floor.map(|floor| value <= times * floor),
            Self::ShareOfFloor(share) => floor.map(|floor| value >= share * floor),
            Self::AtMost(most) => Some(value <= most),
            Self::AtLeast(least) => Some(value >= least),
        }
    }

    fn told(self, unit: Unit) -> String {
        match self {
            Self::TimesFloor(times) => format!("<= {times} x floor"),
            Self::ShareOfFloor(share) => format!(">= {share} x floor"),
            Self::AtMost(most) => format!("<= {most} {}", unit.name()),
            Self::AtLeast(least) => format!(">= {least} {}", unit.name()),
        }
    }
}

/// The value below which so many of a hundred lie. The values are sorted and not empty.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let last = values.len().saturating_sub(1);
    values.get(last * percent / 100).copied().unwrap_or(f64::NAN)
}

/// Product and floor, so often.
fn contest(
    times: u64,
    product: impl FnMut() -> Result<Duration, Trouble>,
    floor: impl FnMut() -> Result<Duration, Trouble>,
) -> Result<Taken, Trouble> {
    let mut contest = Contest::default();
    contest.measure(times, product, floor)?;
    Ok(Taken::Times(contest))
}

/// The product alone: nothing that a bare Python does is comparable.
fn alone(times: u64, mut product: impl FnMut() -> Result<Duration, Trouble>) -> Result<Taken, Trouble> {
    let mut contest = Contest::default();
    for _ in 0..times {
        contest.add_product(product()?);
    }
    Ok(Taken::Times(contest))
}

/// Skips a figure that needs numpy and pandas where they are not there.
fn need_pandas(bench: &Bench) -> Result<(), Trouble> {
    if bench.product().has_modules(&PANDAS)? {
        return Ok(());
    }
    let reason = format!("{} has no numpy and pandas: pip install numpy pandas", bench.python().display());
    Err(Trouble::Skipped(reason))
}

const PANDAS: [&str; 2] = ["numpy", "pandas"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_words() {
        let mut names: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
        assert!(
            names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        );
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FIGURES.len());
    }

    #[test]
    fn a_rate_is_sorted_as_a_rate() {
        let figure = Figure { unit: Unit::LinesPerSecond(1000.0), ..output::PRINT_LINES };
        let times = [1, 4, 2].map(Duration::from_secs);
        assert_eq!(figure.sorted(&times), [250.0, 500.0, 1000.0]);
    }

    #[test]
    fn a_bound_needs_its_floor() {
        assert_eq!(Bound::TimesFloor(1.8).holds(18.0, Some(10.0)), Some(true));
        assert_eq!(Bound::TimesFloor(1.8).holds(18.1, Some(10.0)), Some(false));
        assert_eq!(Bound::ShareOfFloor(0.5).holds(5.0, Some(10.0)), Some(true));
        assert_eq!(Bound::ShareOfFloor(0.5).holds(5.0, None), None);
        assert_eq!(Bound::AtLeast(500.0).holds(499.0, None), Some(false));
        assert_eq!(Bound::AtMost(60.0).told(Unit::Milliseconds), "<= 60 ms");
    }
}
