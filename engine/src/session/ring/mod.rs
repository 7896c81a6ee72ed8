//! The events of one execution, between the actor that makes them and the stream that takes them.
//!
//! ```text
//!   actor ──push──▶ │ taken (kept for `attach`) │ waiting for the reader │ ──poll──▶ Execution
//!                   └── oldest ── at most CAPACITY bytes ── newest ──────┘
//! ```
//!
//! While a reader is attached, nothing that it has not taken is ever overwritten: the ring tells the actor that it has no room, and the actor
//! stops reading from the session, which slows the code down. Once nobody reads (detached), or once the execution is being stopped, the oldest
//! events are overwritten, and a reader is told of the gap.
//!
//! The lock is the engine's only one on the way of an event. It is held for a few instructions, never across an await.

mod reader;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use hibernaculum_core::{Error, Event, EventKind, ExecutionId, OutputLimits};
use jiff::Timestamp;
use tokio::sync::Notify;

pub(crate) use self::reader::Reader;
use super::job::wall_clock;

/// How many bytes of events a ring keeps.
pub(crate) const CAPACITY: usize = 1 << 20;
/// How many are better taken by a reader that could wait for the end.
const MANY: usize = CAPACITY / 2;

/// One execution's ring, shared by the actor, the registry of known executions and at most one reader.
#[derive(Debug)]
pub(crate) struct Ring {
    execution: ExecutionId,
    /// What the request said of collecting, for those who attach later.
    limits: OutputLimits,
    state: Mutex<State>,
    /// Tells the actor that a reader took something, or left.
    readers: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<(Event, usize)>,
    bytes: usize,
    /// The seq of the newest event; 0: none yet.
    newest: u64,
    /// The seq of the newest event that a reader took.
    taken: u64,
    /// Bytes that are waiting for the reader.
    waiting: usize,
    mode: Mode,
    /// Whether the execution is being stopped: no reader is waited for any more.
    is_stopping: bool,
    cancelled: bool,
    ended: bool,
    error: Option<Error>,
    /// Counts the readers: the newest is the only one.
    reader: u64,
    waker: Option<Waker>,
    wake: Wake,
}

/// When whoever reads is woken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Wake {
    /// At each event.
    #[default]
    AtEach,
    /// At the last, or when much waits.
    AtMany,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    /// Somebody reads: nothing that waits is overwritten.
    #[default]
    Attached,
    /// Nobody reads, and that is wanted.
    Detached,
    /// The reader was dropped: the execution is to be interrupted.
    Abandoned,
}

impl Ring {
    pub(crate) fn new(execution: ExecutionId, limits: OutputLimits, readers: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { execution, limits, state: Mutex::default(), readers })
    }

    /// The ring of an execution that an earlier host had begun: nobody reads it yet, and nobody needs to.
    pub(crate) fn unread(execution: ExecutionId, limits: OutputLimits, readers: Arc<Notify>) -> Arc<Self> {
        let state = Mutex::new(State { mode: Mode::Detached, ..State::default() });
        Arc::new(Self { execution, limits, state, readers })
    }

    pub(crate) fn limits(&self) -> OutputLimits {
        self.limits
    }

    pub(crate) fn execution(&self) -> ExecutionId {
        self.execution
    }

    /// Nothing that is done under the lock can panic half-way, so that a poisoned state is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event. The last one ends the ring; what comes after it is dropped.
    pub(crate) fn push(&self, kind: EventKind, at: Timestamp) {
        let mut state = self.state();
        if state.ended {
            return;
        }
        state.newest += 1;
        let event = Event::new(state.newest, self.execution, at, kind);
        let size = size_of_event(&event);
        state.ended = event.is_last();
        state.events.push_back((event, size));
        state.bytes += size;
        state.waiting += size;
        state.evict();
        let is_time = state.wake == Wake::AtEach || state.ended || state.waiting >= MANY;
        let waker = if is_time { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the ring with an error, which the reader gets as an event and as a value.
    pub(crate) fn fail(&self, error: Error) {
        let event = EventKind::Failed { error: error.explain() };
        self.state().error = Some(error);
        self.push(event, wall_clock());
    }

    /// Whether the actor may go on pushing.
    pub(crate) fn has_room(&self) -> bool {
        let state = self.state();
        state.mode != Mode::Attached || state.waiting < CAPACITY
    }

    /// From now on the oldest is overwritten, whoever reads or will: the execution is being stopped, and a slow reader must not hold that up.
    pub(crate) fn stop_waiting_for_readers(&self) {
        let mut state = self.state();
        state.is_stopping = true;
        if state.mode == Mode::Attached {
            state.mode = Mode::Detached;
        }
    }

    /// Wants the execution stopped; whether it had not ended.
    pub(crate) fn cancel(&self) -> bool {
        let mut state = self.state();
        state.cancelled |= !state.ended;
        !state.ended
    }

    /// Whether somebody wants the execution stopped: by asking for it, or by dropping its stream.
    pub(crate) fn is_cancelled(&self) -> bool {
        let state = self.state();
        state.cancelled || state.mode == Mode::Abandoned
    }

    /// Whether the last event was pushed.
    pub(crate) fn is_ended(&self) -> bool {
        self.state().ended
    }

    /// A reader for what comes after `after_seq`. The reader before it, if any, gets no more.
    pub(crate) fn attach(self: &Arc<Self>, after_seq: u64) -> Reader {
        let mut state = self.state();
        state.reader += 1;
        if !state.ended {
            state.mode = if state.is_stopping { Mode::Detached } else { Mode::Attached };
        }
        state.taken = after_seq.min(state.newest);
        state.waiting =
            state.events.iter().filter(|(event, _)| event.seq > after_seq).map(|(_, size)| size).sum();
        let reader = Reader::new(self, state.reader);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        // Less may be waiting for this reader than for the one before.
        self.readers.notify_one();
        reader
    }
}

impl State {
    /// Drops the oldest events while there is too much, but for those that an attached reader waits for.
    fn evict(&mut self) {
        while self.bytes > CAPACITY {
            let Some((event, size)) = self.events.front() else { return };
            let waits = event.seq > self.taken;
            if event.is_last() || (waits && self.mode == Mode::Attached) {
                return;
            }
            self.bytes -= size;
            if waits {
                self.waiting -= size;
            }
            self.events.pop_front();
        }
    }

    /// The next event for the reader, if there is one.
    fn take(&mut self) -> Option<Event> {
        let oldest = self.events.front().map_or(self.newest + 1, |(event, _)| event.seq);
        let next = self.taken + 1;
        if next < oldest {
            // Where nothing is left at all, the gap is told with the next event: the last one is never overwritten.
            let (at, execution) = self.events.front().map(|(event, _)| (event.at, event.execution))?;
            self.taken = oldest - 1;
            let gap = EventKind::Gap { from: Some(next), to: Some(self.taken) };
            return Some(Event::new(self.taken, execution, at, gap));
        }
        let index = usize::try_from(next - oldest).ok()?;
        let (event, size) = self.events.get(index)?;
        let (seq, size) = (event.seq, *size);
        let large = size > CAPACITY && index == 0;
        self.taken = seq;
        self.waiting -= size;
        if large {
            // It would be dropped at once: hand it over instead of a copy.
            self.bytes -= size;
            return self.events.pop_front().map(|(event, _)| event);
        }
        let event = event.clone();
        self.evict();
        Some(event)
    }
}

/// About how much memory an event takes.
fn size_of_event(event: &Event) -> usize {
    let content = match &event.kind {
        EventKind::Output { text, .. } | EventKind::Background { text, .. } => text.len(),
        EventKind::Display(display) => {
            let data: usize = display.data.iter().map(|(kind, data)| kind.len() + data.len()).sum();
            // As values it takes several times the room of its text.
            let metadata = serde_json::to_string(&display.metadata).map_or(0, |text| text.len());
            data + metadata * size_of::<serde_json::Value>() / 2
        }
        EventKind::InputRequest { prompt, .. } => prompt.len(),
        EventKind::Finished(outcome) => {
            let value = outcome.value.as_ref().map_or(0, |value| value.repr.len().saturating_mul(2));
            let error = outcome.error.as_ref().map_or(0, |error| error.traceback.len() + error.message.len());
            value + error
        }
        _ => 0,
    };
    size_of::<Event>() + content
}

#[cfg(test)]
mod tests;
