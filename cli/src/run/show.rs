//! What is printed of an execution: its output as it comes and its end as a REPL tells it, or every event as a line of JSON.

use hibernaculum::{Display, Event, EventKind, Outcome, OutputStream, PythonError, StateAfter, Status};

use super::once::{Before, text_of};
use crate::failure::Failure;
use crate::recovery::told;
use crate::terminal::{Output, is_quiet};

/// How events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// For people.
    Text,
    /// For programs: the serde form of each event, one a line.
    Json,
    /// The same, without the beginning and the good end of an execution that nobody asked for.
    JsonWithoutEnds,
}

impl Show {
    /// How the events are printed of an execution that belongs to no cell.
    pub(super) fn without_ends(self) -> Self {
        match self {
            Self::Text => Self::Text,
            Self::Json | Self::JsonWithoutEnds => Self::JsonWithoutEnds,
        }
    }

    /// Prints an event.
    pub(super) async fn event(
        self,
        event: &Event,
        before: &mut Before,
        output: &mut Output,
    ) -> Result<(), Failure> {
        if self == Self::JsonWithoutEnds && is_expected_end(&event.kind) {
            return Ok(());
        }
        if self != Self::Text {
            // An event holds maps with text keys and finite numbers: it has a JSON form.
            let line = serde_json::to_string(event).unwrap_or_default();
            return output.write(OutputStream::Stdout, &(line + "\n")).await;
        }
        if let EventKind::Output { stream, text } | EventKind::Background { stream, text } = &event.kind {
            return output.write(*stream, text).await;
        }
        for (stream, piece) in text(&event.kind, before) {
            output.write(stream, &piece).await?;
        }
        Ok(())
    }
}

/// What is printed of an event, for people. `before`: what came before it in the execution.
pub(crate) fn text(kind: &EventKind, before: &mut Before) -> Vec<(OutputStream, String)> {
    match kind {
        EventKind::Output { stream, text } | EventKind::Background { stream, text } => {
            vec![(*stream, text.clone())]
        }
        EventKind::Display(display) if before.shows(display) => vec![(OutputStream::Stdout, shown(display))],
        EventKind::InputRequest { prompt, password, .. } => {
            // As Python does: the prompt of a password is not part of the output.
            let stream = if *password { OutputStream::Stderr } else { OutputStream::Stdout };
            vec![(stream, prompt.clone())]
        }
        EventKind::Gap { .. } => remarked("some output is missing here").into_iter().collect(),
        EventKind::Finished(outcome) => end(outcome, before.was()),
        // What failed is told by whoever ends the run.
        _ => Vec::new(),
    }
}

/// A remark of `hib`'s own, unless it shall be quiet.
fn remarked(text: &str) -> Option<(OutputStream, String)> {
    (!is_quiet()).then(|| (OutputStream::Stderr, format!("hib: {text}\n")))
}

fn is_expected_end(kind: &EventKind) -> bool {
    match kind {
        EventKind::Started => true,
        EventKind::Finished(outcome) => outcome.status == Status::Completed,
        _ => false,
    }
}

fn end(outcome: &Outcome, was_shown: bool) -> Vec<(OutputStream, String)> {
    let mut pieces = Vec::new();
    if let Some(value) = outcome.value.as_ref().filter(|_| !was_shown) {
        pieces.push((OutputStream::Stdout, format!("{}\n", value.repr)));
        if value.cut > 0 {
            pieces.extend(remarked(&format!("{} bytes of this value are left out", value.cut)));
        }
    }
    if let Some(error) = &outcome.error {
        pieces.push((OutputStream::Stderr, traceback(error)));
    }
    if let Some(remark) = remark(outcome) {
        pieces.push((OutputStream::Stderr, format!("hib: {remark}\n")));
    }
    pieces.extend(outcome.warnings.iter().filter_map(|warning| remarked(&format!("warning: {warning}"))));
    pieces
}

/// A display as text, or what it would have been elsewhere.
fn shown(display: &Display) -> String {
    match text_of(display) {
        Some(text) => format!("{text}\n"),
        None => format!("<{}>\n", display.data.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
    }
}

/// What Python would have printed. Of `sys.exit()` that is its message, if it has one that is no exit code.
pub(crate) fn traceback(error: &PythonError) -> String {
    let text = match error.exit_code {
        // Of `quit()` the message is that it has none.
        Some(0) => return String::new(),
        Some(code) if error.message.is_empty() || error.message.parse() == Ok(code) => return String::new(),
        Some(_) => &error.message,
        None => &error.traceback,
    };
    if text.is_empty() || text.ends_with('\n') { text.clone() } else { format!("{text}\n") }
}

/// What Python's own words do not tell of how it ended.
pub(crate) fn remark(outcome: &Outcome) -> Option<String> {
    let state = told(&outcome.state);
    let why = outcome.crash.as_ref().map(|cause| format!(", {cause}")).unwrap_or_default();
    match outcome.status {
        Status::Completed | Status::Failed | Status::Interrupted if outcome.state == StateAfter::Kept => None,
        Status::TimedOut => Some(format!("timed out{why}; the session's state is {state}")),
        Status::Crashed => Some(format!("the session crashed{why}; its state is {state}")),
        status => Some(format!("{status}{why}; the session's state is {state}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hibernaculum::{CrashCause, ExecutionId, RestoredFrom};

    use super::*;

    #[test]
    fn sys_exit_says_its_message_and_no_traceback() {
        let exit = |message: &str, exit_code| {
            let traceback = "Traceback …".to_owned();
            super::traceback(&PythonError {
                message: message.to_owned(),
                traceback,
                exit_code,
                ..PythonError::default()
            })
        };
        assert_eq!(exit("3", Some(3)), "");
        assert_eq!(exit("", Some(0)), "");
        assert_eq!(exit("None", Some(0)), "");
        assert_eq!(exit("no data", Some(1)), "no data\n");
        assert_eq!(exit("no data", None), "Traceback …\n");
    }

    #[test]
    fn an_end_that_python_does_not_tell_is_told_with_its_cause_and_the_state() {
        let ended = |status, state, crash| {
            let mut outcome = Outcome::new(status, state);
            outcome.crash = crash;
            remark(&outcome)
        };
        let killed = || Some(CrashCause::Killed { reason: "deadline".to_owned() });
        let guard = || StateAfter::Restored { from: RestoredFrom::Guard(ExecutionId::new()) };
        let segfault = Some(CrashCause::Signal { signal: 11, name: "SIGSEGV".to_owned() });
        for (told, expected) in [
            (ended(Status::Completed, StateAfter::Kept, None), None),
            (ended(Status::Failed, StateAfter::Kept, None), None),
            (ended(Status::Interrupted, StateAfter::Kept, None), None),
            (ended(Status::TimedOut, StateAfter::Kept, None), Some("timed out; the session's state is kept")),
            (
                ended(Status::TimedOut, StateAfter::Lost, killed()),
                Some("timed out, killed by the host (deadline); the session's state is lost"),
            ),
            (
                ended(Status::Interrupted, StateAfter::Lost, None),
                Some("interrupted; the session's state is lost"),
            ),
            (
                ended(Status::TimedOut, guard(), killed()),
                Some(
                    "timed out, killed by the host (deadline); the session's state is restored, as it was before this code",
                ),
            ),
            (
                ended(Status::Failed, guard(), None),
                Some("failed; the session's state is restored, as it was before this code"),
            ),
            (
                ended(Status::Crashed, StateAfter::Lost, segfault),
                Some("the session crashed, killed by SIGSEGV (signal 11); its state is lost"),
            ),
        ] {
            assert_eq!(told.as_deref(), expected);
        }
    }

    #[test]
    fn a_display_is_text_or_the_names_of_its_forms() {
        let display = |forms: &[(&str, &str)]| Display {
            data: forms
                .iter()
                .map(|(kind, data)| ((*kind).to_owned(), (*data).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            ..Display::default()
        };
        assert_eq!(shown(&display(&[("text/html", "<b>"), ("text/plain", "b")])), "b\n");
        assert_eq!(shown(&display(&[("image/png", "…"), ("text/html", "<b>")])), "<image/png, text/html>\n");
    }
}
