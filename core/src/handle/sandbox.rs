//! A sandbox in the hand.

use std::fmt;
use std::sync::Arc;

use super::{Files, Session};
use crate::error::Error;
use crate::{Backend, SandboxId, SandboxInfo, SandboxSpec, SessionSpec};

/// A sandbox that this program owns: dropping the handle ends it, [`Sandbox::close`] ends it and waits.
///
/// [`Sandbox::keep`] lets it live on without a handle, [`Sandbox::of`] takes one up by id.
pub struct Sandbox {
    backend: Arc<dyn Backend>,
    id: SandboxId,
    owned: bool,
}

impl Sandbox {
    /// Makes a sandbox.
    ///
    /// # Errors
    ///
    /// As [`crate::Sandboxes::create`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped.
    pub async fn create(backend: &Arc<dyn Backend>, spec: SandboxSpec) -> Result<Self, Error> {
        let info = backend.create(spec).await?;
        Ok(Self { backend: Arc::clone(backend), id: info.id, owned: true })
    }

    /// A handle for a sandbox that is there already; dropping it leaves the sandbox alone.
    pub fn of(backend: &Arc<dyn Backend>, id: SandboxId) -> Self {
        Self { backend: Arc::clone(backend), id, owned: false }
    }

    /// Its id.
    pub fn id(&self) -> SandboxId {
        self.id
    }

    /// The backend that it is on.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// What is known of it now.
    ///
    /// # Errors
    ///
    /// As [`crate::Sandboxes::get`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    pub async fn info(&self) -> Result<SandboxInfo, Error> {
        self.backend.get(&self.id).await
    }

    /// Opens a session with every default.
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::open_session`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped.
    pub async fn session(&self) -> Result<Session, Error> {
        self.session_with(SessionSpec::default()).await
    }

    /// Opens a session.
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::open_session`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped.
    pub async fn session_with(&self, spec: SessionSpec) -> Result<Session, Error> {
        let info = self.backend.open_session(&self.id, spec).await?;
        Ok(Session::owning(Arc::clone(&self.backend), info.id))
    }

    /// The sandbox's files: to write, read, list, rename and remove.
    pub fn files(&self) -> Files<'_> {
        Files::of(self)
    }

    /// Lets the sandbox live on without the handle.
    pub fn keep(mut self) -> SandboxId {
        self.owned = false;
        self.id
    }

    /// Ends the sandbox with everything in it, and waits until nothing is left.
    ///
    /// # Errors
    ///
    /// As [`crate::Sandboxes::destroy`].
    ///
    /// # Cancel safety
    ///
    /// The sandbox is ended all the same when the future is dropped.
    pub async fn close(mut self) -> Result<(), Error> {
        let done = self.backend.destroy(&self.id).await;
        self.owned = false;
        done
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.owned {
            self.backend.abandon(&self.id);
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("id", &self.id).field("owned", &self.owned).finish_non_exhaustive()
    }
}
