//! What is asked on a session's connection: the host asks for an execution, the session for a line of input.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Call, Executed, StdinPolicy, Transaction, null_is_zero};
use crate::wire::error::WireError;
use crate::wire::text::{CarriesText, Text, VisitText};

/// Run a piece of code.
///
/// ```
/// use hibernaculum_engine::wire::messages::Execute;
///
/// let execute = Execute { stdin: None, ..Execute::new(1, "exe_1", "6 * 7") };
/// assert_eq!(serde_json::to_string(&execute)?, r#"{"execution":1,"id":"exe_1","code":"6 * 7"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execute {
    /// Its number in this session process, from 1.
    pub execution: u64,
    /// Its public id.
    pub id: String,
    /// The code.
    pub code: Text,
    /// What `input()` does; unset: as the session's options say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<StdinPolicy>,
    /// The file name in tracebacks; unset: `<cell N>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The number of the code's first line; unset: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_line: Option<u32>,
    /// Sets `sys.argv`, `__file__` (to `filename`), and puts the file's folder first on `sys.path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// Whether `_`, `Out` and the execution count take note of it; unset: yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_history: Option<bool>,
    /// The longest `repr` to send, in bytes; unset: 16 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_bytes: Option<u64>,
    /// How it can be undone; unset: it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Transaction>,
    /// Whether a guard stands beside it, against a crash. Where none can, it runs without, and the answer warns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guard: bool,
    /// What the next host is to know of it, where the sandbox may outlive this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<Value>,
}

impl Execute {
    /// Runs `code` with the runner's defaults for everything else.
    pub fn new(execution: u64, id: impl Into<String>, code: impl Into<Text>) -> Self {
        Self {
            execution,
            id: id.into(),
            code: code.into(),
            stdin: None,
            filename: None,
            first_line: None,
            argv: None,
            store_history: None,
            value_bytes: None,
            transaction: None,
            guard: false,
            memo: None,
        }
    }
}

impl Call for Execute {
    const METHOD: &'static str = "execute";
    type Answer = Executed;
}

impl CarriesText for Execute {
    fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError> {
        visit(&mut self.code)
    }
}

/// User code wants a line of input, and stands still until it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The execution that asks; 0 for a background task.
    #[serde(deserialize_with = "null_is_zero")]
    pub execution: u64,
    /// What to show before the line.
    #[serde(default)]
    pub prompt: Text,
    /// Whether what is typed must not be shown.
    #[serde(default)]
    pub password: bool,
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// How much raw output of fd 1 and fd 2 came before.
    pub raw: [u64; 2],
    /// How much text came before.
    pub text_pos: u64,
}

impl Call for Input {
    const METHOD: &'static str = "input";
    type Answer = InputAnswer;
}

impl CarriesText for Input {
    fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError> {
        visit(&mut self.prompt)
    }
}

/// The answer to [`Input`]: a line without its newline, or the end of input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AnswerFields", into = "AnswerFields")]
pub enum InputAnswer {
    /// The line.
    Text(Text),
    /// There is no more: `EOFError`.
    Eof,
}

#[derive(Serialize, Deserialize)]
struct AnswerFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Text>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    eof: bool,
}

impl TryFrom<AnswerFields> for InputAnswer {
    type Error = &'static str;

    fn try_from(fields: AnswerFields) -> Result<Self, Self::Error> {
        match fields {
            AnswerFields { text: Some(text), eof: false } => Ok(Self::Text(text)),
            AnswerFields { text: None, eof: true } => Ok(Self::Eof),
            _ => Err("an answer has either `text` or `eof: true`"),
        }
    }
}

impl From<InputAnswer> for AnswerFields {
    fn from(answer: InputAnswer) -> Self {
        match answer {
            InputAnswer::Text(text) => Self { text: Some(text), eof: false },
            InputAnswer::Eof => Self { text: None, eof: true },
        }
    }
}

impl CarriesText for InputAnswer {
    fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError> {
        match self {
            Self::Text(text) => visit(text),
            Self::Eof => Ok(()),
        }
    }
}
