//! What can be typed after `hib checkpoint`.

use std::time::Duration;

use clap::{Args, Subcommand};
use hibernaculum::{ByteSize, Retention, SessionId};

use crate::place::BackendArgs;
use crate::run::RunArgs;
use crate::size::parse_size;
use crate::time::parse_time;

const EXAMPLES: &str = "\
Examples:
  hib checkpoint save trained train.py     run it, then save what it defined
  hib checkpoint list
  hib checkpoint show trained              what is in it, what is not, and why
  hib checkpoint restore trained -c 'model.predict([1, 2])'
  hib repl --from trained                  go on by hand
  hib checkpoint rm trained
  hib checkpoint prune --keep 3 --max-age 7d --dry-run

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
    Prune(PruneArgs),
}

/// Delete old checkpoints, and free what nothing needs any more
///
/// Without --keep, --max-age and --max-bytes, what the configuration says of these is kept: see `hib config`. What a deleted checkpoint held is removed
/// by a prune, or a save, that comes an hour later or more: another program may be about to save the same.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    hib checkpoint prune --keep 3                 the newest three of each session, and of each name\n  \
    hib checkpoint prune --max-age 7d --dry-run   only tell what is older")]
pub(super) struct PruneArgs {
    /// Keep the newest N of each session, and of each name
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    /// Keep what is no older, such as 12h or 7d; snapshots, too
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    max_age: Option<Duration>,

    /// Keep the newest that take no more than so much together, such as 500MB or 2GiB; snapshots, too
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_bytes: Option<ByteSize>,

    /// Delete nothing, only tell what would be deleted
    #[arg(long, short = 'n')]
    pub(super) dry_run: bool,

    /// Print one JSON object instead of lines
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) backend: BackendArgs,
}

impl PruneArgs {
    /// What was asked for here, or else what is configured.
    pub(super) fn retention(&self) -> Retention {
        if (self.keep, self.max_age, self.max_bytes) == (None, None, None) {
            return self.backend.retention();
        }
        let mut retention = Retention::default();
        retention.keep_last = self.keep.and_then(|count| usize::try_from(count).ok());
        retention.keep_named = retention.keep_last;
        (retention.max_age, retention.max_bytes) = (self.max_age, self.max_bytes);
        retention
    }
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
