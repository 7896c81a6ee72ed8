//! `hib` as people meet it: the real program, its exact output and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod bench;
mod config;
mod docs;
mod doctor;
mod driver;
mod endings;
mod errors;
mod files;
mod flood;
mod input;
mod json;
mod notebooks;
mod quiet;
mod repl;
mod scripts;
mod signals;
mod snippets;
mod stdio;
mod terminal;
mod version;
