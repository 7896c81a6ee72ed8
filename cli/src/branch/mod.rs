//! `hib branch`: a script runs once, and then others from the state that it left, each in a branch of its own.
//!
//! ```text
//!                                      ┌─ branch ─ a.py ─┐
//!  SETUP ─▶ a live checkpoint of it ─┼─ branch ─ b.py ─┼─▶ lines, led by names ─▶ one printer; the greatest exit code
//!                                      └─ branch ─ c.py ─┘
//! ```

mod args;
mod label;
mod script;

use std::path::Path;

use futures_util::StreamExt as _;
use hibernaculum::{CheckpointId, CheckpointKind, CheckpointRequest, OutputStream};
use tokio::sync::{mpsc, watch};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::Place;
use crate::run::{Job, close, no_runtime, nothing_to_run, read_file, runtime};
use crate::terminal::{Output, Signals, Wish};

pub(crate) use args::BranchArgs;
use script::{Manner, Running};

/// Pieces of output that wait for the printer.
const WAITING: usize = 64;

/// The whole of `hib branch`.
pub(crate) fn branch(args: &BranchArgs) -> Result<Exit, Failure> {
    // All are read before anything runs: a name that is mistyped shall not cost the set-up.
    let setup = read(&args.setup)?;
    let scripts = args.scripts.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let runtime = runtime().map_err(|error| no_runtime(&error))?;
    let ended = runtime.block_on(in_place(args, setup, scripts));
    runtime.shutdown_background();
    ended
}

/// What is to be run, and what its lines are led by.
struct Named {
    name: String,
    job: Job,
}

fn read(path: &Path) -> Result<Named, Failure> {
    let job = read_file(path, &[])?;
    if job.cells.is_empty() {
        return Err(nothing_to_run(&job.name));
    }
    Ok(Named { name: path.display().to_string(), job })
}

async fn in_place(args: &BranchArgs, setup: Named, scripts: Vec<Named>) -> Result<Exit, Failure> {
    let mut signals = Signals::new().map_err(|error| no_runtime(&error))?;
    let place = tokio::select! {
        place = args.place.open() => place?,
        exit = signals.any() => return Err(Failure::Quiet(exit)),
    };
    let mut output = Output::new();
    let ended = driven(args, &place, setup, scripts, &mut signals, &mut output).await;
    close(place, &mut output).await?;
    ended
}

/// Does the work, prints what comes of it, and heeds signals meanwhile.
async fn driven(
    args: &BranchArgs,
    place: &Place,
    setup: Named,
    scripts: Vec<Named>,
    signals: &mut Signals,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let (printer, mut pieces) = mpsc::channel(WAITING);
    let (stop, stopped) = watch::channel(false);
    let manner = Manner { printer, stopped, timeout: args.timeout(), json: args.json };
    let mut work = std::pin::pin!(work(args, place, setup, scripts, manner));
    let ended = loop {
        tokio::select! {
            biased;
            wish = signals.next() => match wish {
                Wish::Interrupt => drop(stop.send_replace(true)),
                Wish::End(exit) => return Err(Failure::Quiet(exit)),
            },
            Some((stream, text)) = pieces.recv() => output.write(stream, &text).await?,
            ended = &mut work => break ended,
        }
    };
    while let Ok((stream, text)) = pieces.try_recv() {
        output.write(stream, &text).await?;
    }
    ended
}

/// The set-up, then all branches; gives the greatest exit code.
async fn work(
    args: &BranchArgs,
    place: &Place,
    setup: Named,
    scripts: Vec<Named>,
    manner: Manner,
) -> Result<Exit, Failure> {
    let names = scripts.iter().chain([&setup]).map(|named| named.name.chars().count());
    let width = names.max().unwrap_or_default();
    let exit = Running::new(&place.session, &setup.name, width, manner.clone()).all(setup.job, false).await?;
    if exit != Exit::OK {
        say_end(&manner, &setup.name, exit).await;
        return Ok(exit);
    }
    let from = place.session.checkpoint(CheckpointRequest::new(CheckpointKind::Live)).await?;
    for warning in &from.warnings {
        let told = (OutputStream::Stderr, format!("hib: warning: {warning}\n"));
        let _ = manner.printer.send(told).await;
    }
    let branches = scripts.into_iter().map(|script| {
        let manner = manner.clone();
        async move {
            let name = script.name.clone();
            // A branch that fails costs no other.
            let exit = one(args, place, &from.id, script, width, &manner).await.unwrap_or_else(Failure::tell);
            if exit != Exit::OK {
                say_end(&manner, &name, exit).await;
            }
            exit
        }
    });
    let exits = futures_util::stream::iter(branches).buffer_unordered(args.jobs());
    Ok(exits.fold(Exit::OK, |worst, exit| std::future::ready(worst.max(exit))).await)
}

/// One script, in a branch that is there for it alone.
async fn one(
    args: &BranchArgs,
    place: &Place,
    from: &CheckpointId,
    script: Named,
    width: usize,
    manner: &Manner,
) -> Result<Exit, Failure> {
    if *manner.stopped.borrow() {
        return Ok(Exit::INTERRUPTED);
    }
    let session = place.session.branch_with(from, args.place.session_spec()).await?;
    let ended = Running::new(&session, &script.name, width, manner.clone()).all(script.job, true).await;
    session.close().await?;
    ended
}

async fn say_end(manner: &Manner, name: &str, exit: Exit) {
    let told = format!("hib: {name} ended with exit code {}\n", exit.code());
    let _ = manner.printer.send((OutputStream::Stderr, told)).await;
}
