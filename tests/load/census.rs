//! What this process holds: descriptors, threads, children, memory.

use std::alloc::System;
use std::fs;
use std::time::Duration;

use cap::Cap;
use hibernaculum_tests::processes::{descriptors, parent, resident};
use tokio::time::Instant;

/// Counts what is allocated: what is resident depends on what an allocator keeps for later.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// How much more may be allocated afterwards, in bytes: what tables have grown by that are kept for good.
const ALLOCATED: usize = 256 << 10;
/// How much more may be resident, in KiB: what the allocator keeps of what two hundred sessions needed at once.
const RESIDENT: u64 = 256 << 10;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Census {
    descriptors: usize,
    threads: usize,
    children: Vec<u32>,
    allocated: usize,
    /// In KiB.
    resident: u64,
}

impl Census {
    pub(crate) fn take() -> Self {
        let me = std::process::id();
        Self {
            descriptors: descriptors(me),
            threads: fs::read_dir("/proc/self/task").map_or(0, Iterator::count),
            children: fs::read_dir("/proc")
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
                .filter(|pid| parent(*pid) == Some(me))
                .collect(),
            allocated: ALLOCATOR.allocated(),
            resident: resident(me).unwrap(),
        }
    }

    /// Waits until this is held again, or less: what ends in the background may take a moment.
    pub(crate) async fn expect_again(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let now = Self::take();
            let as_before = now.descriptors <= self.descriptors
                && now.threads <= self.threads
                && now.allocated <= self.allocated + ALLOCATED
                && now.resident <= self.resident + RESIDENT
                && now.children.iter().all(|child| self.children.contains(child));
            if as_before {
                println!("held before: {self:?}\nheld now:    {now:?}");
                return;
            }
            assert!(Instant::now() < until, "held before: {self:?}; held now: {now:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
