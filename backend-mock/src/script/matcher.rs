//! Which code a rule is for.

use std::fmt;
use std::sync::Arc;

use hibernaculum_core::{ConfigError, Error};
use regex::Regex;

use super::caught;

/// Which code a rule is for.
#[derive(Clone)]
pub struct Matcher(pub(super) Kind);

#[derive(Clone)]
pub(super) enum Kind {
    Text(String),
    Contains(String),
    Regex(Regex),
    Predicate { name: String, test: Arc<dyn Fn(&str) -> bool + Send + Sync> },
    Any,
}

impl Matcher {
    /// Exactly this code, but for blank lines and blanks at its ends. A string is this, too.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Matcher, when};
    ///
    /// let rule = when(Matcher::text("1 + 1")); // the same as `when("1 + 1")`
    /// ```
    pub fn text(code: impl Into<String>) -> Self {
        Self(Kind::Text(code.into()))
    }

    /// Code that has this in it.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Matcher, when};
    ///
    /// let rule = when(Matcher::contains("import numpy"));
    /// ```
    pub fn contains(part: impl Into<String>) -> Self {
        Self(Kind::Contains(part.into()))
    }

    /// Code in which this regular expression is found. Its groups are at hand in [`crate::Scene::group`].
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Matcher, when};
    ///
    /// let rule = when(Matcher::regex(r"^df_\d+\.head\(\)$")?).value("…");
    /// # Ok::<(), hibernaculum_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] where it is none.
    pub fn regex(pattern: &str) -> Result<Self, Error> {
        let regex = Regex::new(pattern).map_err(|error| ConfigError::Invalid {
            field: "regex".to_owned(),
            value: pattern.to_owned(),
            rule: format!("must be a regular expression ({error})"),
        })?;
        Ok(Self(Kind::Regex(regex)))
    }

    /// Code for which `test` holds; `name` is what reports call it.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Matcher, when};
    ///
    /// let rule = when(Matcher::predicate("long code", |code| code.len() > 1000));
    /// ```
    pub fn predicate(name: impl Into<String>, test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Kind::Predicate { name: name.into(), test: Arc::new(test) })
    }

    /// Any code.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Matcher, when};
    ///
    /// let rule = when(Matcher::any()).any_times();
    /// ```
    pub fn any() -> Self {
        Self(Kind::Any)
    }

    /// The groups of the match; the first is all of it. `None`: no match.
    ///
    /// # Errors
    ///
    /// What a predicate panicked with.
    pub(super) fn groups(&self, code: &str) -> Result<Option<Vec<String>>, String> {
        let all = || vec![code.to_owned()];
        Ok(match &self.0 {
            Kind::Text(text) => (trimmed(text) == trimmed(code)).then(all),
            Kind::Contains(part) => code.contains(part.as_str()).then(all),
            Kind::Predicate { test, .. } => caught(|| test(code))?.then(all),
            Kind::Any => Some(all()),
            Kind::Regex(regex) => regex.captures(code).map(|groups| {
                groups.iter().map(|group| group.map_or("", |group| group.as_str()).to_owned()).collect()
            }),
        })
    }
}

/// Code without what does not matter at its ends. The first line's indentation does matter.
pub(super) fn trimmed(code: &str) -> &str {
    code.trim_start_matches(['\n', '\r']).trim_end()
}

impl<T: Into<String>> From<T> for Matcher {
    fn from(code: T) -> Self {
        Self::text(code)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Text(text) => write!(f, "{:?}", trimmed(text)),
            Kind::Contains(part) => write!(f, "code that contains {part:?}"),
            Kind::Regex(regex) => write!(f, "code that matches /{regex}/"),
            Kind::Predicate { name, .. } => write!(f, "{name}"),
            Kind::Any => f.write_str("any code"),
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matcher({self})")
    }
}
