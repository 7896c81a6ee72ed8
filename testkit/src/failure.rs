//! How a case ends when it does not simply pass.

use std::fmt::{self, Display};
use std::panic::Location;

use hibernaculum_core::Error;

/// What a case gives.
pub type Outcome = Result<(), Failure>;

/// Why a case did not pass.
#[derive(Debug, Clone)]
pub enum Failure {
    /// The backend broke the promise.
    Broken {
        /// What was expected, and what came.
        message: String,
        /// Where the case noticed.
        at: &'static Location<'static>,
    },
    /// The case cannot be tried here: the sandbox's Python lacks something that the promise is about.
    Lacks {
        /// Its name, as `HIBERNACULUM_REQUIRE` would tell it: `numpy`.
        what: String,
        /// More about it.
        reason: String,
    },
}

impl Failure {
    /// The promise is broken.
    #[track_caller]
    pub fn new(message: impl Into<String>) -> Self {
        Self::Broken { message: message.into(), at: Location::caller() }
    }

    /// Something else came than was expected.
    #[track_caller]
    pub fn expected(expected: impl Display, came: impl Display) -> Self {
        Self::new(format!("expected: {expected}\n    came: {came}"))
    }

    /// The same failure, and where in a case that tries many things.
    #[must_use]
    pub fn within(self, where_: &str) -> Self {
        match self {
            Self::Broken { message, at } => Self::Broken { message: format!("{where_}: {message}"), at },
            lacks @ Self::Lacks { .. } => lacks,
        }
    }

    /// The case cannot be tried here.
    pub fn lacks(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Lacks { what: what.into(), reason: reason.into() }
    }
}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self::new(format!("a call failed that should not have:\n{}", error.explain()))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken { message, at } => write!(f, "{message}\n      at: {}:{}", at.file(), at.line()),
            Self::Lacks { what, reason } => write!(f, "needs {what}: {reason}"),
        }
    }
}
