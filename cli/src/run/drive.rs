//! Runs the cells of a job, one after the other: events out, answers in, Ctrl-C across.
//!
//! ```text
//!            ┌─ the session's next event ─▶ show ─▶ finished? ─▶ the next cell, or the end
//!  a cell ───┤
//!            ├─ a line for the question that is open ─▶ answer
//!            └─ Ctrl-C ─▶ interrupt; again ─▶ the end of everything
//! ```
//!
//! After the last cell the session is saved, if it is to be. Then comes the farewell: what Python does when a program ends (`farewell.py`).

use hibernaculum::{
    CheckpointRequest, Error, EventKind, Execution, ExecutionError, ExecutionId, ExecutionRequest,
    InputToken, Outcome, OutputStream, Script, Session, StateAfter, StdinPolicy,
};

use super::args::RunArgs;
use super::cell::{Cell, Job};
use super::once::Before;
use super::show::Show;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{Answers, Output, Progress, Signals, Wish};

/// What Python does when a program ends. A session that is closed does none of it by itself.
pub(crate) const FAREWELL: &str = include_str!("farewell.py");

/// What the cells run in, and what they are shown on.
pub(super) struct Drive<'a> {
    args: &'a RunArgs,
    session: &'a Session,
    output: &'a mut Output,
    signals: &'a mut Signals,
    answers: Answers,
}

impl<'a> Drive<'a> {
    pub(super) fn new(
        args: &'a RunArgs,
        session: &'a Session,
        output: &'a mut Output,
        signals: &'a mut Signals,
    ) -> Self {
        Self { args, session, output, signals, answers: Answers::default() }
    }

    /// Runs everything; gives the code of the first cell that failed, or that `sys.exit()` asked for.
    pub(super) async fn all(mut self, job: Job) -> Result<Exit, Failure> {
        let stdin = if job.stdin_taken { StdinPolicy::Deny } else { StdinPolicy::Ask };
        let show = if self.args.json { Show::Json } else { Show::Text };
        if let Some(prelude) = job.prelude {
            self.session.execute(ExecutionRequest::new(prelude).store_history(false)).await?;
        }
        let (mut first_failure, mut lost) = (None, false);
        for Cell { code, script } in job.cells {
            let mut request = ExecutionRequest::new(code).stdin(stdin);
            request.script = script;
            let outcome = self.run(request, show).await?;
            let exit = Exit::of_outcome(&outcome);
            lost = outcome.state == StateAfter::Lost;
            // `sys.exit()` is the program's own word that it is over; a 0 is no failure, but an end.
            let said = outcome.error.is_some_and(|error| error.exit_code.is_some());
            if exit != Exit::OK {
                first_failure.get_or_insert(exit);
            }
            if said || (exit != Exit::OK && !self.args.keep_going) {
                break;
            }
        }
        if let (Some(name), None, false) = (&self.args.checkpoint_after, first_failure, lost) {
            self.save(name).await?;
        }
        let ended = if lost { Exit::OK } else { self.farewell(stdin, show).await? };
        Ok(first_failure.unwrap_or(ended))
    }

    /// Saves the session, and says as what; before the farewell, which leaves nothing to be saved.
    async fn save(&mut self, name: &str) -> Result<(), Failure> {
        let waiting = Progress::waiting(&format!("saving {name}"));
        let saved = self.session.checkpoint(CheckpointRequest::portable().name(name)).await;
        drop(waiting);
        let saved = saved?;
        self.output.remark(&format!("saved as {} ({name})", saved.id)).await?;
        for warning in &saved.warnings {
            self.output.remark(warning).await?;
        }
        // The backend does it in the background, which would end with this program.
        self.args.place.backend_args().tidy_store().await
    }

    /// Has threads waited for, `atexit` run and files closed. Of a session whose state is lost, nothing of the program is left that could do it.
    async fn farewell(&mut self, stdin: StdinPolicy, show: Show) -> Result<Exit, Failure> {
        let script = Script { filename: "<farewell>".to_owned(), first_line: 1, argv: None };
        let request = ExecutionRequest::new(FAREWELL).stdin(stdin).store_history(false).script(script);
        let outcome = self.run(request, show.without_ends()).await?;
        Ok(Exit::of_outcome(&outcome))
    }

    /// Runs one execution to its end, whoever ends it.
    async fn run(&mut self, request: ExecutionRequest, show: Show) -> Result<Outcome, Failure> {
        let request = request.timeout(self.args.timeout());
        let id = request.id;
        let execution = self.session.start(request).await?;
        tokio::select! {
            biased;
            exit = heed(self.signals, self.session, &id) => Err(Failure::Quiet(exit?)),
            outcome = watch(execution, self.session, show, self.output, &mut self.answers) => outcome,
        }
    }
}

/// Interrupts the execution as often as Ctrl-C asks for it; returns when everything is to end.
async fn heed(signals: &mut Signals, session: &Session, execution: &ExecutionId) -> Result<Exit, Failure> {
    loop {
        match signals.next().await {
            Wish::Interrupt => session.interrupt(execution).await?,
            Wish::End(exit) => return Ok(exit),
        };
    }
}

/// Shows what happens, and answers what is asked, to the end.
async fn watch(
    mut execution: Execution,
    session: &Session,
    show: Show,
    output: &mut Output,
    answers: &mut Answers,
) -> Result<Outcome, Failure> {
    let mut question: Option<InputToken> = None;
    let mut before = Before::default();
    loop {
        tokio::select! {
            event = execution.next() => {
                let Some(event) = event else {
                    return Err(execution.error().into());
                };
                if let EventKind::InputRequest { token, password, .. } = &event.kind {
                    // Before the prompt is shown: nobody shall type a password too early.
                    answers.ask(*password)?;
                    question = Some(token.clone());
                }
                if event.is_last() {
                    answers.forget();
                }
                show.event(&event, &mut before, output).await?;
                match event.kind {
                    EventKind::Finished(outcome) => return Ok(*outcome),
                    EventKind::Failed { .. } => return Err(execution.error().into()),
                    _ => {}
                }
            }
            answer = answers.next(), if question.is_some() => {
                let (reply, silent) = answer?;
                if silent {
                    // The line end that was typed was not shown either.
                    output.write(OutputStream::Stderr, "\n").await?;
                }
                if let Some(token) = question.take() {
                    match session.answer(&token, reply).await {
                        // The code was interrupted while it waited: the line is lost, as it would be in Python.
                        Ok(()) | Err(Error::Execution(ExecutionError::NoSuchInput { .. })) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
    }
}
