//! When a fault strikes.

use std::sync::atomic::{AtomicU64, Ordering};

use hibernaculum_core::{ConfigError, Error};
use serde::{Deserialize, Serialize};

use super::Dice;

/// When a fault strikes, of all the times that it could.
///
/// In YAML: `always`, `nth: 2`, `first: 3`, `from: 4`, `chance: 0.1`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum When {
    /// Each time.
    #[default]
    Always,
    /// The n-th time only, counted from 1.
    Nth(u64),
    /// So many times, and then no more.
    First(u64),
    /// From the n-th time on, counted from 1.
    From(u64),
    /// Each time with this chance, from 0 to 1, by the dice of the plan's seed.
    Chance(f64),
}

impl When {
    /// Whether it strikes at this time, counted from 1.
    pub(crate) fn strikes(self, time: u64, dice: Dice) -> bool {
        match self {
            Self::Always => true,
            Self::Nth(nth) => time == nth,
            Self::First(count) => time <= count,
            Self::From(nth) => time >= nth,
            Self::Chance(chance) => dice.chance(time) < chance,
        }
    }

    /// Refuses what could never be meant.
    pub(crate) fn check(self, field: &str) -> Result<(), Error> {
        let rule = match self {
            Self::Nth(0) | Self::First(0) | Self::From(0) => "counts from 1",
            Self::Chance(chance) if !(0.0..=1.0).contains(&chance) => "must be a chance from 0 to 1",
            _ => return Ok(()),
        };
        let (field, value) = (field.to_owned(), format!("{self:?}"));
        Err(ConfigError::Invalid { field, value, rule: rule.to_owned() }.into())
    }
}

/// How often a fault was asked.
#[derive(Debug, Default)]
pub(crate) struct Times(AtomicU64);

impl Times {
    /// One more time; which it is, from 1.
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}
