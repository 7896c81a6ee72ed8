//! What the wire and the tasks fail with, as errors of the contract.

use std::time::Duration;

use hibernaculum_core::{CheckpointError, ConfigError, Error, SessionError, Source, TransportError};

use crate::wire::{HandshakeError, RpcError, WireError};

/// A failure of the wire, while something was being done ("connecting to the supervisor").
pub(crate) fn wire(error: WireError, doing: &str) -> Error {
    match error {
        WireError::Stream(source) => broken(doing, source),
        WireError::Torn { .. } => broken(doing, error),
        WireError::Handshake(error) => handshake(error),
        // Our own message, which was not sent: what the caller put into it is too much, and the connection is unharmed.
        WireError::TooLong { bytes, limit } => ConfigError::Invalid {
            field: "request".to_owned(),
            value: format!("a message of {bytes} bytes"),
            rule: format!("must have at most {limit} bytes; large data goes through files"),
        }
        .into(),
        other => TransportError::Protocol { violation: other.to_string(), source: Some(other.into()) }.into(),
    }
}

/// A connection that broke.
pub(crate) fn broken(doing: &str, source: impl Into<Source>) -> Error {
    TransportError::Broken { doing: doing.to_owned(), source: Some(source.into()) }.into()
}

/// A connection that ended.
pub(crate) fn ended(doing: &str) -> Error {
    TransportError::Broken { doing: doing.to_owned(), source: None }.into()
}

/// An answer, but to something else.
pub(crate) fn mistaken(doing: &str) -> Error {
    let violation = format!("asked to {doing}, a session answered something else");
    TransportError::Protocol { violation, source: None }.into()
}

/// What a session told that cannot be.
pub(crate) fn untrue(violation: String) -> Error {
    TransportError::Protocol { violation, source: None }.into()
}

/// No answer in time.
pub(crate) fn timeout(doing: &str, after: Duration) -> Error {
    let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    TransportError::Timeout { doing: doing.to_owned(), after_ms }.into()
}

/// A handshake that failed on this side.
pub(crate) fn handshake(error: HandshakeError) -> Error {
    match error {
        HandshakeError::Version { .. } | HandshakeError::Digest { .. } => {
            TransportError::Version { mismatch: error.to_string() }.into()
        }
        other => TransportError::Secret { problem: other.to_string() }.into(),
    }
}

/// A handshake that the runner refused.
pub(crate) fn refused(error: &RpcError) -> Error {
    let told = error.explain();
    match told.code.as_str() {
        "transport.version" => TransportError::Version { mismatch: told.what }.into(),
        "transport.secret" => TransportError::Secret { problem: told.what }.into(),
        "session.start" => {
            let problem = if told.why.is_empty() { told.what } else { told.why };
            SessionError::Start { problem, source: None }.into()
        }
        "checkpoint.unknown" => {
            let doing = "going on from a live checkpoint".to_owned();
            CheckpointError::Refused { doing, problem: told.what }.into()
        }
        _ => TransportError::Protocol {
            violation: format!("it refused the connection: {}", told.what),
            source: None,
        }
        .into(),
    }
}
