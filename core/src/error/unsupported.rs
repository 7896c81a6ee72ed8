//! What makes sense, but not on this backend.

use super::{CatalogueRow, Explanation, Retry};
use crate::Feature;

/// The backend does not offer what was asked for; nothing was done.
///
/// ```
/// use hibernaculum_core::{Feature, Retry, Unsupported};
///
/// let refusal = Unsupported::feature("mine", Feature::Files);
/// assert_eq!(refusal.code(), "unsupported");
/// assert_eq!(refusal.retry(), Retry::Never);
/// assert_eq!(refusal.explain().how, Feature::Files.instead());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the backend `{backend}` does not offer {what}")]
pub struct Unsupported {
    /// The backend's name.
    pub backend: String,
    /// What was asked for, as a noun: "the feature `files`".
    pub what: String,
    /// What to use instead.
    pub instead: String,
}

impl Unsupported {
    /// A feature that the backend does not offer.
    ///
    /// ```
    /// use hibernaculum_core::{Error, Feature, Unsupported};
    ///
    /// let refusal = Error::from(Unsupported::feature("mine", Feature::Files));
    /// assert_eq!(refusal.to_string(), "the backend `mine` does not offer the feature `files`");
    /// ```
    pub fn feature(backend: &str, feature: Feature) -> Self {
        Self {
            backend: backend.to_owned(),
            what: format!("the feature `{feature}`"),
            instead: feature.instead().to_owned(),
        }
    }

    pub(crate) const ROWS: &'static [CatalogueRow] = &[CatalogueRow {
        code: "unsupported",
        what: "the backend `{backend}` does not offer {what}",
        why: "it is not built, or cannot be enforced, where this backend runs code; `features()` tells what is",
        how: "{instead}",
        test: "conformance: what_a_backend_lacks_is_refused_by_name",
    }];

    /// `unsupported`.
    pub fn code(&self) -> &'static str {
        "unsupported"
    }

    /// Never: a backend does not learn while it runs.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }

    /// What, why, how and details.
    pub fn explain(&self) -> Explanation {
        let why = "it is not built, or cannot be enforced, where this backend runs code; `features()` tells what is";
        Explanation::new(self.code(), self.to_string(), why, self.instead.clone())
            .with_detail("backend", &self.backend)
            .with_detail("what", &self.what)
    }

    /// The error that this tells of.
    pub(crate) fn told(explanation: &Explanation) -> Option<Self> {
        if explanation.code != "unsupported" {
            return None;
        }
        let (backend, what) = (explanation.detail("backend")?, explanation.detail("what")?);
        Some(Self { backend, what, instead: explanation.how.clone() })
    }
}
