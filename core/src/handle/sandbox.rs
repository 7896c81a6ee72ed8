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
    pub(super) fn owning(backend: Arc<dyn Backend>, id: SandboxId) -> Self {
        Self { backend, id, owned: true }
    }

    /// Makes a sandbox.
    ///
    /// ```
    /// # async fn example(backend: std::sync::Arc<dyn hibernaculum_core::Backend>) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::{Sandbox, SandboxSpec};
    ///
    /// let spec = SandboxSpec::builder().preload(["json"]).build()?;
    /// let sandbox = Sandbox::create(&backend, spec).await?;
    /// # Ok(()) }
    /// ```
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
        Ok(Self::owning(Arc::clone(backend), info.id))
    }

    /// A handle for a sandbox that is there already; dropping it leaves the sandbox alone.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// let other = hibernaculum_core::Sandbox::of(sandbox.backend(), sandbox.id()); // dropping it ends nothing
    /// # Ok(()) }
    /// ```
    pub fn of(backend: &Arc<dyn Backend>, id: SandboxId) -> Self {
        Self { backend: Arc::clone(backend), id, owned: false }
    }

    /// Takes over the sandboxes that linger: see [`crate::Sandboxes::adopt`]. Dropping a handle ends its sandbox.
    ///
    /// ```
    /// # async fn example(backend: std::sync::Arc<dyn hibernaculum_core::Backend>) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::{Sandbox, Session};
    ///
    /// for sandbox in Sandbox::adopt(&backend).await? {
    ///     for info in backend.sessions(&sandbox.id()).await? {
    ///         let session = Session::of(&backend, info.id);
    ///         println!("{:?}", session.execute("x").await?.value());
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::Sandboxes::adopt`].
    ///
    /// # Cancel safety
    ///
    /// As [`crate::Sandboxes::adopt`].
    pub async fn adopt(backend: &Arc<dyn Backend>) -> Result<Vec<Self>, Error> {
        let found = backend.adopt().await?;
        Ok(found.into_iter().map(|info| Self::owning(Arc::clone(backend), info.id)).collect())
    }

    /// Its id.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// assert!(sandbox.id().to_string().starts_with("sbx_"));
    /// # Ok(()) }
    /// ```
    pub fn id(&self) -> SandboxId {
        self.id
    }

    /// The backend that it is on.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// println!("{}", sandbox.backend().features().backend);
    /// # Ok(()) }
    /// ```
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// What is known of it now.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// println!("code runs in {}", sandbox.info().await?.workdir);
    /// # Ok(()) }
    /// ```
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
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// let session = sandbox.session().await?;
    /// session.execute("x = 41").await?;
    /// # Ok(()) }
    /// ```
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
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::SessionSpec;
    ///
    /// let session = sandbox.session_with(SessionSpec::default().queue_limit(1)).await?;
    /// # Ok(()) }
    /// ```
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
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// sandbox.files().write("notes.txt", "winter").await?;
    /// # Ok(()) }
    /// ```
    pub fn files(&self) -> Files<'_> {
        Files::of(self)
    }

    /// Lets the sandbox live on without the handle.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// let id = sandbox.keep(); // it ends with the backend
    /// # Ok(()) }
    /// ```
    pub fn keep(mut self) -> SandboxId {
        self.owned = false;
        self.id
    }

    /// Lets go of the sandbox, which goes on without this program until somebody adopts it: see [`crate::Sandboxes::release`].
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// sandbox.release().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::Sandboxes::release`]; then the sandbox ends with this handle.
    ///
    /// # Cancel safety
    ///
    /// It is released all the same when the future is dropped; before its first poll it is left as [`Sandbox::keep`] leaves it. It is not ended.
    pub fn release(self) -> impl Future<Output = Result<(), Error>> + Send {
        let backend = Arc::clone(&self.backend);
        // Here, and not with the first poll: to drop the future is not to drop the handle.
        let id = self.keep();
        async move {
            let released = backend.release(&id).await;
            if released.is_err() {
                backend.abandon(&id);
            }
            released
        }
    }

    /// Ends the sandbox with everything in it, and waits until nothing is left.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// sandbox.close().await?;
    /// # Ok(()) }
    /// ```
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
