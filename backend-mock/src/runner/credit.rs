//! How much raw output and forwarded text a session may still have sent.

use tokio::sync::Semaphore;

/// What a session begins with.
const AT_FIRST: usize = 1 << 20;
/// The largest piece that is waited for at once.
pub(super) const PIECE: usize = 64 << 10;

/// A session's credit, in bytes.
#[derive(Debug)]
pub(crate) struct Credit(Semaphore);

impl Credit {
    pub(super) fn new() -> Self {
        Self(Semaphore::new(AT_FIRST))
    }

    /// Spends so much, as soon as it is there.
    pub(super) async fn spend(&self, bytes: usize) {
        // The semaphore is never closed, and no piece is beyond its range.
        if let Ok(permit) = self.0.acquire_many(u32::try_from(bytes).unwrap_or(u32::MAX)).await {
            permit.forget();
        }
    }

    /// Spends so much, if it is there.
    pub(super) fn try_spend(&self, bytes: usize) -> bool {
        match self.0.try_acquire_many(u32::try_from(bytes).unwrap_or(u32::MAX)) {
            Ok(permit) => {
                permit.forget();
                true
            }
            Err(_) => false,
        }
    }

    /// Adds what the host has taken.
    pub(super) fn add(&self, bytes: u64) {
        let room = Semaphore::MAX_PERMITS - self.0.available_permits();
        self.0.add_permits(usize::try_from(bytes).unwrap_or(usize::MAX).min(room));
    }
}
