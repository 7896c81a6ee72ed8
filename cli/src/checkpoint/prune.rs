//! `hib checkpoint prune`: what is old is deleted, now and by hand.
//!
//! ```text
//!  rules: typed, or configured ─▶ what they do not keep ─┬─ --dry-run: told
//!                                                        └─ deleted, one by one, and told; then the store is swept
//! ```

use hibernaculum::{CheckpointInfo, CheckpointStore as _, Collected, Retention, SnapshotInfo};
use serde::Serialize;

use super::args::PruneArgs;
use super::show;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::say;

/// What `--json` prints.
#[derive(Serialize)]
struct Pruned<'a> {
    dry_run: bool,
    checkpoints: &'a [CheckpointInfo],
    snapshots: &'a [SnapshotInfo],
    /// Pieces that nothing needed, removed; and their bytes.
    removed: usize,
    freed: u64,
}

/// The whole of `hib checkpoint prune`.
pub(super) async fn prune(args: PruneArgs) -> Result<Exit, Failure> {
    let retention = args.retention();
    if retention.keeps_all() {
        return Err(no_rule());
    }
    let Some(store) = args.backend.store()? else { return Err(no_store(args.backend.name())) };
    let expired = store.expired(&retention).await?;
    let mut collected = Collected::default();
    if !args.dry_run {
        // What was told is what is deleted, whoever saves meanwhile.
        for info in &expired.checkpoints {
            store.delete_checkpoint(&info.id).await?;
        }
        for info in &expired.snapshots {
            store.delete_snapshot(&info.id).await?;
        }
        collected = store.collect(&Retention::default()).await?;
    }
    if args.json {
        let (removed, freed) = (collected.removed, collected.freed.as_u64());
        let (checkpoints, snapshots) = (&expired.checkpoints, &expired.snapshots);
        let pruned = Pruned { dry_run: args.dry_run, checkpoints, snapshots, removed, freed };
        say(&show::json(&pruned))?;
        return Ok(Exit::OK);
    }
    let what = if args.dry_run { "would be deleted" } else { "is deleted" };
    let checkpoints = expired.checkpoints.iter();
    let checkpoints = checkpoints.map(|info| (info.id.to_string(), info.created, info.size, &info.name));
    let snapshots = expired.snapshots.iter();
    let snapshots = snapshots.map(|info| (info.id.to_string(), info.created, info.size, &info.name));
    let line = |(id, created, size, name): (String, _, _, &Option<String>)| {
        show::doomed(&id, created, size, name.as_deref(), what)
    };
    let mut text: String = checkpoints.chain(snapshots).map(line).collect();
    if text.is_empty() {
        text.push_str("nothing is too old, too many or too large\n");
    }
    if collected.removed > 0 {
        text.push_str(&show::size(collected.freed));
        text.push_str(" are free again\n");
    }
    say(&text)?;
    Ok(Exit::OK)
}

fn no_rule() -> Failure {
    Failure::new(
        Exit::USAGE,
        "checkpoint.no_rule",
        "it is not said what is to be kept",
        "neither --keep, --max-age nor --max-bytes was typed, and nothing is configured: all would stay",
        "say what to keep, such as: hib checkpoint prune --keep 3 --max-age 7d",
    )
}

fn no_store(backend: &str) -> Failure {
    Failure::new(
        Exit::USAGE,
        "checkpoint.no_store",
        format!("the backend `{backend}` has no checkpoint store of its own"),
        "checkpoints of its sessions are kept where --checkpoint-store says, and nothing was said",
        "name the store: --checkpoint-store STORE, or the key `checkpoint-store` of the configuration",
    )
}
