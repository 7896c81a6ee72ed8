//! Writing an envelope. Each function gives one [`Frame::Message`], which the codec checks against the frame limit.

use serde::Serialize;

use super::{Id, RpcError};
use crate::wire::error::WireError;
use crate::wire::frame::Frame;
use crate::wire::messages::{Call, Notice};

/// A request: the other side answers with a response that names `id`.
///
/// ```
/// use hibernaculum_engine::wire::{Frame, messages::Interrupt, rpc};
///
/// let frame = rpc::request(5, &Interrupt { session: "ses_1".into(), execution: 7, pid: None })?;
/// let Frame::Message(json) = frame else { panic!() };
/// assert_eq!(
///     &json[..],
///     br#"{"jsonrpc":"2.0","id":5,"method":"interrupt","params":{"session":"ses_1","execution":7}}"#
/// );
/// # Ok::<(), hibernaculum_engine::wire::WireError>(())
/// ```
///
/// # Errors
///
/// [`WireError::Unwritable`] where a value has no JSON form.
pub fn request<C: Call>(id: impl Into<Id>, params: &C) -> Result<Frame, WireError> {
    message(&Request { jsonrpc: VERSION, id: &id.into(), method: C::METHOD, params })
}

/// A notification: nobody answers.
///
/// ```
/// use hibernaculum_engine::wire::{Frame, messages::Interrupt, rpc};
///
/// let frame = rpc::notification(&Interrupt { session: "ses_1".into(), execution: 7, pid: None })?;
/// let Frame::Message(json) = frame else { panic!() };
/// assert_eq!(&json[..], br#"{"jsonrpc":"2.0","method":"interrupt","params":{"session":"ses_1","execution":7}}"#);
/// # Ok::<(), hibernaculum_engine::wire::WireError>(())
/// ```
///
/// # Errors
///
/// As for [`request`].
pub fn notification<N: Notice>(params: &N) -> Result<Frame, WireError> {
    message(&Notification { jsonrpc: VERSION, method: N::METHOD, params })
}

/// The answer to a request.
///
/// ```
/// use hibernaculum_engine::wire::{Frame, Id, rpc};
///
/// let Frame::Message(json) = rpc::response(&Id::Number(5), &true)? else { panic!() };
/// assert_eq!(&json[..], br#"{"jsonrpc":"2.0","id":5,"result":true}"#);
/// # Ok::<(), hibernaculum_engine::wire::WireError>(())
/// ```
///
/// # Errors
///
/// As for [`request`].
pub fn response<T: Serialize>(id: &Id, result: &T) -> Result<Frame, WireError> {
    message(&Response { jsonrpc: VERSION, id: Some(id), result })
}

/// The answer to a request that failed; without an id, to a message that could not be read.
///
/// ```
/// use hibernaculum_engine::wire::{Frame, Id, RpcError, rpc};
///
/// let frame = rpc::failure(Some(&Id::Number(5)), &RpcError::unknown_method("levitate"))?;
/// let Frame::Message(json) = frame else { panic!() };
/// assert!(json.starts_with(br#"{"jsonrpc":"2.0","id":5,"error":{"code":-32601,"#));
/// # Ok::<(), hibernaculum_engine::wire::WireError>(())
/// ```
///
/// # Errors
///
/// As for [`request`].
pub fn failure(id: Option<&Id>, error: &RpcError) -> Result<Frame, WireError> {
    message(&Failure { jsonrpc: VERSION, id, error })
}

const VERSION: &str = "2.0";

#[derive(Serialize)]
struct Request<'a, P> {
    jsonrpc: &'static str,
    id: &'a Id,
    method: &'static str,
    params: &'a P,
}

#[derive(Serialize)]
struct Notification<'a, P> {
    jsonrpc: &'static str,
    method: &'static str,
    params: &'a P,
}

#[derive(Serialize)]
struct Response<'a, T> {
    jsonrpc: &'static str,
    id: Option<&'a Id>,
    result: &'a T,
}

#[derive(Serialize)]
struct Failure<'a> {
    jsonrpc: &'static str,
    id: Option<&'a Id>,
    error: &'a RpcError,
}

fn message(envelope: &impl Serialize) -> Result<Frame, WireError> {
    let mut json = Vec::with_capacity(512);
    serde_json::to_writer(&mut json, envelope).map_err(WireError::Unwritable)?;
    Ok(Frame::Message(json.into()))
}
