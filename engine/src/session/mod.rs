//! One session: a port that anybody may call, and an actor that owns everything else.
//!
//! ```text
//!   callers ─▶ Port ──Job──▶ ┌───────┐ ──frames──▶ session process
//!     ▲        (admission)   │ Actor │ ◀──frames──
//!     │                      │       │ ──Order──▶  control   (interrupt, kill, close, watch, credit)
//!     └──── Ring ◀──events── └───────┘ ◀──Told──── control   (raw output, forwarded text, deaths)
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`port`] | admission: who may put an execution into the queue, and what is known of the session |
//! | [`actor`] | the task: waits for whatever comes next, and never for anything in particular |
//! | [`machine`] | the life of a session as a pure state machine |
//! | [`memo`] | what a sandbox keeps of a session for the next host |
//! | [`merge`] | the two roads of output in one order, pure |
//! | [`decode`] | bytes to text, piece by piece, pure |
//! | [`ring`] | the events of one execution between the actor and its reader |
//! | [`background`] | what is written while no execution runs |
//! | [`names`] | questions about a session's names |
//! | [`state`] | what is done with the whole of a session's state |
//! | [`portable`] | portable checkpoints: names leave the session as blobs, and come back |
//! | [`outcome`] | what the wire says of an end, as the contract says it |

mod actor;
mod alarm;
mod background;
mod decode;
mod job;
mod link;
mod machine;
pub(crate) mod memo;
mod merge;
mod names;
mod outcome;
mod port;
mod portable;
mod ring;
mod state;

pub(crate) use actor::{Actor, Found, Parts, Recall, Sought, passed_over};
pub(crate) use job::Afterword;
pub(crate) use merge::{RawPiece, TextPiece};
pub(crate) use names::{Answer, Question};
pub(crate) use port::Port;
pub(crate) use portable::describe;
pub(crate) use state::StateRequest;
