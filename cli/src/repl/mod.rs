//! `hib repl`: a person types Python, and sees what it gives.
//!
//! ```text
//!  editor: reads until it is complete ──▶ a command? ── commands ──▶ what to show
//!    ▲   colours, completes, remembers       └─ code ── drive: events out, answers in, Ctrl-C across
//!    └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The editor blocks the main thread; while it does nothing of ours runs but the session's own tasks. Where stdin is no terminal, its text
//! is cut into statements instead, and run as if each had been typed.

mod args;
mod commands;
mod drive;
mod editor;
mod lines;
mod python;

use std::io::{self, IsTerminal as _, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hibernaculum::{Outcome, OutputStream};
use tokio::runtime::Runtime;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::Place;
use crate::run::{close, no_runtime, runtime};
use crate::terminal::{Output, Signals, Wish, is_quiet, paint};

pub(crate) use args::ReplArgs;
use commands::{Done, Scene};
use drive::Drive;
use editor::{Editor, Typed};
use lines::Lines;

/// The whole of `hib repl`.
pub(crate) fn repl(args: &ReplArgs) -> Result<Exit, Failure> {
    let runtime = runtime().map_err(|error| no_runtime(&error))?;
    let mut repl = Repl::open(args, &runtime)?;
    let ended = if io::stdin().is_terminal() { repl.at_terminal(args) } else { repl.piped_in() };
    let Repl { place, mut output, .. } = repl;
    let closed = runtime.block_on(close(place, &mut output));
    runtime.shutdown_background();
    let exit = ended?;
    closed.map(|()| exit)
}

struct Repl<'a> {
    runtime: &'a Runtime,
    args: &'a ReplArgs,
    place: Place,
    output: Output,
    signals: Signals,
    /// How the last piece of code ended.
    last: Option<Outcome>,
    count: u64,
}

impl<'a> Repl<'a> {
    fn open(args: &'a ReplArgs, runtime: &'a Runtime) -> Result<Self, Failure> {
        let (place, signals) = runtime.block_on(async {
            let mut signals = Signals::new().map_err(|error| no_runtime(&error))?;
            let place = tokio::select! {
                place = args.place.open() => place?,
                wish = signals.next() => return Err(Failure::Quiet(match wish {
                    Wish::Interrupt => Exit::INTERRUPTED,
                    Wish::End(exit) => exit,
                })),
            };
            Ok((place, signals))
        })?;
        Ok(Self { runtime, args, place, output: Output::new(), signals, last: None, count: 0 })
    }

    /// Reads and runs, until the person leaves.
    fn at_terminal(&mut self, args: &ReplArgs) -> Result<Exit, Failure> {
        let lines = self.runtime.block_on(async { Lines::new() }).map_err(|error| no_runtime(&error))?;
        let history =
            if args.no_history { None } else { editor::history_file(|name| std::env::var_os(name)) };
        // The prompt blocks this thread: another task listens, and breaks it off.
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let mut listener =
            self.runtime.block_on(async { Signals::new() }).map_err(|error| no_runtime(&error))?;
        self.runtime.spawn(async move {
            listener.end().await;
            told.store(true, Ordering::Relaxed);
        });
        let runtime = self.runtime.handle().clone();
        let mut editor = Editor::new(&self.place.session, runtime, history, paint::is_coloured(), ends);
        if !is_quiet() {
            let info = self.runtime.block_on(self.place.session.info())?;
            self.say(&format!(
                "Python {}, {} backend. :help helps, Ctrl-D leaves.\n",
                info.python,
                args.place.backend()
            ))?;
        }
        loop {
            match editor.read(self.count + 1).map_err(|error| unusable(&error))? {
                Typed::Leave => return Ok(Exit::OK),
                Typed::End => return Ok(self.runtime.block_on(self.signals.end())),
                Typed::Nothing => {}
                Typed::Text(text) => {
                    if let Some(exit) = self.take(&text, Some(&lines))? {
                        return Ok(exit);
                    }
                }
            }
        }
    }

    /// Runs the statements of stdin. Gives the code of the first that failed.
    fn piped_in(&mut self) -> Result<Exit, Failure> {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map_err(|error| unusable(&error))?;
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        let mut first_failure = None;
        for statement in python::statements(&text) {
            if let Some(exit) = self.take(&statement, None)? {
                return Ok(first_failure.unwrap_or(exit));
            }
            let exit = self.last.as_ref().map_or(Exit::OK, Exit::of_outcome);
            if exit != Exit::OK {
                first_failure.get_or_insert(exit);
            }
        }
        Ok(first_failure.unwrap_or(Exit::OK))
    }

    /// Runs code, or a command; `Some`: the person leaves.
    fn take(&mut self, text: &str, lines: Option<&Lines>) -> Result<Option<Exit>, Failure> {
        if commands::is_command(text) {
            return self.command(text);
        }
        if text.trim().is_empty() {
            return Ok(None);
        }
        let mut drive = Drive {
            session: &self.place.session,
            output: &mut self.output,
            signals: &mut self.signals,
            lines,
            timeout: self.args.timeout(),
        };
        let outcome = self.runtime.block_on(drive.run(text, self.count + 1))?;
        // `sys.exit()` is a person's word that it is over.
        let leaves = outcome.error.as_ref().and_then(|error| error.exit_code).is_some();
        self.count = outcome.count;
        let exit = Exit::of_outcome(&outcome);
        self.last = Some(outcome);
        Ok(leaves.then_some(exit))
    }

    /// A command that fails costs nothing but itself.
    fn command(&mut self, line: &str) -> Result<Option<Exit>, Failure> {
        let Place { session, sandbox } = &self.place;
        let scene = Scene { session, sandbox, last: self.last.as_ref() };
        match self.runtime.block_on(commands::run(line, &scene)) {
            Ok(Done::Say(text)) => self.say(&text).map(|()| None),
            Ok(Done::Leave) => Ok(Some(Exit::OK)),
            Err(failure) => {
                failure.tell();
                Ok(None)
            }
        }
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.runtime.block_on(self.output.write(OutputStream::Stdout, text))
    }
}

fn unusable(error: &io::Error) -> Failure {
    Failure::new(
        Exit::NO_INPUT,
        "input.unreadable",
        "the prompt cannot be read",
        "the terminal refused what a line editor needs of it, or is gone",
        "see whether TERM names your terminal; code can also be piped in",
    )
    .because(error)
}
