//! Processes as the machine sees them: whose children they are, and what they hold.

use std::fs;

/// The children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// All below a process.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = children(pid);
    let mut next = 0;
    while let Some(child) = found.get(next) {
        let more = children(*child);
        found.extend(more);
        next += 1;
    }
    found
}

/// The parent of a process.
pub fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// How many descriptors a process has.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// The memory that a process has resident, in KiB.
pub fn resident(pid: u32) -> Option<u64> {
    field(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// A process' share of memory that is nobody's file, in KiB: what code and libraries take depends on who else maps them.
pub fn share(pid: u32) -> Option<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    Some(field(&path, "Pss_Anon:")? + field(&path, "Pss_Shmem:")?)
}

fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}
