//! The host's half of the tunnel: byte streams to a supervisor that outlive the WebSockets which carry them.
//!
//! ```text
//!  engine ══ TunnelStream ══ pump ── outbox, inbox ── link ══ WebSocket ══> door: port proxy, or preview URL
//!                             ^                         │
//!                             └──── road: a new link ◀──┘ lost
//! ```
//!
//! | file | is |
//! |---|---|
//! | `door` | one way in, and the WebSocket that is opened through it |
//! | `hello` | what both sides say first, and prove |
//! | `link` | one WebSocket, once greeted: the messages of `docs/tunnel.md` |
//! | `outbox`, `inbox` | the bytes of either direction, counted and kept until the other side has taken them |
//! | `pump` | one task for each stream: moves bytes between engine and link, and goes on over the next link after a break |
//! | `road` | how the next link is had: backoff, patience, what the service says of the sandbox |
//!
//! Engine and session see no break: their bytes wait. At most [`WINDOW`] bytes in either direction are on the way that the other end has not taken.

mod door;
mod hello;
mod inbox;
mod link;
mod outbox;
mod pump;
mod road;
#[cfg(test)]
mod tests;

pub(crate) use door::{Door, Knock};
pub(crate) use hello::{Ask, Greeting};
pub(crate) use link::Link;
pub(crate) use pump::TunnelStream;
pub(crate) use road::{Inquiry, Road};

/// How many bytes of one direction may be on the way without having been taken.
const WINDOW: u64 = 8 << 20;
/// How many bytes are taken until the other side is told.
const ACKNOWLEDGE: u64 = 256 << 10;
