//! What code does before it ends, one step after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use hibernaculum_core::{Display, OutputStream};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::ScriptedValue;

/// One thing that code does.
///
/// In YAML a step is a map of one key: `print: "epoch 1\n"`, `wait: 5s`, `ask: "Name? "`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// `print`, without a newline of its own: text that the session buffers as the real one does.
    Print(String),
    /// The same to `sys.stderr`.
    PrintError(String),
    /// Bytes that reach fd 1 past Python: what C code and child processes write.
    #[serde(deserialize_with = "text_as_bytes")]
    Write(Vec<u8>),
    /// The same to fd 2.
    #[serde(deserialize_with = "text_as_bytes")]
    WriteError(Vec<u8>),
    /// Time passes. An interrupt ends it.
    Wait(Pause),
    /// Waits until another session (or this one, before) has done [`Step::Signal`] with this name. An interrupt ends it.
    WaitFor(String),
    /// Lets those go on who wait for this name, now and later. The names are those of the sandbox.
    Signal(String),
    /// Asks for a line of input and stands still until it is answered. Where input is denied, it raises `EOFError`.
    Ask(String),
    /// The same, where what is typed is not to be shown.
    AskSecretly(String),
    /// Displays something, in some forms.
    #[serde(deserialize_with = "display")]
    Display(Display),
    /// Binds names.
    Bind(BTreeMap<String, ScriptedValue>),
    /// Deletes a name, if it is bound.
    Unbind(String),
}

impl Step {
    /// A step that writes to one of the streams by `print`.
    pub(crate) fn printed(stream: OutputStream, text: String) -> Self {
        match stream {
            OutputStream::Stdout => Self::Print(text),
            OutputStream::Stderr => Self::PrintError(text),
        }
    }
}

/// How long to wait. In YAML: `forever`, or a time such as `250ms`, `5s`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pause {
    /// So long.
    For(Duration),
    /// Until something ends it.
    Forever,
}

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "forever" {
            return Ok(Self::Forever);
        }
        crate::duration::parse(&text).map(Self::For).ok_or_else(|| {
            serde::de::Error::custom(format!("{text:?} is no time: write `forever`, or a time such as `5s`"))
        })
    }
}

fn text_as_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    String::deserialize(deserializer).map(String::into_bytes)
}

/// In YAML a display is either its forms by MIME type, or an object with `data` and more.
fn display<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Display, D::Error> {
    use serde::de::Error as _;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Full {
        data: BTreeMap<String, String>,
        #[serde(default)]
        metadata: serde_json::Map<String, Value>,
        #[serde(default)]
        display_id: Option<String>,
        #[serde(default)]
        update: bool,
        #[serde(default)]
        result: bool,
    }

    let forms = Value::deserialize(deserializer)?;
    let display = if forms.get("data").is_some() {
        let full: Full = serde_json::from_value(forms).map_err(D::Error::custom)?;
        let Full { data, metadata, display_id, update, result } = full;
        Display { data, metadata, display_id, update, result }
    } else {
        let data = serde_json::from_value(forms).map_err(D::Error::custom)?;
        Display { data, ..Display::default() }
    };
    match display.data.keys().find(|kind| !kind.contains('/')) {
        Some(word) => Err(D::Error::custom(format!("{word:?} is no MIME type"))),
        None => Ok(display),
    }
}
