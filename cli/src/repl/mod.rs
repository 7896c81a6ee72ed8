//! `hib repl`: a person types Python, and sees what it gives.
//!
//! ```text
//!  editor: reads until it is complete ──▶ a command? ── commands ──▶ what to show
//!    ▲   colours, completes, remembers       └─ code ── drive: events out, answers in, Ctrl-C across
//!    └──────────────────────────────────────────────────────────────────┘
//! ```
//!
//! `branches` holds the sessions and checkpoints, `undo` the ways back. The editor blocks a thread of its own (`prompt`). Where stdin is no terminal, its text
//! is cut into statements instead, and run as if each had been typed.

mod args;
mod branches;
mod commands;
mod drive;
mod editor;
mod lines;
mod prompt;
mod python;
mod tree;
mod undo;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hibernaculum::{OutputStream, RecoveryPolicy, Sandbox, Session};
use tokio::runtime::Runtime;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::Place;
use crate::run::{close, no_runtime, piped, runtime};
use crate::terminal::{Output, Signals, Wish, is_quiet, paint};

pub(crate) use args::ReplArgs;
use branches::Branches;
use commands::{Done, Scene};
use drive::Drive;
use editor::{Editor, Typed};
use lines::Lines;
use prompt::Prompt;
use undo::UndoWhen;

/// The whole of `hib repl`.
pub(crate) fn repl(args: &ReplArgs) -> Result<Exit, Failure> {
    let runtime = runtime().map_err(|error| no_runtime(&error))?;
    let mut repl = Repl::open(args, &runtime)?;
    let ended = if io::stdin().is_terminal() { repl.at_terminal(args) } else { repl.piped_in() };
    let Repl { sandbox, branches, mut output, .. } = repl;
    let place = Place { session: branches.into_one(), sandbox };
    let closed = runtime.block_on(close(place, &mut output));
    runtime.shutdown_background();
    let exit = ended?;
    closed.map(|()| exit)
}

/// The number of the last execution of a session, where it woke from a saved state.
async fn count(session: &Session) -> Result<u64, Failure> {
    match session.info().await?.checkpoint {
        Some(checkpoint) => Ok(session.backend().manifest(&checkpoint).await?.count),
        None => Ok(0),
    }
}

struct Repl<'a> {
    runtime: &'a Runtime,
    args: &'a ReplArgs,
    /// Declared first, so that they are dropped first.
    branches: Branches,
    sandbox: Sandbox,
    output: Output,
    signals: Signals,
}

impl<'a> Repl<'a> {
    fn open(args: &'a ReplArgs, runtime: &'a Runtime) -> Result<Self, Failure> {
        let (place, signals) = runtime.block_on(async {
            let mut signals = Signals::new().map_err(|error| no_runtime(&error))?;
            let place = tokio::select! {
                place = args.place.open() => place?,
                exit = signals.any() => return Err(Failure::Quiet(exit)),
            };
            Ok((place, signals))
        })?;
        let Place { session, sandbox } = place;
        let count = runtime.block_on(count(&session))?;
        let branches = Branches::new(session, count, args.place.session_spec(), args.undo);
        Ok(Self { runtime, args, branches, sandbox, output: Output::new(), signals })
    }

    /// Reads and runs, until the person leaves.
    fn at_terminal(&mut self, args: &ReplArgs) -> Result<Exit, Failure> {
        let lines = self.runtime.block_on(async { Lines::new() }).map_err(|error| no_runtime(&error))?;
        let history =
            if args.no_history { None } else { editor::history_file(|name| std::env::var_os(name)) };
        let ends = Arc::new(AtomicBool::new(false));
        let runtime = self.runtime.handle().clone();
        let (editor, here) =
            Editor::new(self.branches.session(), runtime, history, paint::is_coloured(), Arc::clone(&ends));
        let mut prompt = Prompt::new(editor, ends).map_err(|error| no_runtime(&error))?;
        if !is_quiet() {
            let info = self.runtime.block_on(self.branches.session().info())?;
            self.say(&format!(
                "Python {}, {} backend. :help helps, Ctrl-D leaves.\n",
                info.python,
                args.place.backend()
            ))?;
        }
        loop {
            here.follow(self.branches.session());
            let among = self.branches.are_many().then(|| self.branches.number());
            let typed = prompt.read(self.branches.count() + 1, among, &mut self.signals);
            match self.runtime.block_on(typed).map_err(|error| unusable(&error))? {
                Typed::Leave => return Ok(Exit::OK),
                Typed::End(exit) => return Ok(exit),
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
        let text = piped()?.replace("\r\n", "\n");
        let mut first_failure = None;
        let statements = python::statements(&text);
        if self.args.undo == UndoWhen::Auto && !commands::wants_undo(statements.iter().map(|line| &**line)) {
            self.branches.keep_no_ways();
        }
        for statement in statements {
            if let Some(exit) = self.take(&statement, None)? {
                return Ok(first_failure.unwrap_or(exit));
            }
            let exit = self.branches.last().map_or(Exit::OK, Exit::of_outcome);
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
        let Self { branches, signals, .. } = self;
        if let Err(wish) = self.runtime.block_on(unless(signals, branches.before_input())) {
            return leave(&wish);
        }
        let mut drive = Drive {
            session: self.branches.session(),
            output: &mut self.output,
            signals: &mut self.signals,
            lines,
            timeout: self.args.timeout(),
            is_over_when_lost: self.args.place.session_spec().recovery == RecoveryPolicy::None,
        };
        let ran = self.runtime.block_on(drive.run(&python::dedented(text), self.branches.count() + 1))?;
        let Some(outcome) = ran else { return Ok(None) };
        // `sys.exit()` is a person's word that it is over.
        let leaves = outcome.error.as_ref().and_then(|error| error.exit_code).is_some();
        let exit = Exit::of_outcome(&outcome);
        self.branches.ended(outcome);
        Ok(leaves.then_some(exit))
    }

    /// A command that fails costs nothing but itself.
    fn command(&mut self, line: &str) -> Result<Option<Exit>, Failure> {
        let timeout = self.args.timeout();
        let mut scene = Scene { sandbox: &self.sandbox, timeout, branches: &mut self.branches };
        let done = match self.runtime.block_on(unless(&mut self.signals, commands::run(line, &mut scene))) {
            Ok(done) => done,
            Err(wish) => return leave(&wish),
        };
        match done {
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

/// What comes of it, unless a person wishes something else first.
async fn unless<T>(signals: &mut Signals, doing: impl Future<Output = T>) -> Result<T, Wish> {
    signals.forget();
    tokio::select! {
        biased;
        wish = signals.next() => Err(wish),
        done = doing => Ok(done),
    }
}

/// Nothing was run. Whether that is all that was wished.
fn leave(wish: &Wish) -> Result<Option<Exit>, Failure> {
    match wish {
        Wish::Interrupt => Ok(None),
        Wish::End(exit) => Err(Failure::Quiet(*exit)),
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
