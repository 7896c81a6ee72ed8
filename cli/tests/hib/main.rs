//! `hib` as people meet it: the real program, its exact output and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod bench;
mod branch;
mod checkpoint;
mod config;
#[cfg(feature = "docker")]
mod container_figures;
#[cfg(feature = "docker")]
mod containers;
mod docs;
mod docs_shell;
mod doctor;
mod driver;
mod endings;
mod errors;
mod files;
mod flood;
mod input;
mod json;
mod leash;
mod notebooks;
mod quiet;
#[cfg(feature = "daytona")]
mod remote;
mod repl;
mod repl_state;
mod scripts;
mod signals;
mod snippets;
mod stdio;
mod stdio_calls;
mod stdio_ends;
mod stdio_state;
mod terminal;
mod version;
