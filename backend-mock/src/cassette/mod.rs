//! Cassettes: the calls of a run against a real backend, in a file, and played again without one.
//!
//! ```text
//!  record:  code under test ──▶ Recorder ──▶ any Backend            ──▶ FILE.yaml: calls, answers, events
//!  replay:  code under test ──▶ Cassette ◀── FILE.yaml                  the same calls, or a difference that is shown
//!                    Taped: which of the two, by HIBERNACULUM_RECORD
//! ```
//!
//! A file is YAML of version 1, made to be read and compared: ids are numbered as they are met, times and figures are taken out, output is merged, secrets
//! are gone (`<redacted>`). A call that changed gives a difference.

mod content;
mod player;
mod recorder;
mod redaction;
mod stream;
mod tape;
mod taped;

pub use player::Cassette;
pub use recorder::Recorder;
pub use taped::{Record, Taped};
