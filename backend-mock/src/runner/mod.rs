//! A runner in Rust, over in-memory streams: it speaks the same frames as the Python one, and does what a script says.
//!
//! ```text
//!  ScriptedProvider ──start──▶ ScriptedPlace ──connect──▶ one duplex stream, and a task at its far end
//!                                  │
//!                                World ── what the tasks of one sandbox share: sessions, control's queue, files, signals
//!                                  ├─ greeting    challenge, hello, welcome
//!                                  ├─ supervisor  the control connection: interrupts, kills, credit, deaths
//!                                  ├─ process     one session: requests, the script's steps, answers
//!                                  └─ files       one connection for files
//! ```
//!
//! A new kind of request is one more arm in `process/mod.rs` (a session's) or in `supervisor.rs` (control's).

mod credit;
mod files;
pub(crate) mod greeting;
mod place;
mod process;
mod provider;
mod supervisor;
mod world;

pub use place::ScriptedPlace;
pub use provider::ScriptedProvider;
