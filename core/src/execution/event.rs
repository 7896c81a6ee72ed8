//! What happens during an execution.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{InputToken, Outcome};
use crate::{ExecutionId, Explanation};

/// One thing that happened during an execution.
///
/// In JSON the fields of `kind` stand beside the others, and `event` tells which kind it is:
/// `{"seq":2,"execution":"exe_…","at":"2026-11-23T10:00:00Z","event":"output","stream":"stdout","text":"hello\n"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The place among the execution's events, from 1, without holes (a [`EventKind::Gap`] tells what is missing).
    pub seq: u64,
    /// The execution that it belongs to.
    pub execution: ExecutionId,
    /// When it happened: by the sandbox's clock for what happened there, to the millisecond.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// An event, for those who implement a backend.
    ///
    /// ```
    /// use hibernaculum_core::{Event, EventKind, ExecutionId};
    ///
    /// let event = Event::new(1, ExecutionId::new(), jiff::Timestamp::now(), EventKind::Started);
    /// assert!(!event.is_last());
    /// ```
    pub fn new(seq: u64, execution: ExecutionId, at: Timestamp, kind: EventKind) -> Self {
        Self { seq, execution, at, kind }
    }

    /// Whether no event follows: [`EventKind::Finished`] or [`EventKind::Failed`].
    ///
    /// ```
    /// # async fn example(mut execution: hibernaculum_core::Execution) {
    /// while let Some(event) = execution.next().await {
    ///     println!("{}{}", event.seq, if event.is_last() { ", and no more" } else { "" });
    /// }
    /// # }
    /// ```
    pub fn is_last(&self) -> bool {
        matches!(self.kind, EventKind::Finished(_) | EventKind::Failed { .. })
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The execution left the queue: its code was sent.
    Started,
    /// The code, or a process that it started, wrote something.
    Output {
        /// Where it was written.
        stream: OutputStream,
        /// What was written; what is not UTF-8 is replaced.
        text: String,
    },
    /// Something was written while no execution ran: by threads, tasks or processes that outlived theirs. It is told in the
    /// session's next execution, before its own output, and belongs to none.
    Background {
        /// Where it was written.
        stream: OutputStream,
        /// What was written.
        text: String,
    },
    /// Something was displayed.
    Display(Display),
    /// The code asks for a line of input and waits for the answer.
    InputRequest {
        /// What the answer has to name.
        token: InputToken,
        /// The prompt, which may be empty.
        prompt: String,
        /// Whether what is typed should not be shown.
        password: bool,
    },
    /// Events are missing: nobody took them in time.
    Gap {
        /// The first that is missing, where it is known.
        from: Option<u64>,
        /// The last that is missing, where it is known.
        to: Option<u64>,
    },
    /// The execution ended. No event follows.
    Finished(Box<Outcome>),
    /// What became of the execution cannot be known, or it never ran. No event follows; the future gives the same as an error.
    Failed {
        /// Code, what, why and how.
        error: Explanation,
    },
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// One of the two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputStream {
    /// `sys.stdout` and file descriptor 1.
    Stdout,
    /// `sys.stderr` and file descriptor 2.
    Stderr,
}

impl fmt::Display for OutputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        })
    }
}

/// Something to show: the same thing in one or more forms (a MIME bundle).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Display {
    /// The forms by MIME type; binary ones in base64, JSON ones as text that holds JSON.
    pub data: BTreeMap<String, String>,
    /// What is said about the forms, as Jupyter does.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Names the display, so that a later one may replace it.
    pub display_id: Option<String>,
    /// Whether this replaces the display of the same id.
    pub update: bool,
    /// Whether this is the value with which the execution ends, in the forms that it tells of itself: that of the trailing expression. It comes
    /// besides [`Outcome::value`](super::Outcome::value), so who shows both leaves one out; its `text/plain` need not be the value's `repr`.
    pub result: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_flat_in_json() {
        let execution = ExecutionId::new();
        let kind = EventKind::Output { stream: OutputStream::Stdout, text: "hi\n".into() };
        let event = Event::new(2, execution, Timestamp::UNIX_EPOCH, kind);
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["event"], "output");
        assert_eq!(json["stream"], "stdout");
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
    }

    #[test]
    fn an_event_of_a_later_version_is_read_as_unknown() {
        let text = format!(
            r#"{{"seq":1,"execution":"{}","at":"2026-11-23T10:00:00Z","event":"telepathy","strength":9}}"#,
            ExecutionId::new()
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap().kind, EventKind::Unknown);
    }
}
