//! The files of `docs/wire`, as types.

use std::fs;
use std::path::PathBuf;

use hibernaculum_engine::wire::{Frame, Text};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Deserialize)]
pub(crate) struct Valid {
    pub(crate) name: String,
    pub(crate) from: String,
    pub(crate) def: String,
    pub(crate) message: Value,
    pub(crate) again: Option<Value>,
}

#[derive(Deserialize)]
pub(crate) struct Invalid {
    pub(crate) name: String,
    pub(crate) def: Option<String>,
    pub(crate) text: String,
    pub(crate) error: String,
}

#[derive(Deserialize)]
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) hex: String,
    pub(crate) frames: Vec<Expected>,
    pub(crate) error: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Expected {
    Message { message: String },
    Chunk { transfer: u64, data: String },
}

#[derive(Deserialize)]
pub(crate) struct Sequence {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Deserialize)]
pub(crate) struct Step {
    pub(crate) chunk: Option<u64>,
    pub(crate) data: Option<String>,
    pub(crate) text: Option<Text>,
    pub(crate) is: Option<String>,
    pub(crate) error: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Proofs {
    pub(crate) name: String,
    pub(crate) secret: String,
    pub(crate) role: String,
    pub(crate) session: Option<String>,
    pub(crate) challenge_nonce: String,
    pub(crate) hello_nonce: String,
    pub(crate) host: String,
    pub(crate) runner: String,
}

pub(crate) fn wire(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/wire").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn vectors<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let vectors: Vec<T> = serde_json::from_str(&wire(&format!("vectors/{file}"))).unwrap();
    assert!(!vectors.is_empty(), "{file} is empty");
    vectors
}

pub(crate) fn valid() -> Vec<Valid> {
    ["handshake.json", "control.json", "session.json", "checkpoint.json", "files.json"]
        .into_iter()
        .flat_map(vectors)
        .collect()
}

pub(crate) fn schema() -> Value {
    serde_json::from_str(&wire("schema.json")).unwrap()
}

/// Bytes from hexadecimal digits, which may be grouped.
pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    hex::decode(digits.replace(' ', "")).unwrap()
}

impl From<Expected> for Frame {
    fn from(expected: Expected) -> Self {
        match expected {
            Expected::Message { message } => Self::Message(message.into_bytes().into()),
            Expected::Chunk { transfer, data } => Self::Chunk { transfer, data: unhex(&data).into() },
        }
    }
}
