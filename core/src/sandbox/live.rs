//! How many live checkpoints a sandbox may keep.

use serde::{Deserialize, Serialize};

use crate::ByteSize;
use crate::error::ConfigError;

/// What the live checkpoints of a sandbox may take, all together. One more is refused with [`crate::CheckpointError::Limit`].
///
/// A live checkpoint is a process that sleeps. It shares all its memory with its session at first; what the session writes to
/// afterwards, both have for themselves.
///
/// ```
/// use hibernaculum_core::{ByteSize, LiveLimits, SandboxSpec};
///
/// let limits = LiveLimits::default().count(8).memory(ByteSize::gib(2));
/// let spec = SandboxSpec::builder().live_checkpoints(limits).build()?;
/// assert_eq!(spec.live_checkpoints.count, 8);
/// # Ok::<(), hibernaculum_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LiveLimits {
    /// How many there may be: 64 unless it is said otherwise. At most 10,000; 0 refuses all.
    pub count: usize,
    /// How much memory of their own they may have before another one is made. Unset: as much as the sandbox.
    pub memory: Option<ByteSize>,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self { count: 64, memory: None }
    }
}

impl LiveLimits {
    /// Sets how many there may be: at most 10,000, which [`SandboxSpec::validate`](crate::SandboxSpec::validate) checks; 0 refuses all. Unset: 64.
    #[must_use]
    pub fn count(mut self, most: usize) -> Self {
        self.count = most;
        self
    }

    /// Sets how much memory of their own they may have before another one is made. Unset: as much as the sandbox.
    #[must_use]
    pub fn memory(mut self, most: ByteSize) -> Self {
        self.memory = Some(most);
        self
    }

    /// Refuses what makes no sense.
    pub(super) fn validate(self) -> Result<(), ConfigError> {
        if self.count > 10_000 {
            let field = "live_checkpoints.count".to_owned();
            let rule = "must be at most 10000".to_owned();
            return Err(ConfigError::Invalid { field, value: self.count.to_string(), rule });
        }
        Ok(())
    }
}
