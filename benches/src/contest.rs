//! Product and floor, measured in turns: what slows the machine down for a while slows both.

use std::time::Duration;

/// How many of each are measured before it is the other's turn: long enough for warm caches.
const TURN: u64 = 20;

/// Samples of the product beside those of its floor. Gathers every one, whoever asks for it.
#[derive(Debug, Default)]
pub struct Contest {
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

    /// Adds a sample of the product alone.
    pub fn add_product(&mut self, took: Duration) {
        self.product.push(took);
    }

    /// The product's samples, in the order of their taking.
    pub fn product(&self) -> &[Duration] {
        &self.product
    }

    /// The floor's.
    pub fn floor(&self) -> &[Duration] {
        &self.floor
    }

    /// How many times as long as the floor the product takes: the ratio of the medians. `None` before both were measured.
    pub fn ratio(&self) -> Option<f64> {
        Some(median(&self.product)?.as_secs_f64() / median(&self.floor)?.as_secs_f64())
    }

    /// Prints a line: name, medians, ratio.
    #[expect(clippy::print_stdout, reason = "it is what a bench is for")]
    pub fn print(&self, name: &str) {
        let [product, floor] =
            [&self.product, &self.floor].map(|samples| median(samples).unwrap_or_default());
        let ratio = self.ratio().unwrap_or(f64::NAN);
        println!("\n{name}: product p50 {product:.1?}, floor p50 {floor:.1?}, ratio {ratio:.2}\n");
    }
}

fn median(samples: &[Duration]) -> Option<Duration> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
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
        let mut contest = Contest::default();
        let times =
            contest.measure(45, milliseconds([1; 44].into_iter().chain([1000])), milliseconds([2; 45]));
        let times = times.unwrap();
        assert_eq!((times.product, times.floor), (Duration::from_millis(1044), Duration::from_millis(90)));
        assert_eq!((contest.product().len(), contest.floor().len()), (45, 45));
        assert_eq!(contest.ratio(), Some(0.5));
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
        Contest::default().measure(2 * TURN + 1, side('p'), side('f')).unwrap();
        let [p, f] = ["p", "f"].map(|mark| mark.repeat(usize::try_from(TURN).unwrap()));
        assert_eq!(order.into_inner(), format!("{p}{f}{p}{f}pf"));
    }

    #[test]
    fn without_both_there_is_no_ratio() {
        let mut contest = Contest::default();
        contest.add_product(Duration::from_millis(1));
        assert_eq!(contest.ratio(), None);
    }

    #[test]
    fn an_error_ends_the_contest() {
        assert!(Contest::default().measure(2, milliseconds([1]), milliseconds([1, 1])).is_err());
    }
}
