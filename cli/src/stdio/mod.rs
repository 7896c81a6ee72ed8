//! `hib stdio`: sessions for programs of any language, through a subprocess.
//!
//! ```text
//!  stdin ─ lines ─▶ message: a request ─▶ a task for each: methods ─▶ the backends
//!  stdout ◀ lines ─ answers, events ◀──────┘
//! ```
//!
//! JSON-RPC 2.0, one message a line; `docs/stdio.md` is the specification. Every request is served by a task of its own, so that an interrupt
//! gets through while code runs. Whoever does not read stdout holds the writers up, and with them the code; stdin is read all the same, until too
//! much is under way.

mod adoption;
mod books;
mod checkpoints;
mod files;
mod lines;
mod message;
mod methods;
mod names;
mod numbers;
mod parameters;
mod server;
mod shapes;
mod snapshots;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::task::JoinSet;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::BackendArgs;
use crate::terminal::{Signals, Wish};

use lines::{Input, Line, Writer};
use server::Server;

/// Serve sessions to a program: JSON-RPC 2.0 on stdin and stdout, one message a line
///
/// The end of stdin closes everything. Logs and diagnostics go to stderr. See docs/stdio.md for the methods.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sandbox.create\"}' | hib stdio")]
pub(crate) struct StdioArgs {
    #[command(flatten)]
    backend: BackendArgs,
}

/// Requests that are served at once; more are refused.
const AT_ONCE: usize = 1000;
/// Bytes of such requests, together.
const BYTES_AT_ONCE: usize = 256 << 20;

/// The whole of `hib stdio`.
pub(crate) fn stdio(args: &StdioArgs) -> Result<Exit, Failure> {
    // One thread: a request and its answer never wait for another one to wake up.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| not_started(&error))?;
    let exit = runtime.block_on(serve(args));
    // A thread may be waiting in a read of a terminal: it is not waited for.
    runtime.shutdown_background();
    exit
}

fn not_started(error: &std::io::Error) -> Failure {
    let how = "close other programs, or raise the limits of this one";
    Failure::new(Exit::NO_SESSION, "stdio.start", "`hib stdio` cannot start", error.to_string(), how)
}

async fn serve(args: &StdioArgs) -> Result<Exit, Failure> {
    let writer = Writer::stdout();
    let server = Arc::new(Server::new(args.backend.clone(), Arc::clone(&writer)));
    let mut input = Input::stdin();
    let mut signals = Signals::new().map_err(|error| not_started(&error))?;
    let (mut tasks, mut refusals) = (JoinSet::new(), JoinSet::new());
    let mut bytes = 0;
    // One future each, for the whole time: nothing but a line wakes this loop where all is well.
    let (mut wish, mut closed) = (pin!(signals.next()), pin!(writer.closed()));
    let exit = loop {
        tokio::select! {
            // Whoever reads no refusals is sent no more of them; signals get through all the same.
            line = input.next(), if refusals.len() < AT_ONCE => match line {
                Line::Text(text) if is_too_much(&mut tasks, &mut bytes, text.len()) => {
                    while refusals.try_join_next().is_some() {}
                    if let Some(answer) = message::busy(&text, AT_ONCE) {
                        refusals.spawn(refuse(Arc::clone(&writer), answer));
                    }
                }
                Line::Text(text) => {
                    let server = Arc::clone(&server);
                    bytes += text.len();
                    tasks.spawn(async move {
                        server.serve(&text).await;
                        text.len()
                    });
                }
                Line::TooLong => {
                    refusals.spawn(refuse(Arc::clone(&writer), message::too_long(lines::LONGEST)));
                }
                Line::End => break Exit::OK,
            },
            Some(_) = refusals.join_next(), if refusals.len() >= AT_ONCE => {}
            () = &mut closed => break Exit::OK,
            wish = &mut wish => break match wish {
                Wish::Interrupt => Exit::INTERRUPTED,
                Wish::End(exit) => exit,
            },
        }
    };
    wind_up(&server, &mut tasks, &mut refusals).await;
    Ok(exit)
}

/// Whether a line of that length is one too many. Calls that have been answered are forgotten first.
fn is_too_much(tasks: &mut JoinSet<usize>, bytes: &mut usize, length: usize) -> bool {
    while let Some(done) = tasks.try_join_next() {
        *bytes = bytes.saturating_sub(done.unwrap_or_default());
    }
    tasks.len() >= AT_ONCE || *bytes + length > BYTES_AT_ONCE
}

async fn refuse(writer: Arc<Writer>, answer: message::Answer) {
    writer.send(&answer).await;
}

/// How long answers wait for somebody who reads them, at the end.
const DRAINING: Duration = Duration::from_secs(5);

/// Ends what there is, and what was still being made.
async fn wind_up(server: &Server, tasks: &mut JoinSet<usize>, refusals: &mut JoinSet<()>) {
    server.close().await;
    // What ran has been ended with its sandbox: its answers go out, if anybody reads them.
    let draining = async {
        while refusals.join_next().await.is_some() {}
        while tasks.join_next().await.is_some() {}
    };
    let _ = tokio::time::timeout(DRAINING, draining).await;
    // What is not made by now is given up, and what was made meanwhile is ended.
    tasks.shutdown().await;
    server.close().await;
}

#[cfg(all(test, feature = "local"))]
mod tests {
    use clap::Parser;
    use hibernaculum::{LocalBackend, SandboxSpec};
    use tokio::sync::oneshot;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: StdioArgs,
    }

    #[tokio::test]
    async fn a_sandbox_that_is_being_made_at_the_end_is_ended() {
        let backend = LocalBackend::builder().build().unwrap();
        let Line { args } = Line::parse_from(["hib"]);
        let server = Arc::new(Server::new(args.backend, Writer::stdout()));
        let (made, id) = oneshot::channel();
        let (mut tasks, mut refusals) = (JoinSet::new(), JoinSet::new());
        let (host, books) = (Arc::clone(&backend), Arc::clone(&server));
        // As a `sandbox.create` does; it begins when `wind_up` first waits, and what there is has been ended.
        tasks.spawn(async move {
            let info = host.create(SandboxSpec::default()).await.unwrap();
            books.enter_sandbox(info.id, &host);
            made.send(info.id).unwrap();
            0
        });
        wind_up(&server, &mut tasks, &mut refusals).await;
        let id = id.await.expect("it is made while answers are waited for");
        assert_eq!(backend.get(&id).await.unwrap_err().code(), "sandbox.unknown");
    }
}
