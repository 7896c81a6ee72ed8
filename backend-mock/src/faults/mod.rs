//! Faults on purpose: seeded, and written down as data, so that a failing seed and its plan fail again.
//!
//! ```text
//!  caller ──▶ Faulty: delays, errors by code, lost answers, slow readers ──▶ any Backend
//!                                                                              │ the engine
//!                                  any Place ◀── FaultyPlace: bytes, frames, starts, deaths, interrupts
//! ```
//!
//! What a [`Chance`](When::Chance) decides depends on the plan's seed, the fault's place in the plan, and how often the fault was asked: never
//! on how tasks happened to run.

mod call;
mod dice;
mod error;
mod place;
mod plan;
mod slow;
mod when;

pub use call::Faulty;
pub use error::InjectedError;
pub use place::{
    At, CrashBy, Damage, Direction, FaultyPlace, FaultyProvider, PlaceFault, PlaceFaults, Road, StreamFault,
};
pub use plan::{CallFault, CallFaults, FaultyCall};
pub use when::When;

pub(crate) use dice::Dice;
