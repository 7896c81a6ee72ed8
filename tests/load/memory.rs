//! What memory this process takes.

use std::alloc::System;
use std::time::Duration;

use cap::Cap;
use hibernaculum_tests::processes::resident;
use tokio::time::Instant;

/// Counts what is allocated: what is resident depends on what an allocator keeps for later.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// How much more may be allocated afterwards, in bytes: what tables have grown by that are kept for good.
const ALLOCATED: usize = 256 << 10;
/// How much more may be resident, in KiB: what the allocator keeps of what two hundred sessions needed at once.
const RESIDENT: u64 = 256 << 10;

#[derive(Debug, Clone)]
pub(crate) struct Memory {
    allocated: usize,
    /// In KiB.
    resident: u64,
}

impl Memory {
    pub(crate) fn take() -> Self {
        Self { allocated: ALLOCATOR.allocated(), resident: resident(std::process::id()).unwrap() }
    }

    /// Waits until no more than this is taken again: what ends in the background may take a moment.
    pub(crate) async fn expect_again(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let now = Self::take();
            if now.allocated <= self.allocated + ALLOCATED && now.resident <= self.resident + RESIDENT {
                return;
            }
            assert!(Instant::now() < until, "taken before: {self:?}; taken now: {now:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
