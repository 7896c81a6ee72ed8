//! What a backend is: the traits that everything else stands on.

mod execution;
mod sandboxes;

#[cfg(feature = "mocks")]
pub use self::execution::MockSandboxExecution;
pub use self::execution::SandboxExecution;
#[cfg(feature = "mocks")]
pub use self::sandboxes::MockSandboxes;
pub use self::sandboxes::Sandboxes;
use crate::{Features, SandboxCheckpoints, SandboxFiles, SandboxSnapshots};

/// A kind of place that can run sandboxes. Object safe: programs hold an `Arc<dyn Backend>`.
pub trait Backend:
    Sandboxes + SandboxExecution + SandboxCheckpoints + SandboxFiles + SandboxSnapshots
{
    /// What this backend can do. What is not listed answers [`Error::Unsupported`](crate::Error::Unsupported).
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend) -> Result<(), hibernaculum_core::Error> {
    /// println!("{} offers {:?}", backend.features().backend, backend.features().features);
    /// # Ok(()) }
    /// ```
    fn features(&self) -> &Features;
}
