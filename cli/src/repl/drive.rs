//! Runs one piece of code: events out as they come, answers in, Ctrl-C across.

use hibernaculum::{
    Display, Error, EventKind, ExecutionError, ExecutionRequest, InputToken, Outcome, OutputStream, Script,
    Session, SessionError, StateAfter, StdinPolicy, Timeout,
};

use super::lines::Lines;
use super::python;
use crate::failure::Failure;
use crate::run::{remark, text_of, traceback};
use crate::terminal::paint::{Colour, paint, paint_error};
use crate::terminal::{Output, Signals, Silence, Wish};

/// What a session is shown on.
pub(super) struct Drive<'a> {
    pub(super) session: &'a Session,
    pub(super) output: &'a mut Output,
    pub(super) signals: &'a mut Signals,
    /// Where answers come from; `None`: nobody is there to give them.
    pub(super) lines: Option<&'a Lines>,
    pub(super) timeout: Timeout,
    /// Whether nothing takes the place of a session that died.
    pub(super) is_over_when_lost: bool,
}

impl Drive<'_> {
    /// Runs it to its end, whoever ends it. Tracebacks call it by the number of its prompt. `None`: it was refused, which costs a person
    /// nothing.
    pub(super) async fn run(&mut self, code: &str, number: u64) -> Result<Option<Outcome>, Failure> {
        self.signals.forget();
        let stdin = if self.lines.is_some() { StdinPolicy::Ask } else { StdinPolicy::Deny };
        let script = Script { filename: format!("<cell {number}>"), first_line: 1, argv: None };
        let request = ExecutionRequest::new(code).stdin(stdin).timeout(self.timeout).script(script);
        let id = request.id;
        let mut execution = match self.session.start(request).await {
            Err(
                error @ (Error::Execution(_)
                | Error::Config(_)
                | Error::Session(SessionError::Crashed { .. })),
            ) if self.lines.is_some() => {
                Failure::from(error).tell();
                return Ok(None);
            }
            started => started?,
        };
        let is_silent = python::is_silent(code);
        let mut question: Option<InputToken> = None;
        let mut silence = None;
        // The value in its own words. With the other forms a terminal can do nothing.
        let mut own_text: Option<String> = None;
        loop {
            tokio::select! {
                biased;
                wish = self.signals.next() => match wish {
                    Wish::Interrupt => {
                        self.session.interrupt(&id).await?;
                    }
                    Wish::End(exit) => return Err(Failure::Quiet(exit)),
                },
                event = execution.next() => {
                    let Some(event) = event else { return Err(execution.error().into()) };
                    if let EventKind::InputRequest { token, password, .. } = &event.kind {
                        // Before the prompt is shown: nobody shall type a password too early.
                        silence = password.then(Silence::on_stdin).flatten();
                        question = Some(token.clone());
                    }
                    match event.kind {
                        EventKind::Display(display) if display.result => {
                            own_text = text_of(&display).map(str::to_owned);
                        }
                        EventKind::Finished(outcome) => {
                            self.end(&outcome, own_text.as_deref(), is_silent).await?;
                            return Ok(Some(*outcome));
                        }
                        EventKind::Failed { .. } => return Err(execution.error().into()),
                        kind => self.show(kind).await?,
                    }
                }
                line = answer(self.lines), if question.is_some() => {
                    let reply = line.map_err(|error| unreadable(&error))?;
                    if silence.take().is_some() {
                        self.output.write(OutputStream::Stderr, "\n").await?; // what was typed was not shown, its end neither
                    }
                    if let Some(token) = question.take() {
                        match self.session.answer(&token, reply).await {
                            Ok(()) | Err(Error::Execution(ExecutionError::NoSuchInput { .. })) => {}
                            Err(error) => return Err(error.into()),
                        }
                    }
                }
            }
        }
    }

    /// Shows an event on the way.
    async fn show(&mut self, kind: EventKind) -> Result<(), Failure> {
        let output = &mut *self.output;
        match kind {
            EventKind::Output { stream, text } | EventKind::Background { stream, text } => {
                output.write(stream, &text).await?;
            }
            EventKind::Display(display) => output.write(OutputStream::Stdout, &shown(&display)).await?,
            EventKind::InputRequest { prompt, .. } => output.write(OutputStream::Stdout, &prompt).await?,
            EventKind::Gap { .. } => output.remark("some output is missing here").await?,
            _ => {}
        }
        Ok(())
    }

    /// Shows how it ended. `own_text`: what the value tells of itself, where that is not its `repr`.
    async fn end(
        &mut self,
        outcome: &Outcome,
        own_text: Option<&str>,
        is_silent: bool,
    ) -> Result<(), Failure> {
        let output = &mut *self.output;
        if let Some(value) = outcome.value.as_ref().filter(|_| !is_silent) {
            let text = own_text.unwrap_or(&value.repr);
            let label = paint(Colour::Red, &format!("Out[{}]:", outcome.count));
            // What has several lines begins on a line of its own, so that its columns stand.
            let gap = if text.contains('\n') { "\n" } else { " " };
            output.write(OutputStream::Stdout, &format!("{label}{gap}{text}\n")).await?;
            if value.cut > 0 && own_text.is_none() {
                output.remark(&format!("{} bytes of this value are left out", value.cut)).await?;
            }
        }
        // It was told, and ended before its value was.
        if let Some(text) = own_text.filter(|_| outcome.value.is_none()) {
            output.write(OutputStream::Stdout, &format!("{text}\n")).await?;
        }
        if let Some(error) = &outcome.error {
            output.write(OutputStream::Stderr, &coloured(&traceback(error))).await?;
        }
        if let Some(mut remark) = remark(outcome) {
            if outcome.state == StateAfter::Lost {
                remark.push_str(if self.is_over_when_lost {
                    ", and the session is over; `:branch` goes on from a checkpoint"
                } else {
                    ": a fresh interpreter goes on, its names are gone"
                });
            }
            output.complain(&remark).await?;
        }
        for warning in &outcome.warnings {
            output.remark(&format!("warning: {warning}")).await?;
        }
        Ok(())
    }
}

/// The next line, or never, where nobody gives one.
async fn answer(lines: Option<&Lines>) -> std::io::Result<hibernaculum::InputReply> {
    match lines {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

/// A display as text, with the names of the forms that a terminal cannot show.
fn shown(display: &Display) -> String {
    let others: Vec<_> = display
        .data
        .iter()
        .filter(|(kind, _)| *kind != "text/plain")
        .map(|(kind, data)| format!("{kind}, {} bytes", data.len()))
        .collect();
    let text = display.data.get("text/plain").map(|text| format!("{text}\n")).unwrap_or_default();
    let note = if others.is_empty() { String::new() } else { format!("<also as {}>\n", others.join("; ")) };
    text + &note
}

/// A traceback whose last line stands out.
fn coloured(traceback: &str) -> String {
    let body = traceback.trim_end_matches('\n');
    match body.rsplit_once('\n') {
        _ if body.is_empty() => String::new(),
        Some((before, last)) => format!("{before}\n{}\n", paint_error(Colour::Red, last)),
        None => format!("{}\n", paint_error(Colour::Red, body)),
    }
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::new(
        crate::exit::Exit::NO_INPUT,
        "input.unreadable",
        "the terminal cannot be read",
        "the code asked for a line of input, and the system refused to read one",
        "see whether the terminal is still there",
    )
    .because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_names_the_forms_that_a_terminal_cannot_show() {
        let data = [("text/plain", "x"), ("image/png", "abcd")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let display = Display { data: data.into_iter().collect(), ..Display::default() };
        assert_eq!(shown(&display), "x\n<also as image/png, 4 bytes>\n");
    }
}
