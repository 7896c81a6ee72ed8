//! What can be typed: the subcommands, and what all of them share.

use std::sync::LazyLock;

use clap::{Parser, Subcommand};
use hibernaculum::runner;

use crate::bench::BenchArgs;
use crate::run::RunArgs;

/// Python sessions in sandboxes, at the terminal.
#[derive(Debug, Parser)]
#[command(
    name = "hib",
    version,
    long_version = LONG_VERSION.as_str(),
    after_help = "Errors say what, why and how. `hib help run` tells the exit codes.",
    arg_required_else_help = true,
    infer_subcommands = true,
    max_term_width = 110
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Bench(BenchArgs),
}

/// `hib --version`: what has to fit together. The runner's digest is what the handshake compares.
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}\nprotocol {}\nrunner {}",
        env!("CARGO_PKG_VERSION"),
        runner::PROTOCOL_VERSION,
        runner::digest()
    )
});

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Args::command().debug_assert();
    }
}
