//! How scripted code ends.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::python;

/// How scripted code ends.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Ending {
    /// It completes, with no value.
    #[default]
    Nothing,
    /// It completes, and this is the value of its last expression.
    Value(ScriptedValue),
    /// It completes, and the value is what this name is bound to.
    ValueOf(String),
    /// An exception ends it.
    Raises(Exception),
    /// Its process ends.
    Crashes(Crash),
    /// What the function says, which sees what happened before.
    Computed(Arc<dyn Fn(&Scene<'_>) -> Ending + Send + Sync>),
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Value(value) => write!(f, "Value({value:?})"),
            Self::ValueOf(name) => write!(f, "ValueOf({name})"),
            Self::Raises(exception) => write!(f, "Raises({exception:?})"),
            Self::Crashes(crash) => write!(f, "Crashes({crash:?})"),
            Self::Computed(_) => f.write_str("Computed(…)"),
        }
    }
}

/// A Python object of a script: as much of it as can be seen from outside.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ScriptedValue {
    /// Its `repr`.
    pub repr: String,
    /// The name of its type.
    pub type_name: String,
    /// Its JSON form, where it has an exact one.
    pub json: Option<Value>,
}

impl ScriptedValue {
    /// An object that JSON cannot say.
    ///
    /// ```
    /// use hibernaculum_backend_mock::ScriptedValue;
    ///
    /// let model = ScriptedValue::object("Model(layers=3)", "Model");
    /// ```
    pub fn object(repr: impl Into<String>, type_name: impl Into<String>) -> Self {
        Self { repr: repr.into(), type_name: type_name.into(), json: None }
    }
}

impl<T: Into<Value>> From<T> for ScriptedValue {
    fn from(value: T) -> Self {
        let json = value.into();
        Self { repr: python::repr(&json), type_name: python::type_name(&json).to_owned(), json: Some(json) }
    }
}

/// In YAML: JSON as it is, or `{repr: …, type: …}` for an object that JSON cannot say.
impl<'de> Deserialize<'de> for ScriptedValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        if let Value::Object(fields) = &json
            && let (2, Some(Value::String(repr)), Some(Value::String(name))) =
                (fields.len(), fields.get("repr"), fields.get("type"))
        {
            return Ok(Self::object(repr, name));
        }
        Ok(json.into())
    }
}

/// A Python exception of a script.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Exception {
    /// The name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The module of its type; `builtins` unless it is said.
    #[serde(default = "builtins")]
    pub module: String,
    /// Its message.
    #[serde(default)]
    pub message: String,
    /// Its frames, the innermost last. Where there are none, it is raised on the code's last line that is not blank.
    #[serde(default)]
    pub frames: Vec<Frame>,
    /// For `SystemExit`: the exit code.
    #[serde(default)]
    pub exit_code: Option<i32>,
}

fn builtins() -> String {
    "builtins".to_owned()
}

impl Exception {
    /// An exception that is raised on the code's last line.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Exception, when};
    ///
    /// let rule = when("load()").raises(Exception::new("FileNotFoundError", "[Errno 2] No such file: 'x'"));
    /// ```
    pub fn new(type_name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            type_name: type_name.into(),
            module: builtins(),
            message: message.into(),
            frames: Vec::new(),
            exit_code: None,
        }
    }

    /// What `sys.exit(code)` raises.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Exception, when};
    ///
    /// let rule = when("sys.exit(3)").raises(Exception::exit(3));
    /// ```
    pub fn exit(code: i32) -> Self {
        Self { exit_code: Some(code), ..Self::new("SystemExit", code.to_string()) }
    }

    /// Adds a frame, further in than those before.
    ///
    /// ```
    /// use hibernaculum_backend_mock::Exception;
    ///
    /// let error = Exception::new("ValueError", "no").frame(5, "<module>", "load()").frame(2, "load", "raise ValueError('no')");
    /// ```
    #[must_use]
    pub fn frame(mut self, line: u32, function: impl Into<String>, source: impl Into<String>) -> Self {
        self.frames.push(Frame { line, function: function.into(), source: source.into() });
        self
    }
}

/// One frame of a traceback, in the code of the execution.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Frame {
    /// The line, from 1.
    pub line: u32,
    /// The function, or `<module>`.
    pub function: String,
    /// The line's source.
    #[serde(default)]
    pub source: String,
}

/// How a session's process ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Crash {
    /// The signal of this number ends it.
    Signal(i32),
    /// It exits past Python with this code, as `os._exit` does.
    Exit(i32),
    /// The kernel kills it, because the memory of its sandbox ran out.
    OutOfMemory,
}

/// What a [`Rule::computes`](crate::Rule::computes) sees: the code, and what happened in its session before it ends.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_mock::{Ending, Matcher, Script, when};
/// use hibernaculum_core::{Sandbox, SandboxSpec};
///
/// let mock = Script::in_order([
///     when("depth = 3").binds("depth", 3),
///     when(Matcher::regex(r"^dig\((\d+)\)$")?).computes(|scene| {
///         let by: u64 = scene.group(1).parse().unwrap_or(0);
///         let depth = scene.value_of("depth").and_then(|depth| depth.json.as_ref()?.as_u64());
///         Ending::Value((depth.unwrap_or(0) + by).into())
///     }),
/// ])
/// .backend()?;
///
/// let sandbox = Sandbox::create(&mock.backend(), SandboxSpec::default()).await?;
/// let session = sandbox.session().await?;
/// session.execute("depth = 3").await?;
/// assert_eq!(session.execute("dig(4)").await?.json(), Some(&7.into()));
/// sandbox.close().await?;
/// mock.verify().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Scene<'a> {
    pub(crate) code: &'a str,
    pub(crate) groups: &'a [String],
    pub(crate) answers: &'a [String],
    pub(crate) lookup: &'a dyn Lookup,
}

/// Where names are looked up.
pub(crate) trait Lookup: fmt::Debug {
    fn value_of(&self, name: &str) -> Option<&ScriptedValue>;
}

impl Scene<'_> {
    /// The code.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Ending, Matcher, when};
    ///
    /// let rule = when(Matcher::any()).any_times().computes(|scene| Ending::Value(scene.code().len().into()));
    /// ```
    pub fn code(&self) -> &str {
        self.code
    }

    /// A group of the regular expression that matched, `""` where it took no part; 0 is all of it.
    pub fn group(&self, index: usize) -> &str {
        self.groups.get(index).map_or("", String::as_str)
    }

    /// The answers that the execution's questions got, in order.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Ending, when};
    ///
    /// let rule = when("input('Name? ')").asks("Name? ").computes(|scene| Ending::Value(scene.answers().join(" ").into()));
    /// ```
    pub fn answers(&self) -> &[String] {
        self.answers
    }

    /// What a name is bound to.
    pub fn value_of(&self, name: &str) -> Option<&ScriptedValue> {
        self.lookup.value_of(name)
    }
}
