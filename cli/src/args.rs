//! What can be typed: the subcommands, and what all of them share.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Parser, Subcommand};
use hibernaculum::runner;

use crate::bench::BenchArgs;
use crate::branch::BranchArgs;
use crate::checkpoint::CheckpointArgs;
use crate::config::ConfigArgs;
#[cfg(feature = "docker")]
use crate::docker::{image::ImageArgs, reap::ReapArgs};
use crate::doctor::DoctorArgs;
use crate::repl::ReplArgs;
use crate::run::RunArgs;
use crate::shell::{CompletionsArgs, ManArgs};
use crate::stdio::StdioArgs;
use crate::terminal::{ColourWhen, Manner};

const AFTER: &str = "\
Examples:
  hib run -c 'x = 41' -c 'x + 1'   42: one session, kept between cells
  hib run analysis.ipynb           a notebook, cell by cell
  hib repl                         an interactive session
  hib branch setup.py a.py b.py    one set-up, two scripts that go on from it
  hib doctor                       what works on this machine
  hib help run                     more examples, and the exit codes

What no flag says, the environment (HIBERNACULUM_BACKEND, HIBERNACULUM_PYTHON …) and a
configuration file do: `hib config` shows it. Errors say what, why and how.";

/// Python sessions in sandboxes, at the terminal.
#[derive(Debug, Parser)]
#[command(
    name = "hib",
    version,
    long_version = LONG_VERSION.as_str(),
    after_help = AFTER,
    arg_required_else_help = true,
    infer_subcommands = true,
    max_term_width = 110
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) manner: MannerArgs,
}

/// How `hib` behaves, whatever it does.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How it behaves")]
pub(crate) struct MannerArgs {
    /// Say only what the code prints, and errors: no remarks, no progress
    #[arg(
        long,
        short,
        global = true,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        action = clap::ArgAction::Set,
        hide_possible_values = true,
        hide_default_value = true
    )]
    quiet: bool,

    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "The configuration file [env: HIBERNACULUM_CONFIG] [default: ~/.config/hib/config.toml]"
    )]
    // Read before anything else is: see `config`.
    config: Option<PathBuf>,

    /// When to use colours
    #[arg(long, visible_alias = "color", global = true, value_name = "WHEN", value_enum, default_value_t)]
    colour: ColourWhen,
}

impl MannerArgs {
    /// Behaves so from now on.
    pub(crate) fn adopt(&self) {
        Manner { is_quiet: self.quiet, colour: self.colour }.adopt();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Repl(ReplArgs),
    Branch(BranchArgs),
    Checkpoint(CheckpointArgs),
    Bench(BenchArgs),
    #[cfg(feature = "docker")]
    Image(ImageArgs),
    #[cfg(feature = "docker")]
    Reap(ReapArgs),
    Doctor(DoctorArgs),
    Config(ConfigArgs),
    Stdio(StdioArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
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
