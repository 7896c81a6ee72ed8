//! The form in which an error is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An error as people read it and as wires carry it.
///
/// ```
/// use hibernaculum_core::{Explanation, Retry};
///
/// let told = Explanation::new("den.full", "no den is free", "all are taken", "wait until one is left")
///     .with_detail("dens", 12)
///     .with_retry(Retry::Safe);
/// assert_eq!(told.details["dens"], 12);
/// assert_eq!(told.to_string().lines().next(), Some("no den is free [den.full]"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The stable code, such as `session.unknown`.
    pub code: String,
    /// What happened, in one sentence without a full stop.
    pub what: String,
    /// Why it happened, as far as is known.
    #[serde(default)]
    pub why: String,
    /// What the caller can do about it.
    #[serde(default)]
    pub how: String,
    /// The particulars, by name: ids, sizes, limits.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
    /// Whether the same call may be made again.
    #[serde(default)]
    pub retry: Retry,
}

impl Explanation {
    /// An explanation without particulars, not to be tried again.
    pub fn new(
        code: impl Into<String>,
        what: impl Into<String>,
        why: impl Into<String>,
        how: impl Into<String>,
    ) -> Self {
        let (code, what, why, how) = (code.into(), what.into(), why.into(), how.into());
        Self { code, what, why, how, details: Map::new(), retry: Retry::Never }
    }

    /// Adds one of the particulars; what has no JSON form is left out.
    #[must_use]
    pub fn with_detail(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.details.insert(name.to_owned(), value);
        }
        self
    }

    /// One of the particulars, where it is there and of that type.
    pub(crate) fn detail<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.details.get(name).and_then(|value| serde_json::from_value(value.clone()).ok())
    }

    /// Says whether the same call may be made again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }
}

impl fmt::Display for Explanation {
    /// Three lines: what, why, how.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.what, self.code)?;
        for (label, text) in [("why", &self.why), ("how", &self.how)] {
            if !text.is_empty() {
                write!(f, "\n  {label}: {text}")?;
            }
        }
        Ok(())
    }
}

/// Whether a call that failed may be made again as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Retry {
    /// It would fail again, or it may have had its effect already.
    #[default]
    Never,
    /// It had no effect and may succeed now.
    Safe,
    /// It had no effect and may succeed after so long.
    After(Duration),
}

/// What lay beneath an error: any error, shared, so that errors can be cloned for all who wait.
///
/// ```
/// use hibernaculum_core::Source;
///
/// let beneath = Source::new("the socket was closed");
/// assert_eq!(beneath.to_string(), "the socket was closed");
/// ```
#[derive(Debug, Clone)]
pub struct Source(Arc<dyn std::error::Error + Send + Sync>);

impl Source {
    /// Keeps `error`, or a message as one.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Source
where
    Box<dyn std::error::Error + Send + Sync>: From<E>,
{
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl std::ops::Deref for Source {
    type Target = dyn std::error::Error + Send + Sync + 'static;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
