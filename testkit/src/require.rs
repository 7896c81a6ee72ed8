//! What must be there: a test that cannot run says why, and fails instead where `HIBERNACULUM_REQUIRE` names what it lacked.

use std::collections::BTreeSet;

/// The names in `HIBERNACULUM_REQUIRE`.
#[derive(Debug, Clone, Default)]
pub struct Requirements(BTreeSet<String>);

impl Requirements {
    /// Those of the environment.
    pub fn from_env() -> Self {
        Self::parse(&std::env::var("HIBERNACULUM_REQUIRE").unwrap_or_default())
    }

    /// Names separated by commas or blanks.
    pub fn parse(names: &str) -> Self {
        Self(names.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// Whether `what` must be there.
    pub fn demand(&self, what: &str) -> bool {
        self.0.contains(what)
    }
}
