//! The reading end of a ring.

use std::sync::Arc;
use std::task::{Context, Poll};

use hibernaculum_core::{Error, Event, EventKind, ExecutionError, ExecutionSource};

use super::{CAPACITY, Mode, Ring, Wake};
use crate::session::job::wall_clock;

/// The reading end: what an [`hibernaculum_core::Execution`] streams from.
#[derive(Debug)]
pub(crate) struct Reader {
    ring: Arc<Ring>,
    id: u64,
    done: bool,
    error: Option<Error>,
}

impl Reader {
    pub(super) fn new(ring: &Arc<Ring>, id: u64) -> Self {
        Self { ring: Arc::clone(ring), id, done: false, error: None }
    }
}

impl ExecutionSource for Reader {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(cx, Wake::AtEach)
    }

    fn poll_collected(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(cx, Wake::AtMany)
    }

    fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    fn detach(&mut self) {
        self.leave(Mode::Detached);
    }
}

impl Reader {
    fn poll(&mut self, cx: &mut Context<'_>, wake: Wake) -> Poll<Option<Event>> {
        if self.done {
            return Poll::Ready(None);
        }
        let mut state = self.ring.state();
        if state.reader != self.id {
            let error = Error::from(ExecutionError::Taken { execution: self.ring.execution });
            let event = EventKind::Failed { error: error.explain() };
            let event = Event::new(state.taken + 1, self.ring.execution, wall_clock(), event);
            drop(state);
            self.done = true;
            self.error = Some(error);
            return Poll::Ready(Some(event));
        }
        let was_full = state.waiting >= CAPACITY;
        let Some(event) = state.take() else {
            if state.ended {
                return Poll::Ready(None);
            }
            state.wake = wake;
            if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        };
        let room_again = was_full && state.waiting < CAPACITY;
        if event.is_last() {
            self.done = true;
            self.error = state.error.clone();
        }
        drop(state);
        if room_again {
            self.ring.readers.notify_one();
        }
        Poll::Ready(Some(event))
    }

    fn leave(&mut self, mode: Mode) {
        let mut state = self.ring.state();
        if state.reader != self.id || state.ended || state.mode == Mode::Abandoned {
            return;
        }
        // A reader that detaches counts no longer: its own drop changes nothing.
        state.reader += 1;
        state.mode = mode;
        state.waker = None;
        state.evict();
        drop(state);
        self.done = true;
        self.ring.readers.notify_one();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.leave(Mode::Abandoned);
    }
}
