//! Questions of the code, and their answers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names one question of one execution. The answer has to name it, once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InputToken(String);

impl InputToken {
    /// A token, for those who implement a backend. At most 128 characters are kept.
    ///
    /// ```
    /// use hibernaculum_core::InputToken;
    ///
    /// assert_eq!(InputToken::new("in_7").as_str(), "in_7");
    /// assert_eq!(InputToken::new(&"x".repeat(200)).as_str().len(), 128);
    /// ```
    pub fn new(text: &str) -> Self {
        Self(text.chars().take(128).collect())
    }

    /// The token's text.
    ///
    /// ```
    /// assert_eq!(hibernaculum_core::InputToken::new("in_7").as_str(), "in_7");
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InputToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The answer to an [`crate::EventKind::InputRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InputReply {
    /// A line, without its line end; at most 64 MiB.
    Line(String),
    /// There is no more input: the code gets an `EOFError`.
    Eof,
}

impl From<&str> for InputReply {
    fn from(line: &str) -> Self {
        Self::Line(line.to_owned())
    }
}

impl From<String> for InputReply {
    fn from(line: String) -> Self {
        Self::Line(line)
    }
}
