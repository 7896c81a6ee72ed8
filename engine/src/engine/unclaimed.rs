//! What was made for a caller who has not taken it yet: given up wherever it is dropped.

use std::sync::Arc;

use hibernaculum_core::SandboxId;

use super::Inner;
use crate::provider::Provider;
use crate::session::Port;

/// A sandbox or a session on its way to the caller. A value can get lost in a channel, or with a future that is dropped: it is ended then.
pub(super) struct Unclaimed<P: Provider> {
    inner: Arc<Inner<P>>,
    what: Option<What>,
}

enum What {
    Sandbox(SandboxId),
    Session(Arc<Port>),
}

impl<P: Provider> Unclaimed<P> {
    pub(super) fn sandbox(inner: &Arc<Inner<P>>, sandbox: SandboxId) -> Self {
        Self { inner: Arc::clone(inner), what: Some(What::Sandbox(sandbox)) }
    }

    pub(super) fn session(inner: &Arc<Inner<P>>, port: &Arc<Port>) -> Self {
        Self { inner: Arc::clone(inner), what: Some(What::Session(Arc::clone(port))) }
    }

    /// The caller has it.
    pub(super) fn claim(mut self) {
        self.what = None;
    }
}

impl<P: Provider> Drop for Unclaimed<P> {
    fn drop(&mut self) {
        let Some(what) = self.what.take() else { return };
        let inner = Arc::clone(&self.inner);
        self.inner.runtime.spawn(async move {
            match what {
                What::Sandbox(sandbox) => inner.destroy(sandbox).await,
                What::Session(port) => inner.close(&port).await,
            }
        });
    }
}
