//! Reading an envelope.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

use super::{Id, RpcError};
use crate::wire::error::{Violation, WireError};

/// How deeply arrays and objects may be nested in one message, the message itself included.
pub const MAX_DEPTH: usize = 128;

/// One message, as far as everybody must understand it. What it carries is raw JSON out of the frame.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// The other side asks, and waits for a response with this id.
    Request {
        /// What the response must name.
        id: Id,
        /// What is asked for.
        method: Cow<'a, str>,
        /// With what; `{}` where the message has none.
        params: &'a RawValue,
    },
    /// The other side tells, and waits for nothing.
    Notification {
        /// What is told.
        method: Cow<'a, str>,
        /// With what; `{}` where the message has none.
        params: &'a RawValue,
    },
    /// The answer to a request of ours.
    Response {
        /// The request's id.
        id: Id,
        /// Its result, or why there is none.
        outcome: Result<&'a RawValue, RpcError>,
    },
    /// An error without an id: the other side could not read a message of ours.
    Complaint {
        /// What it says.
        error: RpcError,
    },
}

/// Reads one message frame.
///
/// ```
/// use hibernaculum_engine::wire::{Id, Incoming, rpc};
///
/// let message = rpc::parse(br#"{"jsonrpc":"2.0","id":1,"result":{"answer":42},"later":"ignored"}"#)?;
/// let Incoming::Response { id: Id::Number(1), outcome: Ok(raw) } = message else { panic!() };
/// assert_eq!(raw.get(), r#"{"answer":42}"#);
/// # Ok::<(), hibernaculum_engine::wire::WireError>(())
/// ```
///
/// # Errors
///
/// A [`Violation`]: not UTF-8, a batch, too deep, not JSON, a key twice, an id that is none, or neither a request, a
/// notification nor a response.
pub fn parse(frame: &[u8]) -> Result<Incoming<'_>, WireError> {
    let text = std::str::from_utf8(frame).map_err(Violation::NotUtf8)?;
    if nests_deeper_than(frame, MAX_DEPTH) {
        return Err(Violation::TooDeep { limit: MAX_DEPTH }.into());
    }
    if text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('[') {
        return Err(Violation::Batch.into());
    }
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(Violation::Malformed)?;
    Ok(envelope.sort().map_err(Violation::Envelope)?)
}

/// Reads a result in one pass, where the message is a runner's plain answer to this very request. `None`: [`parse`] shall read it, whatever it is.
///
/// The envelope and what it carries are otherwise read one after the other, which walks through the result twice: a third of what the host spends on a
/// short execution's answer.
///
/// ```
/// use hibernaculum_engine::wire::{messages::Interrupted, rpc};
///
/// let frame = br#"{"jsonrpc":"2.0","id":4,"result":{"delivered":true}}"#;
/// assert_eq!(rpc::result_of(frame, 4), Some(Interrupted { delivered: true }));
/// assert_eq!(rpc::result_of::<Interrupted>(frame, 5), None); // it answers another request
/// ```
pub fn result_of<'a, T: Deserialize<'a>>(frame: &'a [u8], id: u64) -> Option<T> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Answer<T> {
        #[serde(rename = "jsonrpc")]
        _version: de::IgnoredAny,
        id: u64,
        result: T,
    }

    if !frame.starts_with(br#"{"jsonrpc":"2.0","id":"#) || opening_brackets(frame) > MAX_DEPTH {
        return None;
    }
    let answer: Answer<T> = serde_json::from_str(std::str::from_utf8(frame).ok()?).ok()?;
    (answer.id == id).then_some(answer.result)
}

#[derive(serde::Deserialize)]
#[expect(clippy::option_option, reason = "an id that is null is not an id that is missing")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Name<'a>>,
    #[serde(default, deserialize_with = "present")]
    id: Option<Option<Id>>,
    #[serde(borrow, default)]
    method: Option<Name<'a>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<RpcError>,
}

impl<'a> Envelope<'a> {
    /// Which of the kinds this is, by the members that are there.
    fn sort(self) -> Result<Incoming<'a>, &'static str> {
        if self.jsonrpc.is_none_or(|version| version.0 != "2.0") {
            return Err("`jsonrpc` is not \"2.0\"");
        }
        match (self.method, self.id, self.result, self.error) {
            (Some(Name(method)), id, None, None) => {
                let params = self.params.unwrap_or_else(no_params);
                if !params.get().starts_with('{') {
                    return Err("`params` is not an object");
                }
                match id {
                    None => Ok(Incoming::Notification { method, params }),
                    Some(Some(id)) => Ok(Incoming::Request { id, method, params }),
                    Some(None) => Err("the `id` of a request is null"),
                }
            }
            (None, Some(Some(id)), Some(result), None) => Ok(Incoming::Response { id, outcome: Ok(result) }),
            (None, Some(Some(id)), None, Some(error)) => Ok(Incoming::Response { id, outcome: Err(error) }),
            (None, None | Some(None), None, Some(error)) => Ok(Incoming::Complaint { error }),
            (None, _, None, None) => Err("neither `method`, nor `result`, nor `error`"),
            (None, _, Some(_), Some(_)) => Err("both `result` and `error`"),
            (None, _, Some(_), None) => Err("a `result` without an `id`"),
            (Some(_), _, _, _) => Err("a `method` beside a `result` or an `error`"),
        }
    }
}

/// What stands for parameters that are not there.
fn no_params<'a>() -> &'a RawValue {
    serde_json::from_str("{}").unwrap_or(RawValue::NULL)
}

/// A name that is borrowed where it has no escapes. (serde borrows `Cow` only where it is not inside an `Option`.)
pub(crate) struct Name<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

/// Tells a member that is `null` from one that is not there.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Whether arrays and objects nest deeper than `limit`. serde's own limit does not hold for what is skipped or kept raw.
///
/// Few messages have as many as `limit` brackets, and counting those is done many bytes at a time; only the others are
/// walked through with an eye on strings.
fn nests_deeper_than(json: &[u8], limit: usize) -> bool {
    if opening_brackets(json) <= limit {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// How many `[` and `{` there are, in strings or not. They differ in one bit; sums of one byte let the compiler use vectors.
fn opening_brackets(json: &[u8]) -> usize {
    let in_piece = |piece: &[u8]| piece.iter().map(|byte| u8::from(byte | 0x20 == b'{')).sum::<u8>();
    json.chunks(usize::from(u8::MAX)).map(|piece| usize::from(in_piece(piece))).sum()
}

#[cfg(test)]
#[path = "incoming_tests.rs"]
mod tests;
