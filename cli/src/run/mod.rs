//! `hib run`: cells of Python, from a file, a notebook, the command line or stdin, run one after the other in one session.
//!
//! ```text
//!  args ─▶ source: what to read ─▶ script (`# %%`) │ notebook ─▶ Job: cells ─▶ drive: one after the other ─▶ Exit
//!                                                                              ├─ show: what is printed of an event
//!                                                                              └─ terminal: answers, Ctrl-C
//! ```

mod args;
mod cell;
mod drive;
mod notebook;
mod once;
mod script;
mod show;
mod source;

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::Place;
use crate::terminal::{Output, Signals};

pub(crate) use args::RunArgs;
pub(crate) use cell::{Cell, Job};
use drive::Drive;
pub(crate) use drive::FAREWELL;
pub(crate) use once::{Before, text_of};
pub(crate) use show::{remark, text, traceback};
pub(crate) use source::file as read_file;
pub(crate) use source::piped;

/// How long the end of the sandbox is waited for. What is left then is ended by itself.
const CLOSING: Duration = Duration::from_secs(10);

/// The whole of `hib run`.
pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    // Reading blocks, and Ctrl-C shall end it as it ends any program: so it comes before the runtime and the signals.
    let job = args.job()?;
    if job.cells.is_empty() {
        return Err(nothing_to_run(&job.name));
    }
    let runtime = runtime().map_err(|error| no_runtime(&error))?;
    let ended = runtime.block_on(in_session(args, job));
    // A write that nobody takes may still block one of its threads; it has nothing to say any more.
    runtime.shutdown_background();
    ended
}

/// Opens the place, runs the job in it, and closes it, whatever happened.
async fn in_session(args: &RunArgs, job: Job) -> Result<Exit, Failure> {
    let mut signals = Signals::new().map_err(|error| no_runtime(&error))?;
    let place = tokio::select! {
        place = args.place.open() => place?,
        exit = signals.any() => return Err(Failure::Quiet(exit)),
    };
    let mut output = Output::new();
    let ended = Drive::new(args, &place.session, &mut output, &mut signals).all(job).await;
    close(place, &mut output).await?;
    ended
}

/// What the job came to does not depend on how well the place was tidied up: trouble is told, no more.
pub(crate) async fn close(place: Place, output: &mut Output) -> Result<(), Failure> {
    match tokio::time::timeout(CLOSING, place.close()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(failure)) => {
            failure.tell();
            Ok(())
        }
        Err(_) => output.remark("the sandbox takes long to end; it goes on ending by itself").await,
    }
}

/// Python takes an empty program for a good one, and so does this; but a person has probably named the wrong file.
pub(crate) fn nothing_to_run(name: &str) -> Failure {
    Failure::new(
        Exit::OK,
        "input.empty",
        format!("there is nothing to run in {name}"),
        "it holds no code",
        "see whether that is what you meant to run",
    )
}

/// Two workers: one drives the session, one the terminal.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

pub(crate) fn no_runtime(error: &io::Error) -> Failure {
    Failure::new(
        Exit::BROKEN,
        "hib.runtime",
        "the runtime cannot be started",
        "the system refused a thread or a descriptor",
        "see the limits of this shell: `ulimit -a`",
    )
    .because(error)
}
