//! The processes of a sandbox: found by a mark in their environment, ended with everything below them.
//!
//! A process belongs to a mark if its environment has it, or if it descends from one whose environment does. `/proc` is looked through again and
//! again, because what is about to die may be forking; two looks that find nothing are the end of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How many looks must find nothing.
const EMPTY_LOOKS: u32 = 2;
/// How long the end of a tree may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A variable of the environment that nobody else has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    name: &'static str,
    value: String,
}

impl Mark {
    /// Of a whole sandbox.
    pub(crate) fn sandbox(id: &str) -> Self {
        Self { name: "DAYTONA_STAND_IN_SANDBOX", value: id.to_owned() }
    }

    /// Of one process session, or one command, of a sandbox.
    pub(crate) fn session(sandbox: &str, id: &str) -> Self {
        Self { name: "DAYTONA_STAND_IN_SESSION", value: format!("{sandbox}/{id}") }
    }

    pub(crate) fn set(&self, command: &mut tokio::process::Command) {
        command.env(self.name, &self.value);
    }

    /// Kills all of them, and gives how many were left when time was up.
    pub(crate) fn end(&self) -> usize {
        let deadline = Instant::now() + LIMIT;
        let mut empty = 0;
        loop {
            let found = self.signal(Signal::KILL);
            empty = if found == 0 { empty + 1 } else { 0 };
            if empty == EMPTY_LOOKS || Instant::now() >= deadline {
                return found;
            }
            std::thread::yield_now();
        }
    }

    /// Sends all that are found now a signal, and gives how many there were.
    pub(crate) fn signal(&self, signal: Signal) -> usize {
        let found = self.pids();
        for pid in found.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            let _ = kill_process(pid, signal);
        }
        found.len()
    }

    /// Those that live now.
    pub(crate) fn pids(&self) -> BTreeSet<i32> {
        let mark = format!("{}={}", self.name, self.value).into_bytes();
        let own = std::process::id().cast_signed();
        let all: BTreeMap<i32, Process> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| *pid != own)
            .filter_map(|pid| Some((pid, Process::read(pid, &mark)?)))
            .collect();
        let mut mine: BTreeSet<i32> =
            all.iter().filter(|(_, process)| process.marked).map(|(pid, _)| *pid).collect();
        loop {
            let children: Vec<i32> = all
                .iter()
                .filter(|(pid, process)| mine.contains(&process.parent) && !mine.contains(*pid))
                .map(|(pid, _)| *pid)
                .collect();
            if children.is_empty() {
                return mine;
            }
            mine.extend(children);
        }
    }
}

struct Process {
    parent: i32,
    marked: bool,
}

impl Process {
    /// Nothing of one that is gone, or dead but for its parent's `wait`.
    fn read(pid: i32, mark: &[u8]) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything; the state and the parent come after the last one.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        let parent = fields.next()?.parse().ok()?;
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let marked = environment.split(|byte| *byte == 0).any(|variable| variable == mark);
        Some(Self { parent, marked })
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::io::{AsyncBufReadExt as _, BufReader};
    use tokio::process::Command;

    use super::*;

    #[tokio::test]
    async fn the_marked_and_what_is_below_them_end_and_nobody_else() {
        let (mine, other) = (Mark::sandbox("mine"), Mark::sandbox("other"));
        let start = async |mark: &Mark| {
            let mut command = Command::new("/bin/sh");
            // A shell, and a process below it with neither the mark nor the process group.
            command.args(["-c", "setsid env -i /bin/sleep 600 & echo $!; wait"]).stdout(Stdio::piped());
            mark.set(&mut command);
            let mut shell = command.kill_on_drop(true).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
            (shell, line.trim().parse::<i32>().unwrap())
        };
        let ((mut shell, stray), (_kept, kept_stray)) = (start(&mine).await, start(&other).await);
        assert!(mine.pids().contains(&stray));
        assert_eq!(mine.end(), 0);
        assert!(shell.wait().await.unwrap().code().is_none(), "killed by a signal");
        assert!(mine.pids().is_empty());
        assert!(other.pids().contains(&kept_stray));
        assert_eq!(other.end(), 0);
    }
}
