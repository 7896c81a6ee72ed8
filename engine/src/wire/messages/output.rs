//! Supervisor to host: output that did not come from the session itself, and deaths.

use serde::{Deserialize, Serialize};

use super::{Notice, State, Stream, null_is_zero};
use crate::wire::error::WireError;
use crate::wire::text::{CarriesText, Text, TransferRef, VisitText};

/// Raw bytes that were written to fd 1 or 2; they came as a transfer, just before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawOutput {
    /// The session's id.
    pub session: String,
    /// The execution that was running after they were taken; 0: background.
    #[serde(deserialize_with = "null_is_zero")]
    pub execution: u64,
    /// Which fd.
    pub stream: Stream,
    /// The position of the first byte among all that this fd was given.
    pub pos: u64,
    /// How many there are.
    pub bytes: u64,
    /// How much text had been sent before they were taken.
    pub text_pos: u64,
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// The transfer that carried them.
    pub transfer: u64,
}

impl RawOutput {
    /// The transfer that carried the bytes, for [`Transfers::take`](crate::wire::Transfers::take).
    ///
    /// ```
    /// # fn example(output: &hibernaculum_engine::wire::messages::RawOutput, transfers: &mut hibernaculum_engine::wire::Transfers) -> Result<(), hibernaculum_engine::wire::WireError> {
    /// let bytes = transfers.take(output.named())?;
    /// assert_eq!(bytes.len() as u64, output.bytes);
    /// # Ok(()) }
    /// ```
    pub fn named(&self) -> TransferRef {
        TransferRef { transfer: self.transfer, bytes: self.bytes }
    }
}

impl Notice for RawOutput {
    const METHOD: &'static str = "output";
}

/// Text that a session has printed and not sent: it runs on, or it died. It may come again from the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardedText {
    /// The session's id.
    pub session: String,
    /// The execution that printed it; 0 where none was running.
    #[serde(deserialize_with = "null_is_zero")]
    pub execution: u64,
    /// To which stream.
    pub stream: Stream,
    /// The position of its first byte among all text of the session process.
    pub pos: u64,
    /// How many bytes of UTF-8 it has.
    pub bytes: u64,
    /// How much raw output of fd 1 and fd 2 came before.
    pub raw: [u64; 2],
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// The text.
    pub text: Text,
}

impl Notice for ForwardedText {
    const METHOD: &'static str = "text";
}

impl CarriesText for ForwardedText {
    fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError> {
        visit(&mut self.text)
    }
}

/// A session's process is dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Died {
    /// The session's id.
    pub session: String,
    /// The execution that was running; 0: none.
    #[serde(deserialize_with = "null_is_zero")]
    pub execution: u64,
    /// What of.
    pub cause: Cause,
    /// What became of its state.
    pub state: State,
    /// How much raw output of fd 1 and fd 2 there was in all.
    pub raw: [u64; 2],
    /// How much text there was in all.
    pub text_pos: u64,
    /// The process.
    pub pid: u32,
}

impl Notice for Died {
    const METHOD: &'static str = "died";
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CauseFields", into = "CauseFields")]
pub enum Cause {
    /// A signal ended it.
    Signal {
        /// The signal's number.
        signal: i32,
        /// Its name: `SIGSEGV`.
        name: String,
        /// Who sent it, where it was the host or the supervisor, and why.
        by: Option<String>,
    },
    /// It exited.
    Exit {
        /// Its exit status.
        exit: i32,
        /// Who made it, and why.
        by: Option<String>,
    },
}

#[derive(Serialize, Deserialize)]
struct CauseFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exit: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
}

impl TryFrom<CauseFields> for Cause {
    type Error = &'static str;

    fn try_from(fields: CauseFields) -> Result<Self, Self::Error> {
        let CauseFields { signal, name, exit, by } = fields;
        match (signal, exit) {
            (Some(signal), None) => {
                Ok(Self::Signal { signal, name: name.unwrap_or_else(|| format!("signal {signal}")), by })
            }
            (None, Some(exit)) => Ok(Self::Exit { exit, by }),
            _ => Err("a cause has either `signal` or `exit`"),
        }
    }
}

impl From<Cause> for CauseFields {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Signal { signal, name, by } => {
                Self { signal: Some(signal), name: Some(name), exit: None, by }
            }
            Cause::Exit { exit, by } => Self { signal: None, name: None, exit: Some(exit), by },
        }
    }
}
