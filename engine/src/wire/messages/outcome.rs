//! What an execution comes to: the answer to `execute`.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{Settled, Status};
use crate::wire::error::WireError;
use crate::wire::text::{CarriesText, Text, VisitText};

/// The answer to [`Execute`](super::Execute).
///
/// It is to be released when control has delivered `raw` and the session has delivered `text_pos`. A member that would say
/// nothing (no value, no error, no change, no warning) is left out: most answers are short, and shorter for that.
///
/// ```
/// use hibernaculum_engine::wire::messages::Executed;
///
/// let answer = r#"{"execution":1,"status":"completed","count":1,"value":{"repr":"2","json":true,"type":"int"},"timings":{"compile_us":9,
///     "run_us":1,"capture_us":4},"cpu_us":14,"memory_bytes":9000000,"memory_delta":0,"raw":[0,0],"text_pos":0,"at":1795453566808}"#;
/// let executed: Executed = serde_json::from_str(answer)?;
/// assert!(executed.error.is_none() && executed.changes.is_empty() && executed.warnings.is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executed {
    /// The execution's number.
    pub execution: u64,
    /// How it ended.
    pub status: Status,
    /// The session's execution count after it.
    #[serde(default)]
    pub count: u64,
    /// The value of a trailing expression, unless there is none or it is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The exception that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<PythonError>,
    /// What it did to the user's names.
    #[serde(default, skip_serializing_if = "Changes::is_empty")]
    pub changes: Changes,
    /// What the caller should know, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What became of its transaction, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Settled>,
    /// Where the time went.
    #[serde(default)]
    pub timings: Timings,
    /// CPU time of the session process, in microseconds.
    #[serde(default)]
    pub cpu_us: u64,
    /// The session's resident memory after it, in bytes.
    #[serde(default)]
    pub memory_bytes: u64,
    /// How much more that is than before it.
    #[serde(default)]
    pub memory_delta: i64,
    /// How much raw output of fd 1 and fd 2 came before its end.
    pub raw: [u64; 2],
    /// How much text came before its end.
    pub text_pos: u64,
    /// When, in milliseconds since the epoch.
    pub at: u64,
}

impl CarriesText for Executed {
    fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError> {
        if let Some(value) = &mut self.value {
            visit(&mut value.repr)?;
            if let Some(Json::Text(text)) = &mut value.json {
                visit(text)?;
            }
        }
        if let Some(error) = &mut self.error {
            visit(&mut error.message)?;
            visit(&mut error.traceback)?;
        }
        Ok(())
    }
}

/// The value of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// Its `repr`, cut at `value_bytes`.
    pub repr: Text,
    /// Its JSON; `None` where JSON cannot say it exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Json>,
    /// The name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// How many bytes of the `repr` were cut.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The JSON of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Json {
    /// `true`: it is the `repr`, in which double quotes take the place of single ones around it. `false`: there is none.
    Repr(bool),
    /// As text.
    Text(Text),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JsonVisitor;

        impl<'de> Visitor<'de> for JsonVisitor {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON: true, a string, or the transfer that carried it")
            }

            fn visit_bool<E: Error>(self, is_repr: bool) -> Result<Json, E> {
                Ok(Json::Repr(is_repr))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
                Ok(Json::Text(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Json, A::Error> {
                Text::deserialize(MapAccessDeserializer::new(map)).map(Json::Text)
            }
        }

        deserializer.deserialize_any(JsonVisitor)
    }
}

/// An exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PythonError {
    /// The name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The module of its type.
    #[serde(default)]
    pub module: String,
    /// Its `str`.
    #[serde(default)]
    pub message: Text,
    /// As Python prints it, the user's frames only.
    #[serde(default)]
    pub traceback: Text,
    /// The user's frames, the innermost last.
    #[serde(default)]
    pub frames: Vec<TraceFrame>,
    /// For `SystemExit`: the exit code that a program would have had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
}

/// One frame of a traceback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceFrame {
    /// The file, or a name such as `<cell 3>`.
    pub file: String,
    /// The line, where Python knows it.
    #[serde(default)]
    pub line: Option<u32>,
    /// The function, or `<module>`.
    #[serde(default)]
    pub function: String,
    /// The line's source, where it is known.
    #[serde(default)]
    pub source: Option<String>,
}

/// What became of the user's names; "modified" means bound to another object. A list that is empty is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// Names that are new.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<Change>,
    /// Names that are bound to another object.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modified: Vec<Change>,
    /// Names that are gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// How many more there are than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: u64,
}

impl Changes {
    /// Whether nothing changed.
    ///
    /// ```
    /// use hibernaculum_engine::wire::messages::Changes;
    ///
    /// assert!(Changes::default().is_empty());
    /// assert!(!Changes { removed: vec!["x".into()], ..Changes::default() }.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.more == 0 && self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }
}

/// A name, and what it is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The name.
    pub name: String,
    /// The name of the object's type.
    #[serde(rename = "type", default)]
    pub type_name: String,
    /// The object's own size in bytes, where it can be told without running user code.
    #[serde(default)]
    pub size: Option<u64>,
}

/// Where the time went, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timings {
    /// Parsing and compiling.
    pub compile_us: u64,
    /// Running.
    pub run_us: u64,
    /// Making `repr` and JSON of the value, and comparing names.
    pub capture_us: u64,
}
