//! A wire cassette: its entries, and their form in a file.
//!
//! ```text
//!  hibernaculum wire 1
//!  features {…}
//!  1 start {"python":"3.11.2",…}             a sandbox started
//!  1.2 hello {"session":"ses_…"}             its second connection was asked for
//!  1.2 welcome {"pid":102,…}                 and opened
//!  1.2 > {"method":"execute",…}              the host said
//!  1.2 < {"result":…}                        the runner said
//!  1.2 @300 < {"method":…}                   a moment later: when this many milliseconds have passed since the start
//!  1.2 <# {"transfer":7,"text":"…"}          a transfer, in one piece
//!  1.2 <! {"base64":"…"}                     bytes that are no message
//!  1.2 end                                   the runner closed it
//! ```
//!
//! What is long and repeats itself is folded (`1.2 <z …`): see `fold`.

use std::collections::HashMap;
use std::fmt::Write as _;

use base64::Engine as _;
use hibernaculum_core::{ConfigError, Error, Explanation, Features};
use hibernaculum_engine::wire::RpcError;
use hibernaculum_engine::wire::messages::{GoesOn, SessionOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::fold;

const HEAD: &str = "hibernaculum wire 1";

/// What passed between an engine and its places: of one [`WireRecorder`](super::WireRecorder), to be played by a [`WirePlayer`](super::WirePlayer).
///
/// ```
/// use hibernaculum_backend_mock::wire::{WireCassette, WireRecorder};
/// use hibernaculum_backend_mock::{Script, ScriptedProvider};
///
/// let recorder = WireRecorder::new(ScriptedProvider::new(Script::default()));
/// let text = recorder.cassette().write(); // to be kept in a file
/// assert_eq!(WireCassette::read(&text)?, recorder.cassette());
/// assert_eq!(recorder.cassette().features().backend, "mock");
/// # Ok::<(), hibernaculum_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct WireCassette {
    pub(super) features: Features,
    pub(super) entries: Vec<Entry>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The sandbox, in the order of starts, from 1.
    pub(super) sandbox: u32,
    /// Its connection, in the order of their opening, from 1; 0: the sandbox itself.
    pub(super) connection: u32,
    /// Milliseconds since its sandbox had started, in steps of a hundred. (While it is recorded: since the recording began.)
    pub(super) ms: u64,
    pub(super) what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Start(Box<Start>),
    Hello(Box<Greeting>),
    Welcome(Box<Welcomed>),
    Refused(Box<RpcError>),
    ToRunner(Said),
    ToHost(Said),
    End,
}

/// One message, a piece of a transfer, or what is neither.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    Message(Value),
    Chunk { transfer: u64, data: Vec<u8> },
    Noise(Vec<u8>),
}

/// How a sandbox started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Start {
    pub(super) sandbox: String,
    pub(super) pid: u32,
    pub(super) python: String,
    pub(super) executable: String,
    pub(super) implementation: String,
    pub(super) workdir: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fails: Option<Explanation>,
}

/// For what a connection was asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Greeting {
    /// `control` or `files`; empty: that of a session.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) role: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) session: String,
    #[serde(skip_serializing_if = "is_usual")]
    pub(super) options: SessionOptions,
}

fn is_usual(options: &SessionOptions) -> bool {
    *options == SessionOptions::default()
}

/// What a welcome says besides the handshake.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Welcomed {
    pub(crate) pid: u32,
    pub(crate) python: String,
    pub(crate) implementation: String,
    pub(crate) features: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restored: Option<GoesOn>,
}

impl WireCassette {
    /// Reads a cassette.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] with the line, where it is none.
    pub fn read(text: &str) -> Result<Self, Error> {
        let invalid = |line: usize, rule: &str| -> Error {
            let (field, value) = ("wire cassette".to_owned(), format!("line {line}"));
            ConfigError::Invalid { field, value, rule: rule.to_owned() }.into()
        };
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        if lines.next().is_none_or(|(_, line)| line != HEAD) {
            return Err(invalid(1, &format!("must begin with `{HEAD}`")));
        }
        let features = lines.next().and_then(|(_, line)| line.strip_prefix("features "));
        let features = features.and_then(|json| serde_json::from_str(json).ok());
        let features = features.ok_or_else(|| invalid(2, "must have `features` in its second line"))?;
        let mut entries = Vec::new();
        let mut clocks: HashMap<u32, u64> = HashMap::new();
        for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let mut entry =
                Entry::read(line).ok_or_else(|| invalid(number, "has a line that is no entry"))?;
            let clock = clocks.entry(entry.sandbox).or_default();
            *clock = entry.ms.max(*clock);
            entry.ms = *clock;
            entries.push(entry);
        }
        Ok(Self { features, entries })
    }

    /// Writes it, one line an entry.
    pub fn write(&self) -> String {
        let mut text = format!("{HEAD}\nfeatures {}\n", json!(self.features));
        let mut clocks: HashMap<u32, u64> = HashMap::new();
        for entry in &self.entries {
            let clock = clocks.entry(entry.sandbox).or_default();
            entry.write(&mut text, (entry.ms > *clock).then_some(entry.ms));
            *clock = entry.ms.max(*clock);
        }
        text
    }

    /// What the recorded backend could do.
    pub fn features(&self) -> &Features {
        &self.features
    }
}

impl Entry {
    fn read(line: &str) -> Option<Self> {
        let (place, rest) = line.split_once(' ')?;
        let (sandbox, connection) = place.split_once('.').unwrap_or((place, "0"));
        let (ms, rest) = match rest.strip_prefix('@') {
            Some(rest) => rest.split_once(' ').and_then(|(ms, rest)| Some((ms.parse().ok()?, rest)))?,
            None => (0, rest),
        };
        let (mark, json) = rest.split_once(' ').unwrap_or((rest, "null"));
        let unfolded = mark.ends_with('z').then(|| fold::unfolded(json));
        let (mark, json) = match &unfolded {
            Some(unfolded) => (mark.trim_end_matches('z'), unfolded.as_deref()?),
            None => (mark, json),
        };
        let what = match mark {
            "start" => What::Start(serde_json::from_str(json).ok()?),
            "hello" => What::Hello(serde_json::from_str(json).ok()?),
            "welcome" => What::Welcome(serde_json::from_str(json).ok()?),
            "refused" => What::Refused(serde_json::from_str(json).ok()?),
            "end" => What::End,
            mark => {
                let said = Said::read(mark.get(1..)?, json)?;
                if mark.starts_with('>') { What::ToRunner(said) } else { What::ToHost(said) }
            }
        };
        Some(Self { sandbox: sandbox.parse().ok()?, connection: connection.parse().ok()?, ms, what })
    }

    fn write(&self, text: &mut String, clock: Option<u64>) {
        let Self { sandbox, connection, what, .. } = self;
        let (mark, json) = match what {
            What::Start(start) => ("start".to_owned(), json!(start)),
            What::Hello(greeting) => ("hello".to_owned(), json!(greeting)),
            What::Welcome(welcome) => ("welcome".to_owned(), json!(welcome)),
            What::Refused(error) => ("refused".to_owned(), json!(error)),
            What::ToRunner(said) => (format!(">{}", said.mark()), said.written()),
            What::ToHost(said) => (format!("<{}", said.mark()), said.written()),
            What::End => ("end".to_owned(), Value::Null),
        };
        let place = if *connection == 0 { sandbox.to_string() } else { format!("{sandbox}.{connection}") };
        let place = clock.map_or(place.clone(), |ms| format!("{place} @{ms}"));
        let json = json.to_string();
        // Writing to a String cannot fail.
        let _ = match fold::folded(&json) {
            _ if mark == "end" => writeln!(text, "{place} end"),
            Some(folded) => writeln!(text, "{place} {mark}z {folded}"),
            None => writeln!(text, "{place} {mark} {json}"),
        };
    }
}

impl Said {
    fn read(mark: &str, json: &str) -> Option<Self> {
        let mut fields: Value = serde_json::from_str(json).ok()?;
        if mark.is_empty() {
            return Some(Self::Message(fields));
        }
        let data = match (fields.get_mut("text").map(Value::take), fields.get("base64")) {
            (Some(Value::String(text)), _) => text.into_bytes(),
            (_, Some(Value::String(text))) => base64::engine::general_purpose::STANDARD.decode(text).ok()?,
            _ => return None,
        };
        match mark {
            "#" => Some(Self::Chunk { transfer: fields.get("transfer")?.as_u64()?, data }),
            "!" => Some(Self::Noise(data)),
            _ => None,
        }
    }

    fn mark(&self) -> &'static str {
        match self {
            Self::Message(_) => "",
            Self::Chunk { .. } => "#",
            Self::Noise(_) => "!",
        }
    }

    fn written(&self) -> Value {
        let content = |data: &Vec<u8>| match std::str::from_utf8(data) {
            Ok(text) => json!({"text": text}),
            Err(_) => json!({"base64": base64::engine::general_purpose::STANDARD.encode(data)}),
        };
        match self {
            Self::Message(message) => message.clone(),
            Self::Noise(data) => content(data),
            Self::Chunk { transfer, data } => {
                let mut written = content(data);
                if let Value::Object(fields) = &mut written {
                    fields.insert("transfer".to_owned(), json!(transfer));
                }
                written
            }
        }
    }

    /// The method of a request or a notification.
    pub(super) fn method(&self) -> Option<&str> {
        match self {
            Self::Message(message) => message.get("method").and_then(Value::as_str),
            Self::Chunk { .. } | Self::Noise(_) => None,
        }
    }

    /// The contents of a message: parameters, result or error.
    pub(super) fn contents_mut(&mut self) -> Option<&mut Value> {
        let Self::Message(Value::Object(message)) = self else { return None };
        let key = ["params", "result", "error"].into_iter().find(|key| message.contains_key(*key))?;
        message.get_mut(key)
    }

    /// The contents of a message.
    pub(super) fn contents(&self) -> Option<&Value> {
        let Self::Message(Value::Object(message)) = self else { return None };
        ["params", "result", "error"].into_iter().find_map(|key| message.get(key))
    }
}
