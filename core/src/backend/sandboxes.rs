//! Sandboxes: made, found, ended, let go of and taken over.

use async_trait::async_trait;

use crate::error::{Error, Unsupported};
use crate::{Feature, SandboxId, SandboxInfo, SandboxSpec};

/// Makes, finds and ends sandboxes.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Sandboxes: Send + Sync {
    /// Makes a sandbox and waits until it takes sessions.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend) -> Result<(), hibernaculum_core::Error> {
    /// let sandbox = backend.create(hibernaculum_core::SandboxSpec::default()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a spec that makes no sense, [`Error::Unsupported`] for one that this backend cannot keep,
    /// [`Error::Sandbox`] where it did not start.
    ///
    /// # Cancel safety
    ///
    /// A sandbox whose making is given up is ended by the backend.
    async fn create(&self, spec: SandboxSpec) -> Result<SandboxInfo, Error>;

    /// Tells about a sandbox.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// println!("{:?}", backend.get(&id).await?.state);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::SandboxError::Unknown`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn get(&self, sandbox: &SandboxId) -> Result<SandboxInfo, Error>;

    /// Lists the sandboxes, the oldest first.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend) -> Result<(), hibernaculum_core::Error> {
    /// for sandbox in backend.list().await? {
    ///     println!("{}", sandbox.id);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] where the backend cannot be asked.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn list(&self) -> Result<Vec<SandboxInfo>, Error>;

    /// Ends a sandbox with everything in it, and waits until nothing is left. That it is gone already is no error.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// backend.destroy(&id).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] where the backend cannot be asked.
    ///
    /// # Cancel safety
    ///
    /// The sandbox is ended all the same when the future is dropped.
    async fn destroy(&self, sandbox: &SandboxId) -> Result<(), Error>;

    /// Ends a sandbox as soon as may be, without waiting: what a handle that is dropped calls. Never blocks.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// backend.abandon(&id); // what `Drop` does: it ends soon
    /// # Ok(()) }
    /// ```
    fn abandon(&self, sandbox: &SandboxId);

    /// Takes over the sandboxes that linger, because their host is gone or released them: the oldest first, each with its sessions and live
    /// checkpoints as they are now. What an execution did meanwhile is told to whoever attaches to it: after a
    /// [`Gap`](crate::EventKind::Gap) without bounds, at most the last 1 MiB of its output, what it asks, and how it ended;
    /// [`SessionInfo::last_execution`](crate::SessionInfo::last_execution) names it. Its deadline counts on meanwhile.
    ///
    /// Only sandboxes of the same owner are found: backends that were made with the same key. One whose host lives is not touched.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend) -> Result<(), hibernaculum_core::Error> {
    /// for sandbox in backend.adopt().await? {
    ///     println!("{} goes on, with {} sessions", sandbox.id, sandbox.sessions);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without [`Feature::Linger`]; [`Error::Sandbox`] and [`Error::Transport`] where nobody can be asked what there is. A
    /// sandbox that cannot be taken over is left out.
    ///
    /// # Cancel safety
    ///
    /// What was found is adopted all the same when the future is dropped: [`Sandboxes::list`] tells.
    async fn adopt(&self) -> Result<Vec<SandboxInfo>, Error> {
        Err(Unsupported::feature(self.sandboxes_backend(), Feature::Linger).into())
    }

    /// Lets go of a sandbox that lingers without its host ([`HostLoss::Linger`](crate::HostLoss::Linger)), and does not end it: what runs goes on, for
    /// [`Sandboxes::adopt`] of this or another program to take over. Executions that wait in a queue are refused as those of a closed session, and streams end.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// backend.release(&id).await?; // before an update of this program, say
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::SandboxError::Unknown`]; [`crate::ConfigError::Invalid`] for a sandbox that ends with its host; [`Error::Unsupported`] without
    /// [`Feature::Linger`].
    ///
    /// # Cancel safety
    ///
    /// It is released all the same when the future is dropped.
    async fn release(&self, sandbox: &SandboxId) -> Result<(), Error> {
        let _ = sandbox;
        Err(Unsupported::feature(self.sandboxes_backend(), Feature::Linger).into())
    }

    /// The backend's name, as its [`Features`](crate::Features) have it: refusals tell it.
    ///
    /// ```
    /// # fn example(backend: &dyn hibernaculum_core::Backend) {
    /// assert_eq!(backend.sandboxes_backend(), backend.features().backend);
    /// # }
    /// ```
    fn sandboxes_backend(&self) -> &str;
}
