//! `hib`: Python sessions in sandboxes, at the terminal.
//!
//! ```text
//!  main ── args: what was typed ──▶ a module for each subcommand ──▶ Exit: the code that tells how it went
//!                                     run/, repl/, branch/, checkpoint/, bench/, stdio/, doctor/, config/, docker/, shell
//! ```
//!
//! | for | see |
//! |---|---|
//! | what can be typed | `args`, and `args.rs` of each subcommand |
//! | exit codes | `exit` |
//! | how an error is told | `failure`; a bug, `panic` |
//! | what holds where no flag is typed | `config/` |
//! | which backend, sandbox and session a subcommand works in | `place` |
//! | what comes back after a crash | `recovery` |
//! | the terminal: output, input, signals | `terminal/` |
//!
//! A subcommand is a module with its arguments and one function that gives `Result<Exit, Failure>`.

mod args;
mod bench;
mod branch;
mod checkpoint;
mod config;
#[cfg(feature = "docker")]
mod docker;
mod doctor;
mod exit;
mod failure;
mod panic;
mod place;
mod recovery;
mod repl;
mod run;
mod shell;
mod size;
mod stdio;
mod terminal;
mod time;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use args::{Args, Command};
use config::Config;
use exit::Exit;
use failure::Failure;

fn main() -> ExitCode {
    panic::guard(|| hib().unwrap_or_else(Failure::tell)).into()
}

/// Reads what was typed, and does it.
fn hib() -> Result<Exit, Failure> {
    let (args, config) = match read()? {
        Ok(read) => read,
        // `--help` and `--version` come this way too. That nobody reads what it prints is no concern of its.
        Err(answer) => {
            let _ = answer.print();
            return Ok(if answer.use_stderr() { Exit::USAGE } else { Exit::OK });
        }
    };
    args.manner.adopt();
    match args.command {
        Command::Run(args) => run::run(&args),
        Command::Repl(args) => repl::repl(&args),
        Command::Branch(args) => branch::branch(&args),
        Command::Bench(args) => bench::bench(&args),
        #[cfg(feature = "docker")]
        Command::Image(args) => docker::image::image(args),
        #[cfg(feature = "docker")]
        Command::Reap(args) => docker::reap::reap(&args),
        Command::Checkpoint(args) => checkpoint::checkpoint(args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Config(args) => config::config(&args, &config),
        Command::Stdio(args) => stdio::stdio(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
    }
}

/// What was typed, and what holds where nothing was. Read twice: which file to look at is typed, too.
fn read() -> Result<Result<(Args, Config), clap::Error>, Failure> {
    let typed = match Args::command().try_get_matches() {
        Ok(typed) => typed,
        Err(answer) => return Ok(Err(answer)),
    };
    let config = match typed.subcommand_name() {
        // A shell that starts up asks for them: a mistake in the file must not break that.
        Some("completions" | "man") => Config::default(),
        _ => Config::load(&typed, |name| std::env::var_os(name))?,
    };
    let mut command = config.apply(Args::command());
    let args = command.try_get_matches_from_mut(std::env::args_os());
    let args = args.and_then(|matches| Args::from_arg_matches(&matches));
    Ok(args.map(|args| (args, config)).map_err(|error| error.format(&mut command)))
}
