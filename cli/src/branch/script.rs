//! One script in one session: its cells, one after the other, their events to whoever prints them.

use hibernaculum::{
    Event, EventKind, ExecutionRequest, Outcome, OutputStream, Script, Session, StdinPolicy, Timeout,
};
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use super::label::Label;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::run::{Before, Cell, FAREWELL, Job, text};

/// What is to be printed.
pub(super) type Piece = (OutputStream, String);

/// How all scripts run.
#[derive(Clone)]
pub(super) struct Manner {
    pub(super) printer: mpsc::Sender<Piece>,
    /// Whether all is to be interrupted.
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) timeout: Timeout,
    pub(super) json: bool,
}

/// A script that runs.
pub(super) struct Running<'a> {
    session: &'a Session,
    name: String,
    label: Label,
    manner: Manner,
    /// What this script has heard of it: one Ctrl-C interrupts one thing, and not also what is done at the end.
    stopped: watch::Receiver<bool>,
}

#[derive(Serialize)]
struct Labelled<'a> {
    branch: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

impl<'a> Running<'a> {
    pub(super) fn new(session: &'a Session, name: &str, width: usize, manner: Manner) -> Self {
        let stopped = manner.stopped.clone();
        Self { session, name: name.to_owned(), label: Label::new(name, width), manner, stopped }
    }

    /// Runs everything up to the first cell that fails. `is_last`: nothing runs in this session afterwards, so that it does what Python
    /// does when a program ends.
    pub(super) async fn all(mut self, job: Job, is_last: bool) -> Result<Exit, Failure> {
        if let Some(prelude) = job.prelude {
            self.session.execute(ExecutionRequest::new(prelude).store_history(false)).await?;
        }
        let (mut exit, mut is_there) = (Exit::OK, true);
        for Cell { code, script } in job.cells {
            if *self.stopped.borrow_and_update() {
                exit = Exit::INTERRUPTED;
                break;
            }
            let mut request = ExecutionRequest::new(code);
            request.script = script;
            let outcome = self.run(request).await?;
            exit = Exit::of_outcome(&outcome);
            is_there = outcome.state != hibernaculum::StateAfter::Lost;
            if exit != Exit::OK || outcome.error.is_some() {
                break;
            }
        }
        if is_last && is_there {
            let script = Script { filename: "<farewell>".to_owned(), first_line: 1, argv: None };
            let request = ExecutionRequest::new(FAREWELL).store_history(false).script(script);
            let ended = Exit::of_outcome(&self.run(request).await?);
            exit = if exit == Exit::OK { ended } else { exit };
        }
        for (stream, lines) in self.label.flush() {
            self.print(stream, lines).await;
        }
        Ok(exit)
    }

    async fn run(&mut self, request: ExecutionRequest) -> Result<Outcome, Failure> {
        let request = request.timeout(self.manner.timeout).stdin(StdinPolicy::Deny);
        let id = request.id;
        let mut before = Before::default();
        let mut execution = self.session.start(request).await?;
        loop {
            tokio::select! {
                biased;
                // Whoever could say so is gone where this fails, and everything ends.
                Ok(()) = self.stopped.changed() => {
                    self.session.interrupt(&id).await?;
                }
                event = execution.next() => {
                    let Some(event) = event else { return Err(execution.error().into()) };
                    self.show(&event, &mut before).await;
                    match event.kind {
                        EventKind::Finished(outcome) => return Ok(*outcome),
                        EventKind::Failed { .. } => return Err(execution.error().into()),
                        _ => {}
                    }
                }
            }
        }
    }

    async fn show(&mut self, event: &Event, before: &mut Before) {
        if self.manner.json {
            let line = serde_json::to_string(&Labelled { branch: &self.name, event }).unwrap_or_default();
            return self.print(OutputStream::Stdout, line + "\n").await;
        }
        for (stream, piece) in text(&event.kind, before) {
            let lines = self.label.push(stream, &piece);
            self.print(stream, lines).await;
        }
    }

    /// Waits while nobody takes it: so does the code that wrote it.
    async fn print(&self, stream: OutputStream, lines: String) {
        if !lines.is_empty() {
            // Where nobody prints any more, everything is about to end.
            let _ = self.manner.printer.send((stream, lines)).await;
        }
    }
}
