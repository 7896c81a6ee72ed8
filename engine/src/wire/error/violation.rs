//! How a peer can break the protocol.

/// How the other side broke the protocol.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A frame announces more bytes than the limit. Nothing was allocated for it.
    #[error("a frame announces {bytes} bytes, the limit is {limit}")]
    FrameTooLong {
        /// What the header says.
        bytes: usize,
        /// The limit in force.
        limit: usize,
    },
    /// A binary chunk has no room for its transfer id.
    #[error("a binary chunk of {bytes} bytes has no room for its transfer id")]
    ChunkTooShort {
        /// What the header says.
        bytes: usize,
    },
    /// A message frame is not UTF-8.
    #[error("a message is not UTF-8")]
    NotUtf8(#[source] std::str::Utf8Error),
    /// A message is a JSON array; batches are not used.
    #[error("a message is a batch")]
    Batch,
    /// Arrays and objects are nested too deeply.
    #[error("a message nests its JSON deeper than {limit} levels")]
    TooDeep {
        /// The limit in force.
        limit: usize,
    },
    /// A message is not JSON, has a key twice, or a member of the envelope has the wrong type.
    #[error("a message is not JSON-RPC")]
    Malformed(#[source] serde_json::Error),
    /// A message is JSON, but neither a request, nor a notification, nor a response.
    #[error("a message is not JSON-RPC: {0}")]
    Envelope(&'static str),
    /// The parameters or the result do not have the shape that the method demands.
    #[error("the contents of `{kind}` do not have the shape that the protocol gives them")]
    Contents {
        /// The method, or the event.
        kind: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// Transfers were not kept in order.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// A message waits for raw output that does not come.
    #[error("a message says that raw output comes before it, and none comes")]
    OutputNeverCame,
    /// Text was forwarded from beyond what the session has sent, more than any connection holds.
    #[error("more than {limit} bytes of text were forwarded, and what was printed before them never came")]
    TextNeverCame {
        /// The limit in force.
        limit: usize,
    },
    /// A session asks and asks, and waits for no answer.
    #[error("more than {limit} questions wait for an answer")]
    TooManyQuestions {
        /// The limit in force.
        limit: usize,
    },
    /// A session sends what cannot be a piece of a checkpoint.
    #[error("a blob of {bytes} bytes, or one whose name is none")]
    Blob {
        /// Its length.
        bytes: u64,
    },
}

/// How a transfer broke the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// A message names a transfer of which nothing came.
    #[error("transfer {transfer} is named, and nothing of it came")]
    Unknown {
        /// The transfer that was named.
        transfer: u64,
    },
    /// A transfer id is used again: named twice, or begun again, or smaller than an earlier one.
    #[error("transfer {transfer} is used twice")]
    Used {
        /// The id.
        transfer: u64,
    },
    /// A message names a transfer before all of it came, or has a wrong count.
    #[error("transfer {transfer} has {have} bytes, and is named with {told}")]
    Length {
        /// The id.
        transfer: u64,
        /// How many bytes came.
        have: u64,
        /// How many the message tells.
        told: u64,
    },
    /// A chunk carries nothing.
    #[error("a chunk of transfer {transfer} is empty")]
    Empty {
        /// The id.
        transfer: u64,
    },
    /// The transfers that no message has named yet are too many, or too long.
    #[error("the transfers that nothing has named yet exceed {limit} {unit}")]
    TooMuch {
        /// The limit in force.
        limit: usize,
        /// What it counts: `bytes` or `transfers`.
        unit: &'static str,
    },
    /// A transfer stands for a string, and is not UTF-8.
    #[error("transfer {transfer} stands for text, and is not UTF-8")]
    NotUtf8 {
        /// The id.
        transfer: u64,
    },
    /// A text was asked for before the transfer that it names was looked up.
    #[error("transfer {transfer} has not been looked up")]
    Unresolved {
        /// The id.
        transfer: u64,
    },
}
