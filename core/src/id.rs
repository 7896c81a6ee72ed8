//! Typed ids: a prefix that tells the kind, over a UUIDv7.
//!
//! Ids reach paths, labels, log lines and URLs, so that only what is safe in all of them is ever accepted.

mod clock;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not {expected}")]
pub struct IdError {
    /// The text that was refused: its first 80 characters, escaped.
    pub shown: String,
    /// What was expected, e.g. "a session id (`ses_` and 32 hexadecimal digits)".
    pub expected: &'static str,
}

/// The hexadecimal digits of an id; anything else (upper case, hyphens, other lengths) is refused.
fn parse(text: &str, prefix: &str) -> Option<Uuid> {
    let digits = text.strip_prefix(prefix)?;
    let clean = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    clean.then(|| Uuid::try_parse(digits).ok())?
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident, $prefix:literal, $expected:literal;)*) => {$(
        $(#[$meta])*
        ///
        /// Ids sort by the time of their making. The text form is the only one: it is what `Display`, `FromStr`
        /// and serde use.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix of the text form.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, different from every other.
            ///
            /// ```
            /// use hibernaculum_core::{ExecutionId, SessionId};
            ///
            /// let session = SessionId::new();
            /// assert!(session.to_string().starts_with(SessionId::PREFIX));
            /// assert_eq!(session.to_string().parse(), Ok(session));
            /// assert!(ExecutionId::new() < ExecutionId::new()); // they sort by the time of their making
            /// ```
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default that differs at every call would surprise")]
            pub fn new() -> Self {
                Self(clock::next())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text, $prefix).map(Self).ok_or_else(|| IdError {
                    shown: text.chars().take(80).flat_map(char::escape_debug).collect(),
                    expected: $expected,
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// Names a sandbox: `sbx_…`.
    SandboxId, "sbx_", "a sandbox id (`sbx_` and 32 hexadecimal digits)";
    /// Names a session: `ses_…`.
    SessionId, "ses_", "a session id (`ses_` and 32 hexadecimal digits)";
    /// Names an execution: `exe_…`. Minted by the caller's side, before the code is sent.
    ExecutionId, "exe_", "an execution id (`exe_` and 32 hexadecimal digits)";
    /// Names a checkpoint: `chk_…`.
    CheckpointId, "chk_", "a checkpoint id (`chk_` and 32 hexadecimal digits)";
    /// Names a snapshot of a sandbox: `snp_…`.
    SnapshotId, "snp_", "a snapshot id (`snp_` and 32 hexadecimal digits)";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form() {
        let id = SessionId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::from_str::<SessionId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn ids_sort_by_the_time_of_their_making() {
        let ids: Vec<_> = (0..1000).map(|_| ExecutionId::new()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn what_is_not_an_id_is_refused_and_shown_escaped() {
        let good = SessionId::new().to_string();
        let upper = good.replacen("ses_", "", 1).to_uppercase();
        let texts = [
            "",
            "ses_",
            "ses_../../etc/passwd",
            &format!("sbx_{}", &good[4..]),
            &format!("ses_{upper}G"),
            &good[..35],
        ];
        for text in texts {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
        let error = "a\u{1b}[31m\n".parse::<SessionId>().unwrap_err();
        assert_eq!(error.shown, "a\\u{1b}[31m\\n");
    }
}
