//! `hib` as people meet it: the real program, its exact output and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod bench;
mod driver;
mod endings;
mod errors;
mod files;
mod input;
mod json;
mod notebooks;
mod scripts;
mod signals;
mod snippets;
mod terminal;
mod version;
