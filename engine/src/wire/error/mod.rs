//! What can go wrong on a connection, sorted by what the receiver of the error can do about it.
//!
//! | error | what it calls for |
//! |---|---|
//! | [`WireError::Stream`], [`WireError::Torn`] | the connection is over; ask control why |
//! | [`WireError::Violation`] | the other side is broken or hostile: end the connection |
//! | [`WireError::TooLong`] | our own message is too long: tell the caller, the connection is unharmed |
//! | [`WireError::Handshake`] | nobody to talk to: tell the caller what to change |

mod handshake;
mod violation;

pub use handshake::HandshakeError;
pub use violation::{TransferError, Violation};

use std::io;

use super::rpc::ErrorData;

/// A failure of one connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The byte stream itself failed.
    #[error("the connection's byte stream failed")]
    Stream(#[from] io::Error),

    /// The stream ended inside a frame. After the death of the process that wrote it this is expected, and the piece of
    /// a frame (dropped already) is no loss: nothing that it held was finished.
    #[error("the connection ended inside a frame, after {have} bytes of it")]
    Torn {
        /// How many bytes of the frame came, its header included.
        have: usize,
        /// How many it should have had, where its header told.
        want: Option<usize>,
    },

    /// What came breaks the protocol; nothing that follows on this connection can be trusted.
    #[error(transparent)]
    Violation(#[from] Violation),

    /// A message that was to be sent is longer than a frame may be. Nothing has been sent.
    #[error("a message of {bytes} bytes does not fit a frame of {limit}")]
    TooLong {
        /// The length of the message.
        bytes: usize,
        /// The limit that it exceeds.
        limit: usize,
    },

    /// A message that was to be sent has no JSON form. Nothing has been sent.
    #[error("a message could not be written as JSON")]
    Unwritable(#[source] serde_json::Error),

    /// The two sides did not come to terms.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

impl From<TransferError> for WireError {
    fn from(error: TransferError) -> Self {
        Self::Violation(error.into())
    }
}

impl WireError {
    /// Whether the connection ended in the middle of a frame: after a death, to be dropped without a word.
    ///
    /// ```
    /// use hibernaculum_engine::wire::{Violation, WireError};
    ///
    /// assert!(WireError::Torn { have: 3, want: None }.is_torn());
    /// assert!(!WireError::from(Violation::Batch).is_torn());
    /// ```
    pub fn is_torn(&self) -> bool {
        matches!(self, Self::Torn { .. })
    }

    /// The error in the four parts that every error of the house has: `code`, `what`, `why` and `how`.
    ///
    /// ```
    /// use hibernaculum_engine::wire::{Violation, WireError};
    ///
    /// let told = WireError::from(Violation::Batch).explain();
    /// assert_eq!(told.code, "transport.protocol");
    /// assert_eq!(told.what, "a message is a batch");
    /// ```
    pub fn explain(&self) -> ErrorData {
        let (code, why, how) = match self {
            Self::Stream(source) => {
                return ErrorData {
                    code: "transport.broken".into(),
                    what: self.to_string(),
                    why: source.to_string(),
                    how: "look at what the sandbox says of its end; a new connection may work".into(),
                };
            }
            Self::Torn { .. } => (
                "transport.broken",
                "the process at the other end died, or was cut off, while it wrote",
                "nothing: what the frame was to say is told by the process's death",
            ),
            Self::Violation(_) => (
                "transport.protocol",
                "the other side is broken, or code in the sandbox wrote to the runner's connection",
                "the connection is of no further use; open a new session",
            ),
            Self::TooLong { .. } => (
                "config.invalid",
                "a message is one frame, and a frame is bounded in both directions",
                "send less at once; large data goes through files",
            ),
            Self::Unwritable(_) => (
                "transport.protocol",
                "a value in it has no JSON form",
                "this is a defect of the host: report it",
            ),
            Self::Handshake(error) => return error.explain(),
        };
        ErrorData { code: code.into(), what: self.to_string(), why: why.into(), how: how.into() }
    }
}
