//! On which processor containers are measured: on one beside this process, where that may not have all of the machine's.
//!
//! ```text
//!  taskset --cpu-list 0 hib bench ─▶ sched_getaffinity: 0, of two ─▶ both containers, the product's and the floor's: cpuset 1
//!                   hib bench     ─▶ sched_getaffinity: all       ─▶ the scheduler's business
//! ```
//!
//! A container is the engine's child and inherits nothing from here. Left to the scheduler, one of the two is on this process' processor and the other is not:
//! a round trip between two processors takes several times as long as one on a single one, and the ratio tells of nothing but that. On a processor of their own
//! they are as the containers of a platform are beside a program that uses them.

use std::fs;

use rustix::thread::sched_getaffinity;

/// The first processor that this thread may not run on; nothing where it may run on all that are online.
pub(crate) fn beside() -> Option<String> {
    let online = numbers(&fs::read_to_string("/sys/devices/system/cpu/online").ok()?)?;
    let ours = sched_getaffinity(None).ok()?;
    online.into_iter().find(|number| !ours.is_set(*number)).map(|number| number.to_string())
}

/// The numbers in the kernel's list: `0-3,7`.
fn numbers(list: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in list.trim().split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        numbers.extend(from..=to);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use rustix::thread::{CpuSet, sched_setaffinity};

    use super::*;

    #[test]
    fn the_kernels_list_is_understood() {
        assert_eq!(numbers("0\n"), Some(vec![0]));
        assert_eq!(numbers("0-3,7,9-10"), Some(vec![0, 1, 2, 3, 7, 9, 10]));
        assert_eq!((numbers(""), numbers("x-1")), (None, None));
    }

    #[test]
    fn a_process_that_is_pinned_knows_what_is_beside_it() {
        // A thread of its own, for it stays there.
        let pinned = std::thread::spawn(|| {
            let before = sched_getaffinity(None).unwrap();
            let mut one = CpuSet::new();
            let first = (0..CpuSet::MAX_CPU).find(|number| before.is_set(*number)).unwrap();
            one.set(first);
            sched_setaffinity(None, &one).unwrap();
            (first, beside())
        });
        let (first, beside) = pinned.join().unwrap();
        let online = numbers(&fs::read_to_string("/sys/devices/system/cpu/online").unwrap()).unwrap();
        let others = online.into_iter().find(|number| *number != first);
        assert_eq!(beside, others.map(|number| number.to_string()));
    }
}
