//! Errors: what a caller can do about it decides where it stands.
//!
//! Every error answers the same questions, whatever its family:
//!
//! | question | answer |
//! |---|---|
//! | which one? | [`Error::code`], a stable string such as `session.unknown` |
//! | what happened, why, and how to go on? | [`Error::explain`] |
//! | may the same call be made again? | [`Error::retry`] |
//! | what lay beneath? | [`std::error::Error::source`] |
//!
//! [`catalogue()`] lists every code. A Python exception is not an error: it is an outcome ([`crate::Status::Failed`]).

mod catalogue;
mod checkpoint;
mod config;
mod execution;
mod explain;
mod family;
mod files;
mod sandbox;
mod session;
mod transport;
mod troubleshooting;
mod unsupported;

pub use catalogue::{CatalogueRow, catalogue, catalogue_markdown};
pub use checkpoint::CheckpointError;
pub use config::ConfigError;
pub use execution::ExecutionError;
pub use explain::{Explanation, Retry, Source};
pub use files::FilesError;
pub use sandbox::SandboxError;
pub use session::SessionError;
pub use transport::TransportError;
pub use troubleshooting::troubleshooting_markdown;
pub use unsupported::Unsupported;

/// Everything that a call of the contract can fail with.
///
/// ```
/// use hibernaculum_core::{Error, SessionError, SessionId};
/// let error = Error::from(SessionError::Unknown { session: SessionId::new() });
/// assert_eq!(error.code(), "session.unknown");
/// assert!(error.explain().how.contains("open"));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sandbox: it could not be made, is not there, or is gone.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The session: unknown, closed, crashed, busy.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// One execution, or an answer to its question.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file of the sandbox.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The way to the sandbox: connections, the protocol, the handshake.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// What the caller asked for makes no sense, whatever the backend.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What the caller asked for makes sense, but not on this backend.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
}

/// The same question to whichever family the error is of.
macro_rules! ask {
    ($error:expr, $inner:ident => $answer:expr) => {
        match $error {
            Error::Sandbox($inner) => $answer,
            Error::Session($inner) => $answer,
            Error::Execution($inner) => $answer,
            Error::Checkpoint($inner) => $answer,
            Error::Files($inner) => $answer,
            Error::Transport($inner) => $answer,
            Error::Config($inner) => $answer,
            Error::Unsupported($inner) => $answer,
        }
    };
}

impl Error {
    /// The stable code, such as `session.unknown`: what programs compare.
    pub fn code(&self) -> &'static str {
        ask!(self, inner => inner.code())
    }

    /// What, why, how and details: what people read, and what goes over a wire.
    pub fn explain(&self) -> Explanation {
        ask!(self, inner => inner.explain())
    }

    /// Whether the same call may be made again.
    ///
    /// ```
    /// use hibernaculum_core::{Error, Retry, SessionError, SessionId};
    ///
    /// let error = Error::from(SessionError::Unknown { session: SessionId::new() });
    /// match error.retry() {
    ///     Retry::Safe => println!("at once"),
    ///     Retry::After(time) => println!("in {time:?}"),
    ///     _ => println!("not as it was"),
    /// }
    /// ```
    pub fn retry(&self) -> Retry {
        ask!(self, inner => inner.retry())
    }

    /// The error that an explanation tells of, for those who got it from afar: over a wire, or out of a file. What lay beneath it is not
    /// told, and so it has no source. `None`: this version does not know the code, or a particular is missing.
    ///
    /// ```
    /// use hibernaculum_core::{Error, SessionError, SessionId};
    ///
    /// let error: Error = SessionError::Unknown { session: SessionId::new() }.into();
    /// let again = Error::told(&error.explain()).expect("the catalogue has it");
    /// assert_eq!(again.explain(), error.explain());
    /// ```
    pub fn told(explanation: &Explanation) -> Option<Self> {
        None.or_else(|| SandboxError::told(explanation).map(Self::Sandbox))
            .or_else(|| SessionError::told(explanation).map(Self::Session))
            .or_else(|| ExecutionError::told(explanation).map(Self::Execution))
            .or_else(|| CheckpointError::told(explanation).map(Self::Checkpoint))
            .or_else(|| FilesError::told(explanation).map(Self::Files))
            .or_else(|| TransportError::told(explanation).map(Self::Transport))
            .or_else(|| ConfigError::told(explanation).map(Self::Config))
            .or_else(|| Unsupported::told(explanation).map(Self::Unsupported))
    }
}
