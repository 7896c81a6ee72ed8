//! Expectations: what a case says about a result. Each tells what was expected, what came, and what else is known.

use std::fmt::Debug;

use hibernaculum_core::{CrashCause, Error, ExecutionResult, PythonError, StateAfter, Status};

use crate::failure::Failure;
use crate::transcript::shorten;

/// Fails unless something holds.
pub(crate) fn ensure(what: &str, holds: bool) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::new(format!("it does not hold that {what}"))) }
}

/// Two things must be equal.
///
/// # Errors
///
/// A [`Failure`] that shows both.
#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "cases compare what they have just made: a reference at every call is noise"
)]
pub fn ensure_eq<T: PartialEq<U> + Debug, U: Debug>(what: &str, came: T, expected: U) -> Result<(), Failure> {
    if came == expected {
        return Ok(());
    }
    Err(Failure::expected(format!("{what}: {expected:?}"), format!("{came:?}")))
}

/// What a case expects of a result. Every method gives the result back, so that expectations can be chained.
pub trait Expect: Sized {
    /// It ended so.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where it did not; so with all that follow.
    fn expect_status(&self, status: Status) -> Result<&Self, Failure>;
    /// It ended so, and the state is this.
    #[expect(clippy::missing_errors_doc, reason = "told once, above")]
    fn expect_end(&self, status: Status, state: &StateAfter) -> Result<&Self, Failure>;
    /// It completed, and the state is kept.
    #[expect(clippy::missing_errors_doc, reason = "told once, above")]
    fn expect_completed(&self) -> Result<&Self, Failure>;
    /// It completed, and the value has this `repr`.
    #[expect(clippy::missing_errors_doc, reason = "told once, above")]
    fn expect_value(&self, repr: &str) -> Result<&Self, Failure>;
    /// It completed, and there is no value.
    #[expect(clippy::missing_errors_doc, reason = "told once, above")]
    fn expect_no_value(&self) -> Result<&Self, Failure>;
    /// This and nothing else was written to stdout.
    #[expect(clippy::missing_errors_doc, reason = "told once, above")]
    fn expect_stdout(&self, text: &str) -> Result<&Self, Failure>;
    /// This and nothing else was written to stderr.
    #[expect(clippy::missing_errors_doc, reason = "told once, above")]
    fn expect_stderr(&self, text: &str) -> Result<&Self, Failure>;
    /// An exception of this type ended it, and the state is kept.
    #[expect(clippy::missing_errors_doc, reason = "told once, above")]
    fn expect_exception(&self, type_name: &str) -> Result<&PythonError, Failure>;
    /// The process ended of this; the state is lost.
    #[expect(clippy::missing_errors_doc, reason = "told once, above")]
    fn expect_crash(&self, cause: &CrashCause) -> Result<&Self, Failure>;
    /// One of the warnings contains this.
    #[expect(clippy::missing_errors_doc, reason = "told once, above")]
    fn expect_warning(&self, text: &str) -> Result<&Self, Failure>;
}

impl Expect for ExecutionResult {
    #[track_caller]
    fn expect_status(&self, status: Status) -> Result<&Self, Failure> {
        expect(self, self.status() == status, || status.to_string())
    }

    #[track_caller]
    fn expect_end(&self, status: Status, state: &StateAfter) -> Result<&Self, Failure> {
        expect(self, self.status() == status && self.state() == state, || {
            format!("{status}, state {state:?}")
        })
    }

    #[track_caller]
    fn expect_completed(&self) -> Result<&Self, Failure> {
        self.expect_end(Status::Completed, &StateAfter::Kept)
    }

    #[track_caller]
    fn expect_value(&self, repr: &str) -> Result<&Self, Failure> {
        self.expect_completed()?;
        let same = self.value().is_some_and(|value| value.repr == repr && value.cut == 0);
        expect(self, same, || format!("the value {}", shorten(repr)))
    }

    #[track_caller]
    fn expect_no_value(&self) -> Result<&Self, Failure> {
        self.expect_completed()?;
        expect(self, self.value().is_none(), || "no value".to_owned())
    }

    #[track_caller]
    fn expect_stdout(&self, text: &str) -> Result<&Self, Failure> {
        expect(self, self.stdout == text, || format!("stdout {:?}", shorten(text)))
    }

    #[track_caller]
    fn expect_stderr(&self, text: &str) -> Result<&Self, Failure> {
        expect(self, self.stderr == text, || format!("stderr {:?}", shorten(text)))
    }

    #[track_caller]
    fn expect_exception(&self, type_name: &str) -> Result<&PythonError, Failure> {
        self.expect_end(Status::Failed, &StateAfter::Kept)?;
        let error = self.error().filter(|error| error.type_name == type_name);
        expect(self, error.is_some(), || format!("the exception {type_name}"))?;
        error.ok_or_else(|| Failure::new("an exception"))
    }

    #[track_caller]
    fn expect_crash(&self, cause: &CrashCause) -> Result<&Self, Failure> {
        self.expect_end(Status::Crashed, &StateAfter::Lost)?;
        expect(self, self.crash() == Some(cause), || format!("the cause: {cause}"))
    }

    #[track_caller]
    fn expect_warning(&self, text: &str) -> Result<&Self, Failure> {
        let told = self.outcome.warnings.iter().any(|warning| warning.to_lowercase().contains(text));
        expect(self, told, || format!("a warning that says {text:?}"))
    }
}

/// Calls that must fail.
pub trait ExpectError {
    /// It failed with an error of this code, which says what, why and how.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where it succeeded, or failed otherwise.
    fn expect_code(self, code: &str) -> Result<Error, Failure>;
}

impl<T> ExpectError for Result<T, Error> {
    #[track_caller]
    fn expect_code(self, code: &str) -> Result<Error, Failure> {
        let Err(error) = self else {
            return Err(Failure::expected(format!("the error `{code}`"), "it succeeded"));
        };
        if error.code() != code {
            return Err(Failure::expected(format!("the error `{code}`"), error.explain()));
        }
        let told = error.explain();
        if [&told.what, &told.why, &told.how].iter().any(|text| text.is_empty()) {
            return Err(Failure::expected("what, why and how", told));
        }
        Ok(error)
    }
}

impl ExpectError for Error {
    #[track_caller]
    fn expect_code(self, code: &str) -> Result<Error, Failure> {
        Err::<(), _>(self).expect_code(code)
    }
}

#[track_caller]
fn expect(
    result: &ExecutionResult,
    kept: bool,
    expected: impl FnOnce() -> String,
) -> Result<&ExecutionResult, Failure> {
    if kept { Ok(result) } else { Err(Failure::expected(expected(), tell(result))) }
}

/// A result in a few lines.
fn tell(result: &ExecutionResult) -> String {
    let mut lines = vec![format!("{}, state {:?}", result.status(), result.state())];
    if let Some(value) = result.value() {
        lines.push(format!("value {} ({})", shorten(&value.repr), value.type_name));
    }
    if let Some(crash) = result.crash() {
        lines.push(format!("crash: {crash}"));
    }
    for (name, captured) in
        [("stdout", &result.stdout), ("stderr", &result.stderr), ("background", &result.background)]
    {
        if !captured.is_empty() {
            lines.push(format!("{name} {:?}", shorten(&captured.to_string())));
        }
    }
    lines.extend(result.outcome.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.extend(result.error().map(|error| error.traceback.clone()));
    lines.join("\n          ")
}
