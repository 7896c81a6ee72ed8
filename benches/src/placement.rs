//! On which processors containers are measured: on those of this process, where that may not have all of the machine's.
//!
//! ```text
//!  taskset --cpu-list 0 hib bench ─▶ sched_getaffinity: 0, of two ─▶ both containers, the product's and the floor's: cpuset 0
//!                   hib bench     ─▶ sched_getaffinity: all       ─▶ the scheduler's business
//! ```
//!
//! A container is the engine's child and inherits nothing from here. Left to the scheduler, one of them is on this process' core and the other is not; a round
//! trip between two cores takes several times as long as one on a single core, and the ratio of the two tells of nothing but that.

use std::fs;

use rustix::thread::{CpuSet, sched_getaffinity};

/// The processors of this thread, as a list of numbers; nothing where it has all that are online.
pub(crate) fn narrowed() -> Option<String> {
    let all = online(&fs::read_to_string("/sys/devices/system/cpu/online").ok()?)?;
    let set = sched_getaffinity(None).ok()?;
    let ours: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|number| set.is_set(*number)).collect();
    (ours.len() < all).then(|| ours.iter().map(usize::to_string).collect::<Vec<_>>().join(","))
}

/// How many processors are in the kernel's list: `0-3,7`.
fn online(list: &str) -> Option<usize> {
    let parts = list.trim().split(',').map(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        Some((to + 1).saturating_sub(from))
    });
    parts.sum()
}

#[cfg(test)]
mod tests {
    use rustix::thread::sched_setaffinity;

    use super::*;

    #[test]
    fn the_kernels_list_is_counted() {
        for (list, count) in [("0\n", 1), ("0-1\n", 2), ("0-3,7,9-10", 7)] {
            assert_eq!(online(list), Some(count), "{list}");
        }
        assert_eq!((online(""), online("x-1")), (None, None));
    }

    #[test]
    fn a_process_that_is_pinned_knows_where() {
        // A thread of its own, for it stays there.
        let pinned = std::thread::spawn(|| {
            let before = sched_getaffinity(None).unwrap();
            let mut one = CpuSet::new();
            let last = (0..CpuSet::MAX_CPU).rev().find(|number| before.is_set(*number)).unwrap();
            one.set(last);
            sched_setaffinity(None, &one).unwrap();
            (last, narrowed())
        });
        let (last, narrowed) = pinned.join().unwrap();
        let machine = fs::read_to_string("/sys/devices/system/cpu/online").unwrap();
        let is_the_only_one = online(&machine) == Some(1);
        assert_eq!(narrowed, (!is_the_only_one).then(|| last.to_string()));
    }
}
