//! What a session tells while it works.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use super::{Notice, RawJson, Stream, null_is_zero};
use crate::wire::error::WireError;
use crate::wire::rpc::Name;
use crate::wire::text::{CarriesText, Text, VisitText};

/// The parameters of the notification `event`.
///
/// ```
/// use hibernaculum_engine::wire::messages::Event;
///
/// let event: Event = serde_json::from_str(r#"{"event":"sparkle","execution":1}"#)?;
/// let Event::Unknown(raw) = event else { panic!() };      // of a newer runner: kept, not refused
/// assert_eq!(raw.get(), r#"{"event":"sparkle","execution":1}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Text that was printed.
    Output(Printed),
    /// Something to show.
    Display(Display),
    /// An event that this version does not know; all of its parameters.
    Unknown(RawJson),
}

impl Notice for Event {
    const METHOD: &'static str = "event";

    fn read(params: &RawValue) -> Result<Self, serde_json::Error> {
        let json = params.get();
        let name = match leading_name(json) {
            Some(name) => Cow::Borrowed(name),
            None => serde_json::from_str::<Tag<'_>>(json)?.event.0,
        };
        match &*name {
            "output" => serde_json::from_str(json).map(Self::Output),
            "display" => serde_json::from_str(json).map(Self::Display),
            _ => Ok(Self::Unknown(RawJson::from(params))),
        }
    }
}

/// Text that user code printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
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

/// Something to show, in several forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Display {
    /// The execution that shows it; 0 where none was running.
    #[serde(deserialize_with = "null_is_zero")]
    pub execution: u64,
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// The forms, by MIME type; binary ones in base64.
    #[serde(deserialize_with = "each_key_once")]
    pub data: BTreeMap<String, Text>,
    /// What the shower says of them.
    #[serde(default)]
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// What a later update names.
    #[serde(default)]
    pub display_id: Option<String>,
    /// Whether it replaces what was shown with this `display_id`.
    #[serde(default)]
    pub update: bool,
    /// Whether it shows the value with which its execution ends. Not sent where it does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub result: bool,
    /// How much raw output of fd 1 and fd 2 came before.
    pub raw: [u64; 2],
    /// How much text came before.
    pub text_pos: u64,
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    event: Name<'a>,
}

/// The event's name where it is the first member, which is where runners put it: it saves a walk through all of the text.
fn leading_name(params: &str) -> Option<&str> {
    let (name, _) = params.strip_prefix(r#"{"event":""#)?.split_once('"')?;
    (!name.contains('\\')).then_some(name)
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let params = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(&params).map_err(de::Error::custom)
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tagged<'a, T> {
            event: &'static str,
            #[serde(flatten)]
            params: &'a T,
        }

        match self {
            Self::Output(params) => Tagged { event: "output", params }.serialize(serializer),
            Self::Display(params) => Tagged { event: "display", params }.serialize(serializer),
            Self::Unknown(raw) => raw.serialize(serializer).map_err(ser::Error::custom),
        }
    }
}

impl CarriesText for Event {
    fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError> {
        match self {
            Self::Output(printed) => visit(&mut printed.text),
            Self::Display(display) => display.data.values_mut().try_for_each(visit),
            Self::Unknown(_) => Ok(()),
        }
    }
}

/// A map in which a key that comes twice is an error: which of the two would count, senders and receivers may not agree.
fn each_key_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Text>, D::Error> {
    struct Once;

    impl<'de> de::Visitor<'de> for Once {
        type Value = BTreeMap<String, Text>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of texts")
        }

        fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, text)) = entries.next_entry::<String, Text>()? {
                if map.contains_key(&key) {
                    return Err(de::Error::custom(format_args!("the key {key:?} comes twice")));
                }
                map.insert(key, text);
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Once)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &str =
        r#""execution":null,"stream":"stderr","pos":1,"bytes":2,"raw":[3,4],"at":5,"text":"x""#;

    #[test]
    fn an_event_is_told_by_its_name_wherever_the_name_stands() {
        for json in [
            format!(r#"{{"event":"output",{FIELDS}}}"#),
            format!(r#"{{ "event" : "output", {FIELDS} }}"#),
            format!(r#"{{{FIELDS},"event":"output"}}"#),
            format!(r#"{{"event":"\u006futput",{FIELDS}}}"#),
        ] {
            let event: Event = serde_json::from_str(&json).unwrap();
            let Event::Output(printed) = event else { panic!("{json}") };
            assert_eq!((printed.execution, printed.stream, printed.raw), (0, Stream::Stderr, [3, 4]));
        }
    }

    #[test]
    fn an_event_without_a_name_or_with_two_is_refused() {
        for json in ["{}", r#"{"event":7}"#, r#"{"at":1,"event":"a","event":"b"}"#] {
            assert!(serde_json::from_str::<Event>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn an_event_is_read_from_a_value_as_well() {
        let value = serde_json::json!({ "event": "sparkle", "n": 1 });
        let event: Event = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(event).unwrap(), value);
    }
}
