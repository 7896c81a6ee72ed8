//! An execution whose events pass somebody on their way.

use std::task::{Context, Poll};

use hibernaculum_core::{Error, Event, Execution, ExecutionSource};

use super::Run;

/// Who sees events on their way.
pub(crate) trait Relay: Send + 'static {
    /// Takes the next event from `inner`, and gives it on.
    fn poll(&mut self, inner: &mut Execution, cx: &mut Context<'_>) -> Poll<Option<Event>>;

    /// The execution ended without an outcome.
    fn failed(&mut self, error: &Error);

    /// The execution was detached.
    fn detached(&mut self);
}

/// An execution behind a [`Relay`].
pub(crate) struct Relayed<R> {
    inner: Option<Execution>,
    relay: R,
}

impl<R: Relay> Relayed<R> {
    pub(crate) fn execution(run: Run, inner: Execution, relay: R) -> Execution {
        let Run { execution, session, limits } = run;
        Execution::new(execution, session, limits, Self { inner: Some(inner), relay })
    }
}

impl<R: Relay> ExecutionSource for Relayed<R> {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        match &mut self.inner {
            Some(inner) => self.relay.poll(inner, cx),
            None => Poll::Ready(None),
        }
    }

    fn take_error(&mut self) -> Option<Error> {
        let error = self.inner.as_mut().map(Execution::error)?;
        self.relay.failed(&error);
        Some(error)
    }

    fn detach(&mut self) {
        if let Some(inner) = self.inner.take() {
            self.relay.detached();
            // Its id is known to whoever detaches.
            let _ = inner.detach();
        }
    }
}
