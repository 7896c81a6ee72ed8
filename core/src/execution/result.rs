//! An execution, collected.

use serde::{Deserialize, Serialize};

use super::{Captured, CrashCause, Display, Outcome, PythonError, StateAfter, Status, Value};
use crate::ExecutionId;

/// Everything that came of an execution: its outcome and its output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExecutionResult {
    /// The execution.
    pub execution: ExecutionId,
    /// How it ended, and what became of the state.
    pub outcome: Outcome,
    /// What was written to stdout.
    pub stdout: Captured,
    /// What was written to stderr.
    pub stderr: Captured,
    /// What was written while no execution ran, since the one before; both streams.
    pub background: Captured,
    /// What was displayed, within the limit.
    pub displays: Vec<Display>,
    /// Displays that were left out.
    pub displays_cut: u64,
    /// Whether events were missed ([`crate::EventKind::Gap`]), so that output may be missing too.
    pub gaps: bool,
}

impl ExecutionResult {
    /// How it ended.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::Status;
    ///
    /// assert_eq!(session.execute("1 / 0").await?.status(), Status::Failed);
    /// # Ok(()) }
    /// ```
    pub fn status(&self) -> Status {
        self.outcome.status
    }

    /// What became of the session's state.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::StateAfter;
    ///
    /// assert_eq!(session.execute("1 / 0").await?.state(), &StateAfter::Kept);
    /// # Ok(()) }
    /// ```
    pub fn state(&self) -> &StateAfter {
        &self.outcome.state
    }

    /// Whether the code ran to its end.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// assert!(session.execute("x = 1").await?.is_completed());
    /// # Ok(()) }
    /// ```
    pub fn is_completed(&self) -> bool {
        self.outcome.status == Status::Completed
    }

    /// The value of a trailing expression, unless it was `None`.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let result = session.execute("{3, 1}").await?;
    /// assert_eq!(result.value().map(|value| value.type_name.as_str()), Some("set"));
    /// # Ok(()) }
    /// ```
    pub fn value(&self) -> Option<&Value> {
        self.outcome.value.as_ref()
    }

    /// The JSON form of that value, where it has an exact one.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// assert_eq!(session.execute("6 * 7").await?.json(), Some(&42.into()));
    /// # Ok(()) }
    /// ```
    pub fn json(&self) -> Option<&serde_json::Value> {
        self.value().and_then(|value| value.json.as_ref())
    }

    /// The exception that ended it.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let result = session.execute("1 / 0").await?;
    /// assert_eq!(result.error().map(|error| error.type_name.as_str()), Some("ZeroDivisionError"));
    /// # Ok(()) }
    /// ```
    pub fn error(&self) -> Option<&PythonError> {
        self.outcome.error.as_ref()
    }

    /// What ended the session's process, where something did.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// if let Some(cause) = session.execute("import os; os.abort()").await?.crash() {
    ///     println!("{cause}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn crash(&self) -> Option<&CrashCause> {
        self.outcome.crash.as_ref()
    }
}
