//! What a scripted session does with the code that it is sent, as data.
//!
//! ```text
//!  Script = rules, in order or in any ── when(code) ── steps: print · write · wait · ask · display · bind · signal …
//!                                                   └─ ending: value · nothing · exception · crash
//! ```
//!
//! A script is built in Rust, or read from YAML ([`Script::from_yaml`]). It is stricter than any real backend: code that it has no rule for, and
//! rules that were not met, fail the test.

mod ending;
mod ledger;
mod matcher;
mod nearest;
mod panic;
mod python;
mod rule;
mod step;
mod yaml;

pub use ending::{Crash, Ending, Exception, Frame, Scene, ScriptedValue};
pub use matcher::Matcher;
pub use rule::{Reaction, Rule, Times, when};
pub use step::{Pause, Step};

pub(crate) use ending::Lookup;
pub(crate) use ledger::{Found, Ledger};
pub(crate) use nearest::difference;
pub(crate) use panic::caught;

use hibernaculum_core::Error;

/// Rules, and in which order they are to be met.
///
/// ```
/// use hibernaculum_backend_mock::{Script, when};
/// use serde_json::json;
///
/// let script = Script::in_order([
///     when("x = 41").binds("x", json!(41)),
///     when("x + 1").value(json!(42)),
/// ]);
/// let of_two_tasks = Script::any_order([when("left()"), when("right()")]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Script {
    rules: Vec<Rule>,
    order: Order,
    scope: Scope,
}

/// In which order rules may be met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// One after the other; a rule that was met often enough may be passed over.
    #[default]
    InOrder,
    /// The first rule that matches and may be met once more.
    Any,
}

/// Who shares the rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// All sessions of the backend together.
    #[default]
    Backend,
    /// Each session begins the script anew.
    EachSession,
}

impl Script {
    /// Rules that are met one after the other.
    pub fn in_order(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self { rules: rules.into_iter().collect(), order: Order::InOrder, scope: Scope::Backend }
    }

    /// Rules that are met in any order. Where several match, the first that may be met once more is.
    pub fn any_order(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self { order: Order::Any, ..Self::in_order(rules) }
    }

    /// Every session begins the script anew, instead of all sessions sharing it.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Script, when};
    ///
    /// let script = Script::in_order([when("import numpy")]).each_session();
    /// ```
    #[must_use]
    pub fn each_session(mut self) -> Self {
        self.scope = Scope::EachSession;
        self
    }

    /// Adds a rule at the end.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Script, when};
    ///
    /// let script = Script::default().then(when("a = 1")).then(when("b = 2"));
    /// ```
    #[must_use]
    pub fn then(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Reads a script from YAML. `docs/mock.md` has the format, of version 1.
    ///
    /// ```
    /// use hibernaculum_backend_mock::Script;
    ///
    /// let script = Script::from_yaml("
    /// version: 1
    /// order: any
    /// rules:
    ///   - when: 6 * 7
    ///     value: 42
    ///   - when: {regex: '^import '}
    ///     times: any
    /// ")?;
    /// # Ok::<(), hibernaculum_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`hibernaculum_core::ConfigError::Invalid`] with the line, where it is no script.
    pub fn from_yaml(text: &str) -> Result<Self, Error> {
        yaml::read(text)
    }
}
