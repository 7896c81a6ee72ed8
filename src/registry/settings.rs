//! What can be set of a backend: a small JSON object, read strictly, so that a misspelt setting is an error and not a surprise.

use std::fmt;
use std::time::Duration;

use hibernaculum_core::{ByteSize, ConfigError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The settings of one backend, as a configuration file has them.
///
/// They are checked by the backend that they are for. `null` is as good as unset.
///
/// ```
/// use hibernaculum::Settings;
/// let by_hand = Settings::default().with("python", "python3.12").with("start_timeout", 20);
/// let from_json: Settings = r#"{"python": "python3.12", "start_timeout": 20}"#.parse()?;
/// assert_eq!(by_hand, from_json);
/// # Ok::<(), hibernaculum::ConfigError>(())
/// ```
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(Map<String, Value>);

impl Settings {
    /// Sets one of them.
    ///
    /// ```
    /// use hibernaculum::Settings;
    ///
    /// let settings = Settings::default().with("python", "/usr/bin/python3");
    /// ```
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Reads them for the backend of that name: what its factory begins with.
    ///
    /// ```
    /// use hibernaculum::Settings;
    ///
    /// let mut reader = Settings::default().read("mine");
    /// assert_eq!(reader.text("host")?, None);
    /// reader.finish()?;
    /// # Ok::<(), hibernaculum::ConfigError>(())
    /// ```
    pub fn read(self, backend: impl Into<String>) -> SettingsReader {
        SettingsReader { backend: backend.into(), left: self.0, known: Vec::new() }
    }
}

impl From<Map<String, Value>> for Settings {
    fn from(settings: Map<String, Value>) -> Self {
        Self(settings)
    }
}

impl std::str::FromStr for Settings {
    type Err = ConfigError;

    /// Reads a JSON object; an empty text is an empty one.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text)
            .map_err(|error| invalid("settings", text, format!("must be a JSON object ({error})")))
    }
}

/// What is secret by its name is not shown.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(&self.0, f)
    }
}

fn shown(settings: &Map<String, Value>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let is_secret =
        |name: &str| ["key", "secret", "token", "password"].iter().any(|word| name.ends_with(word));
    let hidden = Value::String("…".to_owned());
    f.debug_map()
        .entries(settings.iter().map(|(name, value)| (name, if is_secret(name) { &hidden } else { value })))
        .finish()
}

/// Takes settings out one by one; what is left at the end is unknown, and refused.
#[must_use = "finish it, so that unknown settings are refused"]
pub struct SettingsReader {
    backend: String,
    left: Map<String, Value>,
    known: Vec<&'static str>,
}

impl fmt::Debug for SettingsReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SettingsReader({}: ", self.backend)?;
        shown(&self.left, f)?;
        f.write_str(")")
    }
}

impl SettingsReader {
    /// A text.
    ///
    /// ```
    /// use hibernaculum::Settings;
    ///
    /// let mut reader = Settings::default().with("host", "den").read("mine");
    /// assert_eq!(reader.text("host")?.as_deref(), Some("den"));
    /// reader.finish()?;
    /// # Ok::<(), hibernaculum::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for anything else.
    pub fn text(&mut self, name: &'static str) -> Result<Option<String>, ConfigError> {
        self.take(name, "must be a text", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    /// A list of texts.
    ///
    /// ```
    /// use hibernaculum::Settings;
    ///
    /// let mut reader = Settings::default().with("hosts", vec!["a", "b"]).read("mine");
    /// assert_eq!(reader.texts("hosts")?, Some(vec!["a".into(), "b".into()]));
    /// reader.finish()?;
    /// # Ok::<(), hibernaculum::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for anything else.
    pub fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, ConfigError> {
        self.take(name, "must be a list of texts", |value| serde_json::from_value(value).ok())
    }

    /// `true` or `false`.
    ///
    /// ```
    /// use hibernaculum::Settings;
    ///
    /// let mut reader = Settings::default().with("tls", true).read("mine");
    /// assert_eq!(reader.flag("tls")?, Some(true));
    /// reader.finish()?;
    /// # Ok::<(), hibernaculum::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for anything else.
    pub fn flag(&mut self, name: &'static str) -> Result<Option<bool>, ConfigError> {
        self.take(name, "must be true or false", |value| value.as_bool())
    }

    /// A size: bytes as a number, or a text such as `512MiB`.
    ///
    /// ```
    /// use hibernaculum::{ByteSize, Settings};
    ///
    /// let mut reader = Settings::default().with("room", "20GiB").read("mine");
    /// assert_eq!(reader.size("room")?, Some(ByteSize::gib(20)));
    /// reader.finish()?;
    /// # Ok::<(), hibernaculum::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for anything else.
    pub fn size(&mut self, name: &'static str) -> Result<Option<ByteSize>, ConfigError> {
        let rule = "must be a number of bytes, or a text such as `512MiB` or `20GiB`";
        self.take(name, rule, |value| match value {
            Value::Number(bytes) => bytes.as_u64().map(ByteSize::bytes),
            Value::String(text) => text.parse().ok(),
            _ => None,
        })
    }

    /// A time: seconds as a number, or a text such as `500ms`, `30s`, `1h 30m`, `7d`. A day has 24 hours.
    ///
    /// ```
    /// use hibernaculum::Settings;
    ///
    /// let mut reader = Settings::default().with("wait", "30s").read("mine");
    /// assert_eq!(reader.duration("wait")?, Some(std::time::Duration::from_secs(30)));
    /// reader.finish()?;
    /// # Ok::<(), hibernaculum::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for anything else, and for a negative time.
    pub fn duration(&mut self, name: &'static str) -> Result<Option<Duration>, ConfigError> {
        let rule = "must be a number of seconds, or a text such as `30s` or `2m`";
        self.take(name, rule, |value| match value {
            Value::Number(seconds) => Duration::try_from_secs_f64(seconds.as_f64()?).ok(),
            Value::String(text) => {
                let span = text.parse::<jiff::Span>().ok()?;
                let time = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
                Duration::try_from(time).ok()
            }
            _ => None,
        })
    }

    /// Anything that can be read from JSON.
    ///
    /// ```
    /// use hibernaculum::Settings;
    ///
    /// let mut reader = Settings::default().with("ports", vec![1, 2]).read("mine");
    /// assert_eq!(reader.json::<Vec<u16>>("ports", "must be a list of ports")?, Some(vec![1, 2]));
    /// reader.finish()?;
    /// # Ok::<(), hibernaculum::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for what cannot, saying `rule`, such as "must be a list of ports".
    pub fn json<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &'static str,
        rule: &str,
    ) -> Result<Option<T>, ConfigError> {
        self.take(name, rule, |value| serde_json::from_value(value).ok())
    }

    /// Refuses what nobody asked for.
    ///
    /// ```
    /// use hibernaculum::Settings;
    ///
    /// let mut reader = Settings::default().with("hots", "den").read("mine");
    /// reader.text("host")?;
    /// assert!(reader.finish().is_err()); // nobody asked for `hots`
    /// # Ok::<(), hibernaculum::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`], which tells the settings that there are.
    pub fn finish(mut self) -> Result<(), ConfigError> {
        let Some((name, value)) = self.left.iter().next() else {
            return Ok(());
        };
        self.known.sort_unstable();
        let rule = match self.known.as_slice() {
            [] => "is no setting of this backend, which has none".to_owned(),
            known => format!("is no setting of this backend, whose settings are: {}", known.join(", ")),
        };
        Err(invalid(&format!("{}.{name}", self.backend), &value.to_string(), rule))
    }

    fn take<T>(
        &mut self,
        name: &'static str,
        rule: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        self.known.push(name);
        let Some(value) = self.left.remove(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let shown = value.to_string();
        let read = read(value);
        read.map(Some).ok_or_else(|| invalid(&format!("{}.{name}", self.backend), &shown, rule.to_owned()))
    }
}

fn invalid(field: &str, value: &str, rule: String) -> ConfigError {
    let short = |text: &str| text.chars().take(80).flat_map(char::escape_debug).collect();
    ConfigError::Invalid { field: short(field), value: short(value), rule }
}
