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
use crate::failure::{Failure, Outcome};
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
    attempt(case, backend, setting, deadline).await.verdict
}

/// What became of a case, and how.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) verdict: Verdict,
    /// Nothing was found broken; only its time was up.
    pub(crate) is_late: bool,
}

/// The same, and whether it was by waiting in vain that it broke.
pub(crate) async fn attempt(
    case: &Case,
    backend: &Arc<dyn Backend>,
    setting: &Setting,
    deadline: Duration,
) -> Attempt {
    if let Some(need) = case.lacks(backend.features()) {
        let verdict = not_applicable(need.name(), &format!("needs {}", need.name()));
        return Attempt { verdict, is_late: false };
    }
    let context = Context::new(Arc::clone(backend), case.name.to_owned(), setting.clone());
    let (outcome, steps) = recorded(tokio::time::timeout(deadline, (case.run)(&context))).await;
    let left = tokio::time::timeout(AFTERMATH, context.finish()).await;
    let is_late = outcome.is_err() || matches!((&outcome, &left), (Ok(Ok(())), Err(_)));
    let outcome = outcome.unwrap_or_else(|_| Err(Failure::new(format!("not done after {deadline:?}"))));
    let left = left
        .unwrap_or_else(|_| Err(Failure::new(format!("the backend did not tidy up within {AFTERMATH:?}"))));
    Attempt { verdict: verdict(outcome, left, &steps), is_late }
}

fn verdict(outcome: Outcome, left: Outcome, steps: &str) -> Verdict {
    let told = |failure: &Failure| Verdict::Broken(format!("{failure}\n{}", indent(steps)));
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
