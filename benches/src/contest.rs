//! Product and floor, measured in turns: what slows the machine down for a while slows both.

use std::fmt::Write as _;
use std::time::Duration;

/// How many of each are measured before it is the other's turn: long enough for warm caches.
const TURN: u64 = 20;

/// One figure of the product beside its floor. Gathers every sample, whoever asks for it.
#[derive(Debug)]
pub struct Contest {
    name: &'static str,
    at_most: f64,
    product: Vec<Duration>,
    floor: Vec<Duration>,
}

/// The two times of some iterations, each added up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// The product's.
    pub product: Duration,
    /// The floor's.
    pub floor: Duration,
}

impl Contest {
    /// A contest in which the product shall take at most so many times as long as the floor.
    pub fn new(name: &'static str, at_most: f64) -> Self {
        Self { name, at_most, product: Vec::new(), floor: Vec::new() }
    }

    /// Measures both so many times, in turns.
    ///
    /// # Errors
    ///
    /// The first one of either side.
    pub fn measure<E>(
        &mut self,
        iterations: u64,
        mut product: impl FnMut() -> Result<Duration, E>,
        mut floor: impl FnMut() -> Result<Duration, E>,
    ) -> Result<Times, E> {
        let mut times = Times::default();
        let mut left = iterations;
        while left > 0 {
            let turn = left.min(TURN);
            for _ in 0..turn {
                let took = product()?;
                times.product += took;
                self.product.push(took);
            }
            for _ in 0..turn {
                let took = floor()?;
                times.floor += took;
                self.floor.push(took);
            }
            left -= turn;
        }
        Ok(times)
    }

    /// How many times as long as the floor the product takes: the ratio of the medians. `None` before anything was measured.
    pub fn ratio(&self) -> Option<f64> {
        let (product, floor) = (percentile(&self.product, 50)?, percentile(&self.floor, 50)?);
        Some(product.as_secs_f64() / floor.as_secs_f64())
    }

    /// One line: medians, ratio, target.
    pub fn line(&self) -> String {
        let Some(ratio) = self.ratio() else {
            return format!("{}: nothing was measured", self.name);
        };
        let mut line = format!("{}:", self.name);
        for (who, samples) in [("product", &self.product), ("floor", &self.floor)] {
            let [p50, p99] = [50, 99].map(|percent| percentile(samples, percent).unwrap_or_default());
            // Writing to a String cannot fail.
            let _ = write!(line, " {who} p50 {p50:.1?} (p99 {p99:.1?}, n {}),", samples.len());
        }
        let verdict = if ratio <= self.at_most { "held" } else { "MISSED" };
        let _ = write!(line, " ratio {ratio:.2}, target {:.1}: {verdict}", self.at_most);
        line
    }

    /// Prints that line.
    #[expect(clippy::print_stdout, reason = "it is what a bench is for")]
    pub fn print(&self) {
        println!("\n{}\n", self.line());
    }
}

/// The sample below which so many of a hundred lie.
fn percentile(samples: &[Duration], percent: usize) -> Option<Duration> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * percent / 100).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(times: impl IntoIterator<Item = u64>) -> impl FnMut() -> Result<Duration, ()> {
        let mut times = times.into_iter();
        move || times.next().map(Duration::from_millis).ok_or(())
    }

    #[test]
    fn both_are_measured_as_often_and_the_ratio_is_that_of_the_medians() {
        let mut contest = Contest::new("test", 2.0);
        let times =
            contest.measure(45, milliseconds([1; 44].into_iter().chain([1000])), milliseconds([2; 45]));
        let times = times.unwrap();
        assert_eq!((times.product, times.floor), (Duration::from_millis(1044), Duration::from_millis(90)));
        assert_eq!(contest.ratio(), Some(0.5));
        assert_eq!(
            contest.line(),
            "test: product p50 1.0ms (p99 1.0ms, n 45), floor p50 2.0ms (p99 2.0ms, n 45), ratio 0.50, target 2.0: held"
        );
    }

    #[test]
    fn they_take_turns() {
        let order = std::cell::RefCell::new(String::new());
        let side = |mark| {
            let order = &order;
            move || {
                order.borrow_mut().push(mark);
                Ok::<_, ()>(Duration::from_millis(1))
            }
        };
        Contest::new("test", 1.0).measure(2 * TURN + 1, side('p'), side('f')).unwrap();
        let [p, f] = ["p", "f"].map(|mark| mark.repeat(usize::try_from(TURN).unwrap()));
        assert_eq!(order.into_inner(), format!("{p}{f}{p}{f}pf"));
    }

    #[test]
    fn a_target_that_is_missed_is_told() {
        let mut contest = Contest::new("test", 1.5);
        assert_eq!(contest.line(), "test: nothing was measured");
        contest.measure(1, milliseconds([4]), milliseconds([2])).unwrap();
        assert!(contest.line().ends_with("ratio 2.00, target 1.5: MISSED"), "{}", contest.line());
    }

    #[test]
    fn an_error_ends_the_contest() {
        assert!(Contest::new("test", 1.0).measure(2, milliseconds([1]), milliseconds([1, 1])).is_err());
    }
}
