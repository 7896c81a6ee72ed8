//! Holding a backend to one promise: the deadline, the leaks, the verdict.
//!
//! ```text
//!  needs met? ──no──▶ NotApplicable(reason)
//!     │yes
//!  run, at most 30 s ──▶ Lacks ──▶ NotApplicable(reason)
//!     │                └ Broken, or too late ──▶ Broken(message, transcript)
//!  nothing left behind? ──no──▶ Broken(what is left)
//!     │yes
//!  Kept
//! ```

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::Backend;

use crate::case::Case;
use crate::context::Context;
use crate::failure::Failure;
use crate::scale::Setting;
use crate::transcript::recorded;

/// How long a case may take: more than a hundred crashes take on a busy machine, through slow connections (45 s).
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// How long the end of what it made may take.
const AFTERMATH: Duration = Duration::from_secs(30);

/// What became of a case on a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The backend keeps the promise.
    Kept,
    /// The backend breaks it.
    Broken(String),
    /// The promise cannot be tried here.
    NotApplicable {
        /// What it needs, by the name that `HIBERNACULUM_REQUIRE` would use.
        lacks: String,
        /// In words.
        reason: String,
    },
}

/// Holds a backend to a promise, for at most 90 s.
pub async fn check(case: &Case, backend: &Arc<dyn Backend>) -> Verdict {
    check_within(case, backend, DEADLINE).await
}

/// Holds a backend to a promise, for at most `deadline`; looking for what was left behind takes at most 30 s more.
pub async fn check_within(case: &Case, backend: &Arc<dyn Backend>, deadline: Duration) -> Verdict {
    check_among(case, backend, &Setting::default(), deadline).await
}

/// The same, with what the subject says of its own.
pub(crate) async fn check_among(
    case: &Case,
    backend: &Arc<dyn Backend>,
    setting: &Setting,
    deadline: Duration,
) -> Verdict {
    if let Some(need) = case.lacks(backend.features()) {
        return not_applicable(need.name(), &format!("needs {}", need.name()));
    }
    let context = Context::new(Arc::clone(backend), case.name.to_owned(), setting.clone());
    let timed = async {
        let outcome = tokio::time::timeout(deadline, (case.run)(&context)).await;
        outcome.unwrap_or_else(|_| Err(Failure::new(format!("not done after {deadline:?}"))))
    };
    let (outcome, steps) = recorded(timed).await;
    let told = |failure: &Failure| Verdict::Broken(format!("{failure}\n{}", indent(&steps)));
    let left = tokio::time::timeout(AFTERMATH, context.finish()).await;
    let left = left
        .unwrap_or_else(|_| Err(Failure::new(format!("the backend did not tidy up within {AFTERMATH:?}"))));
    match (outcome, left) {
        (Err(Failure::Lacks { what, reason }), Ok(())) => {
            not_applicable(&what, &format!("needs {what}: {reason}"))
        }
        (Err(failure @ Failure::Broken { .. }), _) | (_, Err(failure)) => told(&failure),
        (Ok(()), Ok(())) => Verdict::Kept,
    }
}

fn not_applicable(lacks: &str, reason: &str) -> Verdict {
    Verdict::NotApplicable { lacks: lacks.to_owned(), reason: format!("not applicable: {reason}") }
}

fn indent(steps: &str) -> String {
    let lines: Vec<_> = steps.lines().map(|line| format!("    {line}")).collect();
    format!("   steps:\n{}", lines.join("\n"))
}
