//! Faults below the engine: of starts, connections, bytes, frames, processes.
//!
//! ```text
//!  engine ══ duplex ══ Wire: one task a connection, a Lane each way ══ the place's own stream ══ supervisor
//!                        │ frames pass whole, so that a fault can be told by frame, by byte, by what it carries
//!                        └ Doom: sessions that are to die, and how; injected on control
//! ```

mod doom;
mod lane;
mod plan;
mod provider;
mod wire;

pub use plan::{At, CrashBy, Damage, Direction, PlaceFault, PlaceFaults, Road, StreamFault};
pub use provider::{FaultyPlace, FaultyProvider};
