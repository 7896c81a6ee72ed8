//! The wire: what the host and the runner say to each other, as types.
//!
//! Everything here is pure: bytes in, values out. Nobody opens a socket, spawns a task or looks at a clock, so each
//! module can be read, tested and fuzzed alone. The specification is `docs/protocol.md`; its frozen form
//! (`docs/wire/schema.json` and the vectors beside it) is read by the tests of this crate and of the Python runner.
//!
//! ```text
//!            ┌───────────────────────── bytes of one connection ─────────────────────────┐
//!  incoming  │ frame::FrameCodec ──Message──> rpc::parse ──> Incoming ──> messages::*    │
//!            │        └────────────Chunk────> text::Transfers ──resolve──> their Text    │
//!  outgoing  │ messages::* ──text::Splitter──> chunks, rpc::request ──> frame::FrameCodec│
//!            └───────────────────────────────────────────────────────────────────────────┘
//!              handshake: the first three messages       correlate: which answer is whose
//! ```
//!
//! Whatever arrives is hostile: sizes and depth are bounded before memory is spent, unknown fields are ignored, unknown
//! kinds are kept as `Unknown`, and no input panics.

pub mod correlate;
pub mod error;
pub mod frame;
pub mod handshake;
pub mod messages;
pub mod rpc;
pub mod text;

pub use correlate::{Pending, Unmatched};
pub use error::{HandshakeError, TransferError, Violation, WireError};
pub use frame::{Frame, FrameCodec};
pub use handshake::{Expected, HostHello, Nonce, Secret};
pub use rpc::{ErrorData, Id, Incoming, RpcError};
pub use text::{Splitter, Text, Transfers};
