//! The events of an execution: listened to, and played.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hibernaculum_core::{Error, Event, Execution, ExecutionId, ExecutionSource};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::player::Deck;
use super::recorder::Recording;
use super::tape::Moment;
use crate::layer::Relay;

/// Calls that may be the cause of what an execution tells afterwards.
const CAUSES: [&str; 6] = ["interrupt", "answer", "close_session", "abandon_session", "destroy", "abandon"];

/// Writes events down as they pass.
#[derive(Debug)]
pub(super) struct Listener {
    recording: Recording,
    at: usize,
    /// How many calls there were when it looked last.
    calls: usize,
}

impl Listener {
    pub(super) fn new(recording: Recording, at: usize, calls: usize) -> Self {
        Self { recording, at, calls }
    }

    fn push(&mut self, moment: Moment) {
        let mut tape = self.recording.tape();
        let new = tape.calls.iter().enumerate().skip(self.calls);
        let cause =
            new.filter(|(_, take)| CAUSES.contains(&take.call.as_str())).map(|(index, _)| index).next_back();
        self.calls = tape.calls.len();
        if let Some(events) = tape.calls.get_mut(self.at).and_then(|take| take.events.as_mut()) {
            events.extend(cause.map(|index| Moment::AfterCall { after_call: index + 1 }));
            events.push(moment);
        }
    }
}

impl Relay for Listener {
    fn poll(&mut self, inner: &mut Execution, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let event = ready!(futures_util::Stream::poll_next(Pin::new(inner), cx));
        if let Some(event) = &event
            && let Ok(Value::Object(event)) = serde_json::to_value(event)
        {
            self.push(Moment::Event(event));
        }
        Poll::Ready(event)
    }

    fn failed(&mut self, error: &Error) {
        self.push(Moment::Failed { fails: error.explain() });
    }

    fn detached(&mut self) {}
}

/// Plays what was written down.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) deck: Deck,
    pub(super) execution: ExecutionId,
    pub(super) moments: VecDeque<Moment>,
    pub(super) seq: u64,
    error: Option<Error>,
    has_ended: bool,
}

impl Player {
    pub(super) fn new(deck: Deck, execution: ExecutionId, moments: Vec<Moment>, first: u64) -> Self {
        Self { deck, execution, moments: moments.into(), seq: first, error: None, has_ended: false }
    }

    /// The event with what its place tells.
    fn event(&mut self, mut fields: Map<String, Value>) -> Option<Event> {
        fields.insert("seq".to_owned(), json!(self.seq));
        fields.insert("execution".to_owned(), json!(self.execution));
        fields.insert("at".to_owned(), json!(Timestamp::UNIX_EPOCH));
        self.seq += 1;
        serde_json::from_value(self.deck.revived(Value::Object(fields))).ok()
    }
}

impl ExecutionSource for Player {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            match self.moments.front() {
                Some(Moment::AfterCall { after_call }) if !self.deck.was_made(*after_call, cx) => {
                    return Poll::Pending;
                }
                // The run that was recorded read no further: whoever reads on, waits.
                None if !self.has_ended => return Poll::Pending,
                _ => {}
            }
            match self.moments.pop_front() {
                Some(Moment::AfterCall { .. }) => {}
                Some(Moment::Failed { fails }) => {
                    self.has_ended = true;
                    self.error = Error::told(&fails);
                    return Poll::Ready(None);
                }
                Some(Moment::Event(fields)) => {
                    let event = self.event(fields);
                    self.has_ended |= event.as_ref().is_none_or(Event::is_last);
                    if event.is_none() {
                        self.deck
                            .complain("an event of the cassette is none that this version knows".to_owned());
                    }
                    return Poll::Ready(event);
                }
                None => return Poll::Ready(None),
            }
        }
    }

    fn take_error(&mut self) -> Option<Error> {
        if let Some(Moment::Failed { fails }) = self.moments.front() {
            return Error::told(fails);
        }
        self.error.take()
    }

    fn detach(&mut self) {
        self.moments.clear();
    }
}
