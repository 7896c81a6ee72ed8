//! Dice that fall alike for the same seed and question, in whatever order they are thrown.

/// The dice of one fault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dice {
    seed: u64,
}

impl Dice {
    /// Those of the fault at `index` in a plan with this seed.
    pub(crate) fn of(seed: u64, index: usize) -> Self {
        Self { seed: mixed(seed ^ mixed(index as u64 + 1)) }
    }

    /// A number below one, for the throw with this number.
    pub(crate) fn chance(self, throw: u64) -> f64 {
        // The upper half of the word: as fine as any chance that a person would write.
        let fraction = u32::try_from(self.word(throw) >> 32).unwrap_or(u32::MAX);
        f64::from(fraction) / (f64::from(u32::MAX) + 1.0)
    }

    /// A number from 0, below `below`, for the throw with this number; 0 where nothing is below.
    pub(crate) fn below(self, throw: u64, below: usize) -> usize {
        let below = u64::try_from(below).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.word(throw) % below).unwrap_or_default()
    }

    fn word(self, throw: u64) -> u64 {
        mixed(self.seed.wrapping_add(mixed(throw)))
    }
}

/// The finalizer of `SplitMix64`: every bit of the input changes half of the output.
fn mixed(word: u64) -> u64 {
    let mut word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_fall_alike_for_a_seed_and_spread_over_the_range() {
        let (one, same, other) = (Dice::of(7, 0), Dice::of(7, 0), Dice::of(7, 1));
        let throws = |dice: Dice| (0..1000).map(|throw| dice.chance(throw)).collect::<Vec<_>>();
        assert_eq!(throws(one), throws(same));
        assert_ne!(throws(one), throws(other));
        let low = throws(one).into_iter().filter(|chance| *chance < 0.25).count();
        assert!((200..300).contains(&low), "{low} of 1000 lie below a quarter");
        assert!((0..1000).all(|throw| one.below(throw, 7) < 7));
        assert_eq!(one.below(3, 0), 0);
    }
}
