//! The terminal, or whatever stands in its place: where output goes, where answers come from, what Ctrl-C means.
//!
//! None of it blocks the runtime: a reader that is slow (a pager) or a person who thinks stops neither deadlines nor Ctrl-C.

mod answers;
mod echo;
mod manner;
mod output;
pub(crate) mod paint;
mod progress;
mod signals;

pub(crate) use answers::Answers;
pub(crate) use echo::Silence;
pub(crate) use manner::{ColourWhen, Manner, is_quiet};
pub(crate) use output::{Output, say};
pub(crate) use progress::Progress;
pub(crate) use signals::{Signals, Wish};
