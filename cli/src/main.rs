//! `hib`: Python sessions in sandboxes, at the terminal.
//!
//! ```text
//!  main ── args: what was typed ──▶ a module for each subcommand ──▶ Exit: the code that tells how it went
//!                                     run/, bench/
//! ```
//!
//! | for | see |
//! |---|---|
//! | what can be typed | `args`, and `args.rs` of each subcommand |
//! | exit codes | `exit` |
//! | how an error is told | `failure` |
//! | which backend, sandbox and session a subcommand works in | `place` |
//! | the terminal: output, input, signals | `terminal/` |
//!
//! A subcommand is a module with its arguments and one function that gives `Result<Exit, Failure>`.

mod args;
mod bench;
mod exit;
mod failure;
mod place;
mod run;
mod terminal;
mod time;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};
use exit::Exit;
use failure::Failure;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        // `--help` and `--version` come this way too. That nobody reads what it prints is no concern of its.
        Err(answer) => {
            let _ = answer.print();
            return if answer.use_stderr() { Exit::USAGE } else { Exit::OK }.into();
        }
    };
    let ended = match &args.command {
        Command::Run(args) => run::run(args),
        Command::Bench(args) => bench::bench(args),
    };
    ended.unwrap_or_else(Failure::tell).into()
}
