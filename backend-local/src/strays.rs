//! Ending what a keeper left behind: the host's second net, for the case that the keeper was stopped or killed itself.
//!
//! A process belongs to a sandbox if its environment names it ([`crate::environment::MARKER`]), or if it descends from one that does. All of `/proc` is
//! looked through, again and again: what forks meanwhile is found by the next pass.
//!
//! The keeper is stopped first, so that it starts nothing more, and killed last: stopped or not it adopts whatever loses its parents, so a daemon without
//! a mark stays a descendant for as long as it lives.
//!
//! One empty pass proves nothing: a process that is read before its parent, which ends before the scan comes to it, seems to belong to nobody. Nor does a
//! pass that met a process in the middle of `execve`, which has no environment yet: it is looked at again.

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
    stop_child(keeper);
    let mut left = end_but(sandbox, Some(keeper), deadline);
    left += end_but(sandbox, None, deadline);
    left
}

/// Stops a child of ours; a number that meanwhile went to somebody else's process does not.
fn stop_child(pid: u32) {
    let child = Process::read(&pid.to_string(), b"");
    if let Some(child) = child.filter(|child| child.parent.unsigned_abs() == std::process::id()) {
        child.signal(Signal::STOP);
    }
}

fn end_but(sandbox: &SandboxId, spared: Option<u32>, deadline: Instant) -> usize {
    let mut empty = 0;
    loop {
        let Pass { mut found, undecided } = Pass::over(sandbox);
        found.retain(|pid, _| Some(pid.unsigned_abs()) != spared);
        for process in found.values() {
            process.signal(Signal::KILL);
        }
        empty = if found.is_empty() && !undecided { empty + 1 } else { 0 };
        if empty == EMPTY_PASSES || Instant::now() >= deadline {
            return found.len();
        }
        std::thread::yield_now();
    }
}

/// Whether a process carries the mark of a sandbox.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Present,
    Absent,
    /// It is in the middle of `execve`: its old environment is gone, its new one not yet there.
    Undecided,
}

impl Mark {
    /// Of a process, from its environment and from the fields of its `stat` that follow its name.
    fn read(name: &str, mark: &[u8], stat: &[&str]) -> Self {
        // Not ours to read: not one of ours.
        let Ok(environment) = fs::read(format!("/proc/{name}/environ")) else { return Self::Absent };
        if environment.split(|&byte| byte == 0).any(|variable| variable == mark) {
            return Self::Present;
        }
        let field =
            |number: usize| stat.get(number - 3).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        let is_of_the_kernel = field(stat_field::FLAGS) & PF_KTHREAD != 0;
        let (begins, ends) = (field(stat_field::ENV_START), field(stat_field::ENV_END));
        let has_none = ends != 0 && begins == ends;
        if environment.is_empty() && !is_of_the_kernel && !has_none { Self::Undecided } else { Self::Absent }
    }
}

/// Numbers of the fields of `/proc/PID/stat`, as `proc_pid_stat(5)` counts them; the state, after the name, is the third.
mod stat_field {
    pub(super) const FLAGS: usize = 9;
    pub(super) const ENV_START: usize = 50;
    pub(super) const ENV_END: usize = 51;
}

/// The flag of a thread of the kernel, which has no environment and never will: `PF_KTHREAD` of Linux's `sched.h`.
const PF_KTHREAD: u64 = 0x0020_0000;

/// A living process. The descriptor is opened before anything is read of it, so that a number that is given away meanwhile hits nobody.
struct Process {
    pid: Pid,
    parent: i32,
    handle: Option<OwnedFd>,
    mark: Mark,
}

impl Process {
    /// Nothing for what is no process, is dead but for its parent's `wait`, or is gone by now.
    fn read(name: &str, mark: &[u8]) -> Option<Self> {
        let pid = Pid::from_raw(name.parse().ok()?)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok();
        let stat = fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
        // The name in parentheses may hold anything, parentheses too; the state and the parent come after the last one.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.trim_end().split(' ').collect();
        let [state, parent, ..] = fields[..] else { return None };
        if matches!(state, "Z" | "X") {
            return None;
        }
        Some(Self { pid, parent: parent.parse().ok()?, handle, mark: Mark::read(name, mark, &fields) })
    }

    fn signal(&self, signal: Signal) {
        // Kernels before 5.3 have no such descriptors; there the number has to do.
        let _ = match &self.handle {
            Some(handle) => pidfd_send_signal(handle, signal),
            None => kill_process(self.pid, signal),
        };
    }
}

/// What one look through `/proc` found.
struct Pass {
    /// The sandbox's processes.
    found: BTreeMap<i32, Process>,
    /// Whether there is another that may be one of them.
    undecided: bool,
}

impl Pass {
    fn over(sandbox: &SandboxId) -> Self {
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
            all.iter().filter(|(_, process)| process.mark == Mark::Present).map(|(pid, _)| *pid).collect();
        loop {
            let before = belonging.len();
            let children =
                all.iter().filter(|(_, process)| belonging.contains(&process.parent)).map(|(pid, _)| *pid);
            belonging = belonging.iter().copied().chain(children.collect::<Vec<_>>()).collect();
            if belonging.len() == before {
                break;
            }
        }
        let undecided =
            all.iter().any(|(pid, process)| process.mark == Mark::Undecided && !belonging.contains(pid));
        all.retain(|pid, _| belonging.contains(pid));
        Self { found: all, undecided }
    }
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
            Self::running("setsid env -i /bin/sleep 600 & echo $!; wait")
        }

        /// The script prints the pid of a process below it.
        fn running(script: &str) -> Self {
            let sandbox = SandboxId::new();
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

    /// What is forked, or in the middle of an `execve`, while `/proc` is looked through is found all the same.
    #[test]
    fn a_keeper_that_goes_on_starting_processes_leaves_none() {
        for _ in 0..10 {
            let family = Family::running(
                "echo $$; n=0; while [ $n -lt 200 ]; do n=$((n+1)); setsid sleep 600 & setsid sleep 600; done",
            );
            assert_eq!(end(&family.sandbox, family.shell.id(), LIMIT), 0);
            let left = Pass::over(&family.sandbox);
            assert!(left.found.is_empty(), "{:?}", left.found.keys().collect::<Vec<_>>());
        }
    }
}
