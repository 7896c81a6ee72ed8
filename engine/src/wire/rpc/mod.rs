//! The JSON-RPC 2.0 envelope: requests, notifications, responses and errors.
//!
//! Strict where it matters (version, kinds, ids, a key given twice, depth, UTF-8), tolerant elsewhere (unknown members
//! are ignored). The contents stay raw JSON, borrowed from the frame, until somebody who knows the method asks for a
//! type: an answer is thus looked over once and read once.

mod error;
mod id;
mod incoming;
mod outgoing;

pub use error::{ErrorData, RpcError};
pub use id::Id;
pub use incoming::{Incoming, MAX_DEPTH, parse, result_of};
pub use outgoing::{failure, notification, request, response};

pub(crate) use incoming::Name;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{Violation, WireError};

/// Reads raw contents as a type; `kind` (a method, an event) goes into the error.
///
/// ```
/// use hibernaculum_engine::wire::{Incoming, messages::Interrupted, rpc};
///
/// let frame = br#"{"jsonrpc":"2.0","id":4,"result":{"delivered":true}}"#;
/// let Incoming::Response { outcome: Ok(raw), .. } = rpc::parse(frame)? else { panic!() };
/// let answer: Interrupted = rpc::contents("interrupt", raw)?;
/// assert!(answer.delivered);
/// # Ok::<(), hibernaculum_engine::wire::WireError>(())
/// ```
///
/// # Errors
///
/// [`Violation::Contents`] where the JSON has not the shape of `T`.
pub fn contents<'a, T: Deserialize<'a>>(kind: &str, raw: &'a RawValue) -> Result<T, WireError> {
    serde_json::from_str(raw.get())
        .map_err(|source| Violation::Contents { kind: kind.to_owned(), source }.into())
}
