//! Ending what a keeper left behind: the host's second net, for the case that the keeper was stopped or killed itself.
//!
//! A process belongs to a sandbox if its environment names it ([`crate::environment::MARKER`]), or if it descends from one that does. All of `/proc` is
//! looked through, again and again: what forks meanwhile is found by the next pass.
//!
//! The keeper goes last. Stopped or not it adopts whatever loses its parents, so a daemon without a mark stays a descendant for as long as it lives.
//! And one empty pass proves nothing: a process that is read before its parent, which ends before the scan comes to it, seems to belong to nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use hibernaculum_core::SandboxId;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use crate::environment::MARKER;

/// How many passes must find nothing.
const EMPTY_PASSES: u32 = 2;

/// Kills all but the keeper until nothing is found, then the keeper, within `limit`; gives how many were left then.
pub(crate) fn end(sandbox: &SandboxId, keeper: u32, limit: Duration) -> usize {
    let deadline = Instant::now() + limit;
    let mut left = end_but(sandbox, Some(keeper), deadline);
    left += end_but(sandbox, None, deadline);
    left
}

fn end_but(sandbox: &SandboxId, spared: Option<u32>, deadline: Instant) -> usize {
    let mut empty = 0;
    loop {
        let mut found = find(sandbox);
        found.retain(|pid, _| Some(pid.unsigned_abs()) != spared);
        found.values().for_each(Process::kill);
        empty = if found.is_empty() { empty + 1 } else { 0 };
        if empty == EMPTY_PASSES || Instant::now() >= deadline {
            return found.len();
        }
        std::thread::yield_now();
    }
}

/// A living process. The descriptor is opened before anything is read of it, so that a number that is given away meanwhile hits nobody.
struct Process {
    pid: Pid,
    parent: i32,
    handle: Option<OwnedFd>,
    marked: bool,
}

impl Process {
    /// Nothing for what is no process, is dead but for its parent's `wait`, or is gone by now.
    fn read(name: &str, mark: &[u8]) -> Option<Self> {
        let pid = Pid::from_raw(name.parse().ok()?)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok();
        let stat = fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
        // The name in parentheses may hold anything, parentheses too; the state and the parent come after the last one.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        let parent = fields.next()?.parse().ok()?;
        let environment = fs::read(format!("/proc/{name}/environ")).unwrap_or_default();
        let marked = environment.split(|&byte| byte == 0).any(|variable| variable == mark);
        Some(Self { pid, parent, handle, marked })
    }

    fn kill(&self) {
        // Kernels before 5.3 have no such descriptors; there the number has to do.
        let _ = match &self.handle {
            Some(handle) => pidfd_send_signal(handle, Signal::KILL),
            None => kill_process(self.pid, Signal::KILL),
        };
    }
}

fn find(sandbox: &SandboxId) -> BTreeMap<i32, Process> {
    let mark = format!("{MARKER}={sandbox}").into_bytes();
    let own = std::process::id().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut all: BTreeMap<i32, Process> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| *name != own)
        .filter_map(|name| Process::read(&name, &mark))
        .map(|process| (process.pid.as_raw_nonzero().get(), process))
        .collect();
    let mut belonging: BTreeSet<i32> =
        all.iter().filter(|(_, process)| process.marked).map(|(pid, _)| *pid).collect();
    loop {
        let before = belonging.len();
        let children =
            all.iter().filter(|(_, process)| belonging.contains(&process.parent)).map(|(pid, _)| *pid);
        belonging = belonging.iter().copied().chain(children.collect::<Vec<_>>()).collect();
        if belonging.len() == before {
            break;
        }
    }
    all.retain(|pid, _| belonging.contains(pid));
    all
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    /// A shell with the mark, and a process below it with neither the mark nor the session nor the process group.
    struct Family {
        sandbox: SandboxId,
        shell: std::process::Child,
        stray: i32,
    }

    impl Family {
        fn start() -> Self {
            let sandbox = SandboxId::new();
            let script = "setsid env -i /bin/sleep 600 & echo $!; wait";
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]).env(MARKER, sandbox.to_string()).stdout(Stdio::piped());
            let mut shell = command.spawn().unwrap();
            let mut line = String::new();
            BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            Self { sandbox, shell, stray: line.trim().parse().unwrap() }
        }

        fn alive(&self) -> [bool; 2] {
            [self.shell.id().cast_signed(), self.stray]
                .map(|pid| Process::read(&pid.to_string(), b"").is_some())
        }
    }

    impl Drop for Family {
        fn drop(&mut self) {
            end(&self.sandbox, self.shell.id(), LIMIT);
            let _ = self.shell.wait();
        }
    }

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn the_marked_and_their_descendants_end_and_nobody_else() {
        let (mine, other) = (Family::start(), Family::start());
        assert_eq!(mine.alive(), [true, true]);
        assert_eq!(end(&mine.sandbox, mine.shell.id(), LIMIT), 0);
        assert_eq!(mine.alive(), [false, false]);
        assert_eq!(other.alive(), [true, true]);
    }

    #[test]
    fn the_keeper_goes_last() {
        let mut family = Family::start();
        assert_eq!(end_but(&family.sandbox, Some(family.shell.id()), Instant::now() + LIMIT), 0);
        assert!(!family.alive()[1]);
        // A shell whose last job has ended ends by itself, in order: nobody killed it.
        assert!(family.shell.wait().unwrap().success());
    }
}
