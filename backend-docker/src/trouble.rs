//! What bollard says, in the contract's words.

use std::io;

use bollard::errors::Error as Bollard;
use hibernaculum_core::{Error, SandboxError, Source, TransportError};

use crate::endpoint::Endpoint;

/// The status of an answer that is a refusal.
pub(crate) fn status(error: &Bollard) -> Option<u16> {
    match error {
        Bollard::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Why an engine could not be talked to at all.
pub(crate) fn unreachable(endpoint: &Endpoint, error: Bollard) -> Error {
    let (problem, reason, advice) = match kind(&error) {
        Some(io::ErrorKind::NotFound) => (
            format!("there is no {endpoint}"),
            "no engine runs here, or it listens somewhere else",
            "install and start one (`hib doctor` shows how), or name one with DOCKER_HOST or the backend's `host` setting",
        ),
        Some(io::ErrorKind::PermissionDenied) => (
            format!("{endpoint} does not let this user in"),
            "its socket belongs to another user or group",
            "join the group that may use it: sudo usermod -aG docker \"$USER\", then log in again",
        ),
        Some(io::ErrorKind::ConnectionRefused) => (
            format!("nobody listens at {endpoint}"),
            "the engine has ended, or has not come up yet",
            "start it: sudo systemctl start docker",
        ),
        _ if matches!(status(&error), Some(401 | 403)) => (
            format!("{endpoint} refuses: {error}"),
            "the engine is guarded by an authorization plugin or a proxy that does not let this program in",
            "ask whoever runs the engine for access, or name another one with DOCKER_HOST",
        ),
        _ => (
            format!("{endpoint} does not answer as an engine does: {}", with_causes(&error)),
            "what listens there is no Docker engine, or it is overloaded, or TLS is set wrongly",
            "`docker version` and `hib doctor` show what answers; DOCKER_TLS_VERIFY and DOCKER_CERT_PATH set TLS",
        ),
    };
    SandboxError::Engine {
        problem,
        reason: reason.to_owned(),
        advice: advice.to_owned(),
        source: Some(Source::new(error)),
    }
    .into()
}

/// An engine that was asked to do `step` for a start, and did not.
pub(crate) fn failed(step: &str, error: Bollard) -> Error {
    SandboxError::Start { problem: format!("{step}: {}", shown(&error)), source: Some(Source::new(error)) }
        .into()
}

/// A stream that could not be opened.
pub(crate) fn broken(doing: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    TransportError::Broken { doing: doing.to_owned(), source: Some(Source::new(error)) }.into()
}

/// The engine's own words, where there are some; they may quote what the image or its owner wrote.
pub(crate) fn shown(error: &Bollard) -> String {
    let text = match error {
        Bollard::DockerResponseServerError { message, .. } => message.clone(),
        other => other.to_string(),
    };
    text.trim()
        .chars()
        .take(2000)
        .flat_map(|c| if c.is_control() { c.escape_debug().collect() } else { vec![c] })
        .collect()
}

/// An error and what it came of, which what is connected with keeps to itself: that a certificate is unknown, for one.
fn with_causes(error: &Bollard) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !told.contains(&more) {
            told = format!("{told}: {more}");
        }
        cause = error.source();
    }
    told
}

/// What the operating system said, however deep it lies.
fn kind(error: &Bollard) -> Option<io::ErrorKind> {
    match error {
        Bollard::SocketNotFoundError(_) => return Some(io::ErrorKind::NotFound),
        // One that it passes for its own is not among its causes.
        Bollard::IOError { err } => return Some(err.kind()),
        _ => {}
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_mend_of_its_own() {
        let endpoint = Endpoint::Unix("/s".into());
        let of = |error: Bollard| unreachable(&endpoint, error).explain();
        let io = |kind: io::ErrorKind| Bollard::IOError { err: kind.into() };
        assert!(of(Bollard::SocketNotFoundError("/s".into())).how.contains("hib doctor"));
        assert!(of(io(io::ErrorKind::PermissionDenied)).how.contains("usermod"));
        assert!(of(io(io::ErrorKind::ConnectionRefused)).how.contains("systemctl start"));
        let refused = Bollard::DockerResponseServerError { status_code: 403, message: "no".into() };
        assert!(of(refused).why.contains("authorization"));
        assert!(of(Bollard::RequestTimeoutError).how.contains("docker version"));
    }

    #[test]
    fn words_of_the_engine_drive_no_terminal() {
        let error = Bollard::DockerResponseServerError { status_code: 500, message: "a\x1b[31m\n".into() };
        assert_eq!(shown(&error), "a\\u{1b}[31m");
    }
}
