//! What those who work in a sandbox and those who attack it know of each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hibernaculum::{Sandbox, SessionId};

/// A sandbox under fire.
pub(crate) struct Fire {
    pub(crate) sandbox: Sandbox,
    pub(crate) supervisor: u32,
    /// Sessions that load a portable checkpoint, or may: nobody is to stop them for good, since a load has ten minutes.
    loading: Mutex<BTreeMap<String, u32>>,
}

impl Fire {
    pub(crate) fn new(sandbox: Sandbox, supervisor: u32) -> Arc<Self> {
        Arc::new(Self { sandbox, supervisor, loading: Mutex::default() })
    }

    /// That session may load something until this is dropped.
    pub(crate) fn loading(self: &Arc<Self>, session: SessionId) -> Loading {
        let session = session.to_string();
        *self.book().entry(session.clone()).or_default() += 1;
        Loading { fire: Arc::clone(self), session }
    }

    pub(crate) fn is_loading(&self, session: &str) -> bool {
        self.book().get(session).is_some_and(|count| *count > 0)
    }

    fn book(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Fire::loading`].
pub(crate) struct Loading {
    fire: Arc<Fire>,
    session: String,
}

impl Drop for Loading {
    fn drop(&mut self) {
        if let Some(count) = self.fire.book().get_mut(&self.session) {
            *count -= 1;
        }
    }
}
