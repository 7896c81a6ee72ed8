//! Makes a result of a stream of events, within the request's limits.

use super::captured::Capture;
use super::{Display, Event, EventKind, ExecutionResult, Outcome, OutputLimits, OutputStream};
use crate::ExecutionId;

/// Collects events; memory stays within the limits, whatever is written.
///
/// [`crate::Execution`] uses one when it is awaited. It is public for those who read the stream themselves and want the result too.
///
/// ```
/// use hibernaculum_core::{
///     Collector, Event, EventKind, ExecutionId, Outcome, OutputLimits, OutputStream, StateAfter, Status,
/// };
///
/// let (id, now) = (ExecutionId::new(), jiff::Timestamp::now());
/// let wrote = EventKind::Output { stream: OutputStream::Stdout, text: "hello\n".into() };
/// let ended = EventKind::Finished(Box::new(Outcome::new(Status::Completed, StateAfter::Kept)));
///
/// let mut collector = Collector::new(id, OutputLimits::default());
/// assert_eq!(collector.push(Event::new(1, id, now, wrote)), None);
/// let outcome = collector.push(Event::new(2, id, now, ended)).expect("it was the last event");
/// let result = collector.finish(outcome);
/// assert_eq!(result.stdout.to_string(), "hello\n");
/// ```
#[derive(Debug)]
pub struct Collector {
    execution: ExecutionId,
    stdout: Capture,
    stderr: Capture,
    background: Capture,
    displays: Vec<Display>,
    displays_room: usize,
    displays_cut: u64,
    gaps: bool,
}

impl Collector {
    /// A collector for the events of one execution.
    pub fn new(execution: ExecutionId, limits: OutputLimits) -> Self {
        let capture = || Capture::new(limits.head.as_usize(), limits.tail.as_usize());
        Self {
            execution,
            stdout: capture(),
            stderr: capture(),
            background: capture(),
            displays: Vec::new(),
            displays_room: limits.displays.as_usize(),
            displays_cut: 0,
            gaps: false,
        }
    }

    /// Takes note of an event; gives the outcome back when it was [`EventKind::Finished`].
    pub fn push(&mut self, event: Event) -> Option<Outcome> {
        match event.kind {
            EventKind::Output { stream: OutputStream::Stdout, text } => self.stdout.push(&text),
            EventKind::Output { stream: OutputStream::Stderr, text } => self.stderr.push(&text),
            EventKind::Background { text, .. } => self.background.push(&text),
            EventKind::Display(display) => self.display(display),
            EventKind::Gap { .. } => self.gaps = true,
            EventKind::Finished(outcome) => return Some(*outcome),
            EventKind::Started
            | EventKind::InputRequest { .. }
            | EventKind::Failed { .. }
            | EventKind::Unknown => {}
        }
        None
    }

    /// The result of what was collected.
    pub fn finish(self, outcome: Outcome) -> ExecutionResult {
        ExecutionResult {
            execution: self.execution,
            outcome,
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
            background: self.background.finish(),
            displays: self.displays,
            displays_cut: self.displays_cut,
            gaps: self.gaps,
        }
    }

    fn display(&mut self, display: Display) {
        let bytes: usize = display.data.iter().map(|(kind, data)| kind.len() + data.len()).sum();
        if bytes > self.displays_room {
            self.displays_cut += 1;
            return;
        }
        self.displays_room -= bytes;
        let replaced = display.update.then(|| {
            self.displays
                .iter_mut()
                .find(|old| old.display_id.is_some() && old.display_id == display.display_id)
        });
        match replaced.flatten() {
            Some(old) => old.data = display.data,
            None => self.displays.push(display),
        }
    }
}
