//! A reader that is slow.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hibernaculum_core::{Error, Event, Execution};
use tokio::time::{Sleep, sleep};

use crate::layer::Relay;

/// Takes each event so much later than it could.
#[derive(Debug)]
pub(super) struct Slow {
    pause: Duration,
    /// Before the next event is taken.
    waits: Option<Pin<Box<Sleep>>>,
}

impl Slow {
    pub(super) fn new(pause: Duration) -> Self {
        Self { pause, waits: None }
    }
}

impl Relay for Slow {
    fn poll(&mut self, inner: &mut Execution, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let pause = self.pause;
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(waits.as_mut().poll(cx));
        let event = ready!(futures_util::Stream::poll_next(Pin::new(inner), cx));
        self.waits = None;
        Poll::Ready(event)
    }

    fn failed(&mut self, _: &Error) {}

    fn detached(&mut self) {}
}
