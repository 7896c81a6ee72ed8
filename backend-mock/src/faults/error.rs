//! Errors by their code.

use hibernaculum_core::{ConfigError, Error, Explanation, error};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// An error of the catalogue, to be told where nothing was wrong. Any code can be: particulars that are not given are made up.
///
/// ```
/// use hibernaculum_backend_mock::faults::InjectedError;
///
/// let busy = InjectedError::of("session.busy")?.with("limit", 3);
/// assert!(busy.error()?.to_string().contains('3'));
/// assert_eq!(InjectedError::of("session.bussy").unwrap_err().code(), "config.invalid");
/// # Ok::<(), hibernaculum_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InjectedError {
    /// The code, a row of `docs/errors.md`.
    code: String,
    /// Its particulars.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    details: Map<String, Value>,
}

impl InjectedError {
    /// The error with this code.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] where the catalogue has no such code.
    pub fn of(code: impl Into<String>) -> Result<Self, Error> {
        let injected = Self { code: code.into(), details: Map::new() };
        injected.error()?;
        Ok(injected)
    }

    /// Sets one of its particulars, as `explain().details` has them.
    #[must_use]
    pub fn with(mut self, detail: &str, value: impl Into<Value>) -> Self {
        self.details.insert(detail.to_owned(), value.into());
        self
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The error itself.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] where the catalogue has no such code, or a particular is of the wrong type.
    pub fn error(&self) -> Result<Error, Error> {
        let invalid = |value: &str, rule: String| ConfigError::Invalid {
            field: "error".to_owned(),
            value: value.to_owned(),
            rule,
        };
        let code = self.code.as_str();
        if !error::catalogue().any(|row| row.code == code) {
            let near = |row: &error::CatalogueRow| strsim::normalized_damerau_levenshtein(row.code, code);
            let nearest = error::catalogue().max_by(|a, b| near(a).total_cmp(&near(b)));
            let nearest = nearest.map_or("", |row| row.code);
            let rule = format!("must be a code of the catalogue; the nearest is `{nearest}`");
            return Err(invalid(code, rule).into());
        }
        let mut told = Explanation::new(code, "", "", "do without it");
        told.details = made_up(code);
        told.details.extend(self.details.clone());
        Error::told(&told)
            .ok_or_else(|| invalid(code, "has a particular of the wrong type".to_owned()).into())
    }
}

/// Particulars of every kind that errors have. Which of them an error takes, it knows itself.
fn made_up(code: &str) -> Map<String, Value> {
    let id = |prefix: &str| json!(format!("{prefix}{:032x}", 0xfa17));
    let text = json!("injected by a test");
    let numbers = ["limit", "bytes", "after_ms", "found", "newest"];
    let mut details = Map::new();
    for name in [
        "advice",
        "backend",
        "base",
        "cause",
        "doing",
        "executable",
        "field",
        "here",
        "image",
        "known",
        "made",
        "mismatch",
        "name",
        "path",
        "problem",
        "reached",
        "reason",
        "rule",
        "said",
        "stderr",
        "stored",
        "thing",
        "token",
        "tried",
        "type_name",
        "value",
        "violation",
        "what",
    ] {
        details.insert(name.to_owned(), text.clone());
    }
    for (name, prefix) in [
        ("sandbox", "sbx_"),
        ("session", "ses_"),
        ("execution", "exe_"),
        ("checkpoint", "chk_"),
        ("snapshot", "snp_"),
    ] {
        details.insert(name.to_owned(), id(prefix));
    }
    for name in numbers {
        details.insert(name.to_owned(), json!(1));
    }
    if matches!(code, "sandbox.python_too_old" | "sandbox.image_unfit") {
        // There it is a version, or what was found instead of one.
        details.insert("found".to_owned(), json!("3.6.0"));
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_catalogue_can_be_injected() {
        for row in error::catalogue() {
            let error = InjectedError::of(row.code).and_then(|injected| injected.error());
            assert_eq!(error.map(|error| error.code()).ok(), Some(row.code), "{}", row.code);
        }
    }

    #[test]
    fn a_particular_of_the_wrong_type_is_told() {
        let wrong = InjectedError::of("session.busy").unwrap().with("limit", "many");
        assert_eq!(wrong.error().unwrap_err().code(), "config.invalid");
    }
}
