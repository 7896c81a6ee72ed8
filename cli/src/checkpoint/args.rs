//! What can be typed after `hib checkpoint`.

use clap::{Args, Subcommand};
use hibernaculum::SessionId;

use crate::place::BackendArgs;
use crate::run::RunArgs;

const EXAMPLES: &str = "\
Examples:
  hib checkpoint save trained train.py     run it, then save what it defined
  hib checkpoint list
  hib checkpoint show trained              what is in it, what is not, and why
  hib checkpoint restore trained -c 'model.predict([1, 2])'
  hib repl --from trained                  go on by hand
  hib checkpoint rm trained

WHICH is a name (the newest of that name), an id, or the beginning of one.
docs/portable.md tells what a checkpoint can hold, docs/checkpoint-store.md where it
is kept.";

/// Save sessions, look at what was saved, and go on from there
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckpointArgs {
    #[command(subcommand)]
    pub(super) deed: Deed,
}

#[derive(Debug, Subcommand)]
pub(super) enum Deed {
    Save(SaveArgs),
    List(ListArgs),
    Show(ShowArgs),
    Restore(RestoreArgs),
    Rm(RmArgs),
}

/// Run Python as `hib run` does, and save the session when all of it has run to its end
#[derive(Debug, Args)]
pub(super) struct SaveArgs {
    /// What the checkpoint is called
    pub(super) name: String,

    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// List what is saved, the oldest first
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only checkpoints of this session
    #[arg(long, value_name = "ID")]
    pub(super) session: Option<SessionId>,

    /// Print one JSON list instead of a table
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) backend: BackendArgs,
}

/// Tell what is in a checkpoint, what is not, and why
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Which: a name, an id, or the beginning of one
    #[arg(value_name = "WHICH")]
    pub(super) checkpoint: String,

    /// Print one JSON object instead of a page
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) backend: BackendArgs,
}

/// Run Python as `hib run` does, in a session that begins with a saved state
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// Which: a name, an id, or the beginning of one
    #[arg(value_name = "WHICH")]
    pub(super) checkpoint: String,

    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// Delete checkpoints
#[derive(Debug, Args)]
pub(super) struct RmArgs {
    /// Which: names, ids, or the beginnings of ids
    #[arg(value_name = "WHICH", required = true)]
    pub(super) checkpoints: Vec<String>,

    #[command(flatten)]
    pub(super) backend: BackendArgs,
}
