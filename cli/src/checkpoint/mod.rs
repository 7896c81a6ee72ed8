//! `hib checkpoint`: sessions that outlive `hib`.
//!
//! ```text
//!  save NAME, restore WHICH ─▶ `hib run`, with `--checkpoint-after` or `--from`
//!  list, show, rm ───────────▶ the backend's store: no session, and no Python
//!  prune ────────────────────▶ the store itself: no backend
//! ```

mod args;
mod find;
mod prune;
mod show;

use std::sync::Arc;

use hibernaculum::Backend;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::run::{self, no_runtime, runtime};
use crate::terminal::say;

pub(crate) use args::CheckpointArgs;
use args::{Deed, ListArgs, RmArgs, ShowArgs};
pub(crate) use find::find;

/// The whole of `hib checkpoint`.
pub(crate) fn checkpoint(args: CheckpointArgs) -> Result<Exit, Failure> {
    match args.deed {
        Deed::Save(save) => run::run(&save.run.saving(save.name)),
        Deed::Restore(restore) => run::run(&restore.run.from(restore.checkpoint)),
        Deed::List(args) => in_runtime(list(args)),
        Deed::Show(args) => in_runtime(show(args)),
        Deed::Rm(args) => in_runtime(rm(args)),
        Deed::Prune(args) => in_runtime(prune::prune(args)),
    }
}

fn in_runtime(doing: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    runtime().map_err(|error| no_runtime(&error))?.block_on(doing)
}

async fn list(args: ListArgs) -> Result<Exit, Failure> {
    let backend = args.backend.make().await?;
    let mut listed = backend.stored_checkpoints().await?;
    listed.retain(|info| args.session.is_none_or(|session| info.session == session));
    say(&if args.json { show::json(&listed) } else { show::table(&listed) })?;
    Ok(Exit::OK)
}

async fn show(args: ShowArgs) -> Result<Exit, Failure> {
    let backend = args.backend.make().await?;
    let id = find(&backend, &args.checkpoint).await?;
    let manifest = backend.manifest(&id).await?;
    say(&if args.json { show::json(&manifest) } else { show::manifest(&manifest) })?;
    Ok(Exit::OK)
}

async fn rm(args: RmArgs) -> Result<Exit, Failure> {
    let backend: Arc<dyn Backend> = args.backend.make().await?;
    // All are found before any is deleted: a mistyped name deletes nothing.
    let mut found = Vec::new();
    for which in &args.checkpoints {
        found.push(find(&backend, which).await?);
    }
    for id in found {
        backend.delete_checkpoint(&id).await?;
        say(&format!("{id} is deleted\n"))?;
    }
    Ok(Exit::OK)
}
