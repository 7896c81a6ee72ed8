//! A stream of events that passes through a saboteur's hands.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use hibernaculum_core::{Error, Event, EventKind, Execution, ExecutionSource};

use super::bends::{Bend, Call};

/// The events of an honest execution, bent one by one.
pub(super) struct Bent {
    honest: Option<Execution>,
    bend: Arc<dyn Bend>,
    /// What was made of the last event and not yet given.
    ready: VecDeque<Event>,
    /// The number of the last event given: what the saboteur drops or adds leaves no hole.
    seq: u64,
}

impl Bent {
    pub(super) fn new(honest: Execution, bend: Arc<dyn Bend>, after_seq: u64) -> Self {
        Self { honest: Some(honest), bend, ready: VecDeque::new(), seq: after_seq }
    }
}

impl ExecutionSource for Bent {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Some(mut event) = self.ready.pop_front() {
                self.seq = match event.kind {
                    EventKind::Gap { to: Some(to), .. } => to,
                    _ => self.seq + 1,
                };
                if !self.bend.bends_numbers() {
                    event.seq = self.seq;
                }
                return Poll::Ready(Some(event));
            }
            let Some(honest) = self.honest.as_mut() else { return Poll::Ready(None) };
            match std::pin::Pin::new(honest).poll_next(cx) {
                Poll::Ready(Some(event)) => self.ready.extend(self.bend.event(event)),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn take_error(&mut self) -> Option<Error> {
        self.honest.as_mut().map(Execution::error)
    }

    fn detach(&mut self) {
        if !self.bend.omits(Call::Detach)
            && let Some(honest) = self.honest.take()
        {
            honest.detach();
        }
    }
}

impl Drop for Bent {
    fn drop(&mut self) {
        if self.bend.omits(Call::InterruptDropped)
            && let Some(honest) = self.honest.take()
        {
            honest.detach();
        }
    }
}
