//! How much a sandbox may use where its spec says nothing, and how `disk` is shared out among the places that can be written to.
//!
//! ```text
//!  disk ─┬─ /tmp       a quarter, 256 MiB at most
//!        ├─ /dev/shm   an eighth, 64 MiB at most
//!        └─ /hibernaculum: the working directory, and what `%pip` installs        the rest
//! ```
//!
//! All of it is memory: what is written counts against `memory` as well.

use hibernaculum_core::{ByteSize, LimitKind, Limits};

/// Memory and swap together.
const MEMORY: u64 = 2 << 30;
/// Everything that can be written to.
const DISK: u64 = 1 << 30;
/// Processes and threads.
const PROCESSES: u64 = 1024;
/// Open files of each process.
const OPEN_FILES: u64 = 16384;
/// How long a file may say that it is, holes included; what it holds is bounded by the disk.
const FILE_SIZE: u64 = 2 << 40;
/// A file system without files takes some; and sixteen files are few enough for anybody.
const LEAST: u64 = 64 * 1024;

/// What a container is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) memory: u64,
    /// Billionths of a processor; unset: all that the engine has.
    pub(crate) nano_cpus: Option<u64>,
    pub(crate) processes: u64,
    pub(crate) open_files: u64,
    pub(crate) file_size: u64,
    pub(crate) tmp: u64,
    pub(crate) shm: u64,
    pub(crate) work: u64,
}

/// What holds of the limits that a spec leaves unset.
pub(crate) fn unset() -> Limits {
    Limits {
        memory: Some(ByteSize::bytes(MEMORY)),
        processes: Some(PROCESSES),
        disk: Some(ByteSize::bytes(DISK)),
        process_open_files: Some(OPEN_FILES),
        process_file_size: Some(ByteSize::bytes(FILE_SIZE)),
        ..Limits::default()
    }
}

/// The same, at an engine that cannot enforce those.
pub(crate) fn told(unlimited: &[LimitKind]) -> Limits {
    let mut limits = unset();
    if unlimited.contains(&LimitKind::Memory) {
        limits.memory = None;
    }
    if unlimited.contains(&LimitKind::Processes) {
        limits.processes = None;
    }
    limits
}

impl Room {
    /// `cpus`: how many the engine has; it refuses more.
    pub(crate) fn of(limits: &Limits, cpus: u32) -> Self {
        let disk = limits.disk.map_or(DISK, ByteSize::as_u64).max(4 * LEAST);
        let (tmp, shm) = ((disk / 4).min(256 << 20), (disk / 8).min(64 << 20));
        let page = |bytes: u64| bytes.next_multiple_of(4096);
        Self {
            memory: limits.memory.map_or(MEMORY, ByteSize::as_u64),
            nano_cpus: limits.cpus.map(|share| nanos(share.min(f64::from(cpus)))),
            // docker-init and the keeper are not the sandbox's to count.
            processes: limits.processes.unwrap_or(PROCESSES).saturating_add(2),
            open_files: limits.process_open_files.unwrap_or(OPEN_FILES).max(OPEN_FILES),
            file_size: FILE_SIZE,
            tmp: page(tmp),
            shm: page(shm),
            work: page(disk - tmp - shm),
        }
    }

    /// How many files a place of this size may have: one for each 4 KiB, and some.
    pub(crate) fn inodes(bytes: u64) -> u64 {
        (bytes / 4096).clamp(1024, 1 << 20)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is positive and at most the engine's processors"
)]
fn nanos(share: f64) -> u64 {
    // The engine refuses less than a hundredth.
    (share.max(0.01) * 1e9).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_unset_limits_is_what_is_given() {
        let (given, told) = (Room::of(&Limits::default(), 2), Room::of(&unset(), 2));
        assert_eq!(given, told);
        assert_eq!(unset().process_file_size, Some(ByteSize::bytes(given.file_size)));
    }

    #[test]
    fn the_places_that_can_be_written_to_make_up_the_disk() {
        for disk in [ByteSize::mib(1), ByteSize::mib(64), ByteSize::gib(8)] {
            let room = Room::of(&Limits { disk: Some(disk), ..Limits::default() }, 2);
            assert_eq!(room.tmp + room.shm + room.work, disk.as_u64(), "{disk}");
        }
    }

    #[test]
    fn a_share_is_what_the_engine_takes() {
        let of = |cpus| Room::of(&Limits { cpus: Some(cpus), ..Limits::default() }, 2).nano_cpus;
        assert_eq!((of(0.5), of(1e-9), of(64.0)), (Some(500_000_000), Some(10_000_000), Some(2_000_000_000)));
    }
}
