//! Text: strings that are too long for a message travel beside it.
//!
//! ```text
//!  sender    Splitter::text ──> chunk, chunk, …  then the message, in it {"transfer": 3, "bytes": 2500000}
//!  receiver  Transfers::chunk <── chunk, chunk, …  then Transfers::resolve puts the string into the message
//! ```
//!
//! A sender numbers its transfers upwards. So one number, the highest seen, tells a transfer that is unknown from one
//! that was used, and what a receiver remembers does not grow with the connection's age.

mod splitter;
mod transfers;

pub use splitter::{MAX_INLINE, Splitter};
pub use transfers::{MAX_UNNAMED, MAX_UNNAMED_TRANSFERS, Transfers};

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use super::error::{TransferError, WireError};

/// A string field that may be long: the string itself, or the transfer that carried it.
///
/// ```
/// use hibernaculum_engine::wire::{Text, text::TransferRef};
///
/// let text: Text = serde_json::from_str(r#""short""#)?;
/// assert_eq!(text.as_str(), Some("short"));
/// let text: Text = serde_json::from_str(r#"{"transfer":3,"bytes":2500000}"#)?;
/// assert_eq!(text, Text::Transfer(TransferRef { transfer: 3, bytes: 2_500_000 }));
/// assert!(text.into_string().is_err()); // the transfer was not put in
/// assert_eq!(Text::from("short").into_string().ok().as_deref(), Some("short"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Text {
    /// The string.
    Inline(String),
    /// It came, or goes, beside the message.
    Transfer(TransferRef),
}

/// Names a complete transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, DeriveDeserialize)]
pub struct TransferRef {
    /// Its number.
    pub transfer: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

impl Text {
    /// The string, where it is here.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Inline(text) => Some(text),
            Self::Transfer(_) => None,
        }
    }

    /// The string; a transfer must have been resolved.
    ///
    /// # Errors
    ///
    /// [`TransferError::Unresolved`] where it was not.
    pub fn into_string(self) -> Result<String, WireError> {
        match self {
            Self::Inline(text) => Ok(text),
            Self::Transfer(named) => Err(TransferError::Unresolved { transfer: named.transfer }.into()),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Inline(String::new())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Inline(text)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Inline(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text: a string, or the transfer that carried it")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text::Inline(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Text, E> {
                Ok(Text::Inline(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
                TransferRef::deserialize(MapAccessDeserializer::new(map)).map(Text::Transfer)
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// What [`CarriesText::each_text`] calls with each text field.
pub type VisitText<'a> = dyn FnMut(&mut Text) -> Result<(), WireError> + 'a;

/// A message that has text fields.
///
/// ```
/// use hibernaculum_engine::wire::{Text, text::CarriesText};
///
/// let mut text = Text::from("winter");
/// let mut bytes = 0;
/// text.each_text(&mut |text| {
///     bytes += text.as_str().map_or(0, str::len);
///     Ok(())
/// })?;
/// assert_eq!(bytes, 6);
/// # Ok::<(), hibernaculum_engine::wire::WireError>(())
/// ```
pub trait CarriesText {
    /// Shows every text field to `visit`, and stops at its first error.
    ///
    /// # Errors
    ///
    /// Whatever `visit` returns.
    fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError>;
}

impl CarriesText for Text {
    fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError> {
        visit(self)
    }
}

#[cfg(test)]
mod tests;
