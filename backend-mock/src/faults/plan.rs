//! What goes wrong with calls, as data.

use std::time::Duration;

use hibernaculum_core::{ConfigError, Error};
use serde::{Deserialize, Serialize};

use super::{InjectedError, When};
use crate::layer::CALLS;

/// Faults of a backend's calls, and the seed of their chances.
///
/// ```
/// use hibernaculum_backend_mock::faults::CallFaults;
///
/// let faults = CallFaults::from_yaml("
/// seed: 7
/// faults:
///   - call: execute
///     when: {nth: 2}
///     does: {error: {code: session.busy}}
///   - call: any
///     when: {chance: 0.1}
///     does: {delay: 2s}
/// ")?;
/// assert_eq!(CallFaults::from_yaml(&faults.to_yaml())?, faults);
/// # Ok::<(), hibernaculum_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFaults {
    seed: u64,
    pub(super) faults: Vec<FaultyCall>,
}

/// One fault: of which call, when, and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FaultyCall {
    /// The method's name, or `any`.
    pub call: String,
    /// When it strikes, of all calls of that name.
    #[serde(default)]
    pub when: When,
    /// What it does.
    pub does: CallFault,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallFault {
    /// It takes so much longer, by tokio's clock.
    Delay(#[serde(with = "crate::duration")] Duration),
    /// It is refused: the backend never hears of it.
    Error(InjectedError),
    /// It is done, and then this error is told: what a connection does that breaks before the answer has come.
    LoseAnswer(InjectedError),
    /// Of an execution: each of its events is taken so much later, as by a reader that is slow.
    SlowConsumer(#[serde(with = "crate::duration")] Duration),
}

impl CallFaults {
    /// No faults yet. The same seed and the same faults do the same.
    ///
    /// ```
    /// let faults = hibernaculum_backend_mock::faults::CallFaults::seeded(7);
    /// assert_eq!(faults.seed(), 7);
    /// ```
    pub fn seeded(seed: u64) -> Self {
        Self { seed, faults: Vec::new() }
    }

    /// Adds a fault of the calls with this name (`execute`, `create` …: the methods of the contract's traits), or of `any`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hibernaculum_backend_mock::faults::{CallFault, CallFaults, When};
    ///
    /// let slow = CallFaults::seeded(1).fault("execute", When::Always, CallFault::Delay(Duration::from_secs(2)));
    /// ```
    #[must_use]
    pub fn fault(mut self, call: &str, when: When, does: CallFault) -> Self {
        self.faults.push(FaultyCall { call: call.to_owned(), when, does });
        self
    }

    /// Reads faults from YAML.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] where they are none.
    pub fn from_yaml(text: &str) -> Result<Self, Error> {
        let faults: Self = crate::yaml::read("faults", text)?;
        faults.check()?;
        Ok(faults)
    }

    /// The same as YAML: what a test that failed should print.
    pub fn to_yaml(&self) -> String {
        crate::yaml::write(self)
    }

    /// The seed.
    ///
    /// ```
    /// let faults = hibernaculum_backend_mock::faults::CallFaults::seeded(7);
    /// println!("the dice were thrown with {}", faults.seed());
    /// ```
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Refuses faults that could never strike.
    pub(super) fn check(&self) -> Result<(), Error> {
        for (index, fault) in self.faults.iter().enumerate() {
            let field = format!("faults[{}]", index + 1);
            fault.when.check(&field)?;
            if fault.call != "any" && !CALLS.contains(&fault.call.as_str()) {
                let near = |name: &&&str| strsim::damerau_levenshtein(name, &fault.call);
                let nearest = CALLS.iter().min_by_key(near).copied().unwrap_or_default();
                let rule = format!("must be `any` or a method of the contract; the nearest is `{nearest}`");
                let (field, value) = (format!("{field}.call"), fault.call.clone());
                return Err(ConfigError::Invalid { field, value, rule }.into());
            }
            match &fault.does {
                CallFault::Error(error) | CallFault::LoseAnswer(error) => drop(error.error()?),
                CallFault::SlowConsumer(_)
                    if !["any", "execute", "attach"].contains(&fault.call.as_str()) =>
                {
                    let (field, value) = (format!("{field}.call"), fault.call.clone());
                    let rule = "must be `execute`, `attach` or `any`: only those have events".to_owned();
                    return Err(ConfigError::Invalid { field, value, rule }.into());
                }
                CallFault::Delay(_) | CallFault::SlowConsumer(_) => {}
            }
        }
        Ok(())
    }
}
