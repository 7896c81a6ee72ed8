//! What this process holds: descriptors, threads, children.

use std::fs;
use std::time::Duration;

use hibernaculum_tests::processes::{descriptors, parent};
use tokio::time::Instant;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Census {
    descriptors: usize,
    threads: usize,
    children: Vec<u32>,
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
        }
    }

    /// Waits until this is held again, or less: what ends in the background may take a moment.
    pub(crate) async fn expect_again(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let now = Self::take();
            let as_before = now.descriptors <= self.descriptors
                && now.threads <= self.threads
                && now.children.iter().all(|child| self.children.contains(child));
            if as_before {
                return;
            }
            assert!(Instant::now() < until, "held before: {self:?}; held now: {now:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
