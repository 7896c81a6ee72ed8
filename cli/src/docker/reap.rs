//! `hib reap`: containers whose programs have ended, removed.

use clap::Args;
use hibernaculum::docker::Reaped;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::run::{no_runtime, runtime};
use crate::terminal::say;

const EXAMPLES: &str = "\
Examples:
  hib reap --dry-run     what was left behind, and why
  hib reap               removes it

A program that lives keeps its containers, however old they are. Where that cannot be
seen from here (another machine at the same engine), they go when their TTL is over.";

/// Remove containers that programs left behind
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReapArgs {
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,

    /// Print one JSON list instead of lines
    #[arg(long)]
    json: bool,
}

/// The whole of `hib reap`.
pub(crate) fn reap(args: &ReapArgs) -> Result<Exit, Failure> {
    let reaping = hibernaculum::docker::reap(None, args.dry_run);
    let reaped = runtime().map_err(|error| no_runtime(&error))?.block_on(reaping)?;
    say(&if args.json { as_json(&reaped) } else { as_lines(&reaped, args.dry_run) })?;
    Ok(Exit::OK)
}

fn as_json(reaped: &[Reaped]) -> String {
    let list: Vec<_> = reaped
        .iter()
        .map(|left| json!({"name": left.name, "sandbox": left.sandbox, "why": left.why}))
        .collect();
    format!("{}\n", serde_json::Value::from(list))
}

fn as_lines(reaped: &[Reaped], is_dry: bool) -> String {
    if reaped.is_empty() {
        return "nothing was left behind\n".to_owned();
    }
    let deed = if is_dry { "would be removed" } else { "removed" };
    let lines: Vec<_> = reaped.iter().map(|left| format!("{} {deed}: {}", left.name, left.why)).collect();
    lines.join("\n") + "\n"
}
