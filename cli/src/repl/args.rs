//! What can be typed after `hib repl`.

use std::time::Duration;

use hibernaculum::Timeout;

use super::undo::UndoWhen;
use crate::place::PlaceArgs;
use crate::time::parse_time;

const EXAMPLES: &str = "\
Examples:
  hib repl                              a session on this machine
  hib repl --preload numpy,pandas       with these imported before the first prompt
  hib repl --timeout 30s                no line takes longer
  hib repl < lines.py                   each statement, as if it had been typed

Enter runs what is complete; a block ends with an empty line. Tab completes, Ctrl-R
searches the history, Ctrl-C interrupts and keeps the state, Ctrl-D leaves. `:undo`
goes back to before the last input; `:branch` goes on in a second session.
`:help` lists the commands of the prompt.";

/// An interactive session: type Python, see what it gives
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, after_help = "`hib help repl` has examples; `:help` at the prompt lists its commands.")]
pub(crate) struct ReplArgs {
    /// How long each piece of code may take, such as 30s or 2m [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,

    /// Neither read nor write the history of earlier sessions
    #[arg(long)]
    pub(super) no_history: bool,

    /// When a way back is kept from before each input, for `:undo`
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(super) undo: UndoWhen,

    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

impl ReplArgs {
    /// A person waits, who can press Ctrl-C: so there is no limit of its own.
    pub(super) fn timeout(&self) -> Timeout {
        self.timeout.map_or(Timeout::Unlimited, Timeout::After)
    }
}
