//! Wire cassettes: what passed between an engine and a real runner, in a file, and played again to a real engine.
//!
//! ```text
//!  record:  engine ══ WireRecorder: a tap on each connection ══ any Provider's places       ──▶ WireCassette ──▶ FILE
//!  replay:  engine ══ WirePlayer: handshakes of its own, then the recorded frames           ◀── WireCassette ◀── FILE
//!  compare: WireCassette::differences(anew): what the runner said to what, without times and pieces
//! ```
//!
//! Codec, engine and actors run for real on every replay; under tokio's paused clock it takes no time, and no Python.
//!
//! What came from the runner is played when everything that the host had said before it has been said again: so an answer waits for its question, and
//! what followed an interrupt for the interrupt. Notifications that only pace (`watch`, `credit`) are not on a cassette and hold up nothing.

mod compare;
mod director;
mod entry;
mod fold;
mod plain;
mod player;
mod recorder;
mod tidy;

pub(crate) use entry::Welcomed;
pub use entry::WireCassette;
pub use player::{WireAccount, WirePlace, WirePlayer};
pub use recorder::{TappedPlace, WireRecorder};
