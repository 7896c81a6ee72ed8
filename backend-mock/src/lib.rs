//! The mock backend: for the tests of programs that use sandboxes. In memory, without Python, and without waiting.
//!
//! | to test | use |
//! |---|---|
//! | which calls a program makes, one by one | mockall mocks of the traits: [`mocks`] and its `MockBackend` |
//! | what a program does with what code prints, asks, raises, how long it takes | a [`Script`] and its [`ScriptedBackend`] |
//! | what a program does with a real backend, without having it | a [`cassette`], recorded once |
//! | what an engine does with a real place, without having it | a [`wire`] cassette |
//! | what a program does when things go wrong | [`faults`]: around any backend, or below its engine |
//!
//! `docs/mock.md` tells more about when to use which.

pub mod cassette;
mod duration;
pub mod faults;
mod frames;
mod ids;
mod layer;
pub mod mocks;
mod runner;
mod script;
mod scripted;
mod signals;
pub mod wire;
mod yaml;

pub use runner::{ScriptedPlace, ScriptedProvider};
pub use script::{
    Crash, Ending, Exception, Frame, Matcher, Pause, Reaction, Rule, Scene, Script, ScriptedValue, Step,
    Times, when,
};
pub use scripted::{Account, ScriptedBackend};
