//! The error member of a response: JSON-RPC's integer and our four parts.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// What every error says: a stable code, what happened, why, and how to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorData {
    /// A stable, dotted code, such as `session.unknown`. Empty where the sender gave none.
    pub code: String,
    /// What happened.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do about it.
    pub how: String,
}

/// An error that the other side answered with, or that we answer with.
///
/// ```
/// use hibernaculum_engine::wire::RpcError;
///
/// let error = RpcError::unknown_method("levitate");
/// assert_eq!(error.code, -32601);
/// assert_eq!(error.explain().code, "transport.protocol");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RpcError {
    /// JSON-RPC's integer.
    pub code: i64,
    /// What happened, in words.
    #[serde(default)]
    pub message: String,
    /// The four parts. `None` where the sender gave none, or something of another shape.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "data_or_none")]
    pub data: Option<Box<ErrorData>>,
}

impl RpcError {
    /// The message is not JSON.
    pub const PARSE: i64 = -32700;
    /// The message is JSON, but no request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// Nobody here knows the method.
    pub const UNKNOWN_METHOD: i64 = -32601;
    /// The method's parameters are of the wrong shape.
    pub const INVALID_PARAMS: i64 = -32602;
    /// Every other error; `data.code` tells which.
    pub const OTHER: i64 = -32000;

    /// An error with the four parts; its message is `data.what`.
    ///
    /// ```
    /// use hibernaculum_engine::wire::{ErrorData, RpcError};
    ///
    /// let data = ErrorData { code: "session.unknown".into(), what: "there is no such session".into(), ..ErrorData::default() };
    /// let error = RpcError::new(RpcError::OTHER, data);
    /// assert_eq!(error.to_string(), "there is no such session");
    /// ```
    pub fn new(code: i64, data: ErrorData) -> Self {
        Self { code, message: data.what.clone(), data: Some(Box::new(data)) }
    }

    /// The answer to a request whose method nobody here knows.
    pub fn unknown_method(method: &str) -> Self {
        Self::new(
            Self::UNKNOWN_METHOD,
            ErrorData {
                code: "transport.protocol".into(),
                what: format!("there is no method {method:?}"),
                why: "the other side is newer, or mistaken".into(),
                how: "ask for what the handshake's features list".into(),
            },
        )
    }

    /// The four parts, made up from code and message where the sender gave none.
    pub fn explain(&self) -> ErrorData {
        match &self.data {
            Some(data) if !data.code.is_empty() => ErrorData::clone(data),
            _ => ErrorData {
                code: "transport.protocol".into(),
                what: self.message.clone(),
                why: format!("the other side answered with JSON-RPC error {}", self.code),
                how: "look at the runner's log".into(),
            },
        }
    }
}

/// Errors may come from anybody's implementation: a `data` of another shape is not a reason to lose the error.
fn data_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<ErrorData>>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).ok())
}
