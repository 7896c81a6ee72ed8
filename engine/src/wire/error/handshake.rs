//! Why two sides do not come to terms.

use crate::wire::rpc::{ErrorData, RpcError};

/// Why a handshake came to nothing.
///
/// ```
/// use hibernaculum_engine::wire::HandshakeError;
///
/// let told = HandshakeError::Version { ours: 2, theirs: 1 }.explain();
/// assert_eq!(told.code, "transport.version");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The two sides speak different versions of the protocol.
    #[error("the runner speaks version {theirs} of the protocol, this host version {ours}")]
    Version {
        /// The host's version.
        ours: u32,
        /// The runner's version.
        theirs: u32,
    },
    /// The two sides speak the same version, but the runner is not the one that this host ships with.
    #[error("the runner is not the one that this host ships with")]
    Digest {
        /// The digest of the runner that the host embeds.
        ours: String,
        /// The digest that the runner states.
        theirs: String,
    },
    /// A side could not prove that it knows the sandbox's secret.
    #[error("the other side does not know the sandbox's secret")]
    Proof,
    /// The first message is not the one that the handshake begins with, or a field of it is not what it should be.
    #[error("the handshake went wrong: {0}")]
    Unexpected(&'static str),
    /// A session id is not 1 to 64 characters of `[A-Za-z0-9_-]`.
    #[error("a session id is 1 to 64 characters of [A-Za-z0-9_-]")]
    SessionId,
    /// The runner refused the hello, and says why.
    #[error("the runner refused the connection")]
    Refused(#[source] RpcError),
    /// A secret, a nonce or a proof is not hexadecimal digits of the right number.
    #[error("not {digits} hexadecimal digits")]
    Hex {
        /// How many digits there should be.
        digits: usize,
    },
    /// The operating system gave no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
}

impl HandshakeError {
    /// The error in four parts; see [`WireError::explain`](super::WireError::explain).
    pub fn explain(&self) -> ErrorData {
        let (code, why, how) = match self {
            Self::Version { .. } => (
                "transport.version",
                "host and runner come from different releases",
                "let the host install its own runner (the default), or use the release that matches",
            ),
            Self::Digest { .. } => (
                "transport.version",
                "the runner's files were changed, or are those of another release",
                "remove the installed runner: the host puts its own in place",
            ),
            Self::Proof => (
                "transport.secret",
                "it is not the runner that this host started, or the sandbox's secret was mixed up",
                "create a new sandbox; to adopt one, use the key that it was created with",
            ),
            Self::Unexpected(_) => (
                "transport.protocol",
                "something else than a runner of Hibernaculum answers",
                "check what the backend connects to",
            ),
            Self::SessionId => {
                ("transport.protocol", "ids reach paths, labels and logs", "use an id of the contract")
            }
            Self::Refused(refusal) => return refusal.explain(),
            Self::Hex { .. } => ("transport.protocol", "it was cut or altered", "check where it was stored"),
            Self::Random => (
                "transport.secret",
                "without them no proof can be made: getrandom failed",
                "run on a system that has it",
            ),
        };
        ErrorData { code: code.into(), what: self.to_string(), why: why.into(), how: how.into() }
    }
}
