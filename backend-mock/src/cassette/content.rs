//! What is in a file, as a cassette has it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    Text(String),
    Base64(String),
}

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    /// `None`: it was written by hand, and wrongly.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Base64(text) => STANDARD.decode(text).ok(),
        }
    }

    /// As a text that can be searched and compared, whatever it is.
    pub(super) fn as_text(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Base64(_) => latin(&self.bytes().unwrap_or_default()).into(),
        }
    }

    /// Changes that text.
    pub(super) fn edit(&mut self, edit: impl FnOnce(&mut Value)) {
        let mut text = self.as_text();
        edit(&mut text);
        let text = text.as_str().unwrap_or_default();
        match self {
            Self::Text(kept) => text.clone_into(kept),
            Self::Base64(kept) => {
                let bytes: Vec<u8> =
                    text.chars().filter_map(|character| u8::try_from(character).ok()).collect();
                *kept = STANDARD.encode(bytes);
            }
        }
    }
}

/// Bytes as a text, a character each.
pub(super) fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_can_be_edited_as_one() {
        let mut content = Content::of(b"\xff\x00key=\xc3\xa4\x80");
        assert!(matches!(content, Content::Base64(_)), "{content:?}");
        content.edit(|text| *text = text.as_str().unwrap().replace(&latin("ä".as_bytes()), "?").into());
        assert_eq!(content.bytes().unwrap(), b"\xff\x00key=?\x80");
    }
}
