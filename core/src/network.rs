//! What a sandbox may reach.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which network a sandbox sees. Unset in a spec means the backend's default, which [`crate::Features::default_network`] tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "policy")]
#[non_exhaustive]
pub enum NetworkPolicy {
    /// No IP socket can be opened.
    None,
    /// The sandbox's own loopback only.
    Loopback,
    /// Only what is listed: CIDR blocks and domain names, as the backend understands them.
    AllowList {
        /// At least one entry.
        hosts: Vec<String>,
    },
    /// Everything that the machine can reach.
    Full,
}

impl NetworkPolicy {
    /// The policy's name, without its particulars.
    ///
    /// ```
    /// use hibernaculum_core::NetworkPolicy;
    ///
    /// let policy = NetworkPolicy::AllowList { hosts: vec!["pypi.org".into()] };
    /// assert_eq!(policy.name(), "allow_list");
    /// ```
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Loopback => "loopback",
            Self::AllowList { .. } => "allow_list",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for NetworkPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
