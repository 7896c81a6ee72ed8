//! What the service answers, as errors of the contract: by what a caller can do about it.
//!
//! | the service | becomes |
//! |---|---|
//! | cannot be reached, answers nonsense, stumbles | `sandbox.service` |
//! | does not take the key, refuses a value or a quota | `sandbox.service_refused` |
//! | has had too many requests, and the budget is spent | `sandbox.service_busy` |
//! | does not offer that (422, 501) | `unsupported` |

use hibernaculum_core::error::Source;
use hibernaculum_core::{Error, SandboxError, Unsupported};

use crate::api::{ApiError, Meaning};
use crate::features::NAME;

/// The error that this is, while `doing` something.
pub(crate) fn trouble(doing: &str, error: ApiError) -> Error {
    let said = error.to_string();
    let meaning = error.meaning();
    let source = match error {
        ApiError::Refused(refusal) => Some(Source::from(refusal)),
        ApiError::Broken { source, .. } => source.map(|error| Source::from(error.without_url())),
        ApiError::Nonsense { .. } => None,
    };
    let doing = doing.to_owned();
    match meaning {
        Some(Meaning::TooMany(wait)) => {
            let after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            SandboxError::ServiceBusy { doing, said, after_ms, source }.into()
        }
        Some(Meaning::NotOffered) => Unsupported {
            backend: NAME.to_owned(),
            what: format!("{doing} (the service says: {said})"),
            instead: "do without it, or ask for a kind of sandbox that offers it".to_owned(),
        }
        .into(),
        Some(Meaning::Denied) => {
            let advice = "give a key that is valid for this service and may do this: DAYTONA_API_KEY, or the setting `api_key`".to_owned();
            SandboxError::ServiceRefused { doing, said, advice, source }.into()
        }
        Some(Meaning::Refused | Meaning::Taken | Meaning::Gone) => {
            let advice = "correct what it names; a quota is raised, or freed, at the service".to_owned();
            SandboxError::ServiceRefused { doing, said, advice, source }.into()
        }
        Some(Meaning::NotYet | Meaning::Unclear) | None => {
            let problem = format!("{doing} did not succeed ({said})");
            SandboxError::Service { problem, said, source }.into()
        }
    }
}

/// A start that failed for what the service said of the sandbox, or the sandbox itself.
pub(crate) fn not_started(problem: impl Into<String>) -> Error {
    SandboxError::Start { problem: problem.into(), source: None }.into()
}
