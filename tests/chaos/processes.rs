//! The processes of a sandbox, as the machine sees them.

use std::fs;
use std::time::Duration;

use hibernaculum::Sandbox;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);

/// The supervisor's process id.
pub(crate) async fn supervisor_of(sandbox: &Sandbox) -> u32 {
    let session = sandbox.session().await.unwrap();
    let result = session.execute("import os; os.getppid()").await.unwrap();
    let pid = result.value().unwrap().repr.parse().unwrap();
    session.close().await.unwrap();
    pid
}

/// Its children that are sessions, or copies of such: they map a session's page.
pub(crate) fn sessions_under(supervisor: u32) -> Vec<u32> {
    let children = children(supervisor).into_iter();
    children.filter(|pid| maps(*pid).contains("/memfd:hibernaculum-ses")).collect()
}

/// Sends a signal to that process, if it is what it was: the supervisor, or a child of it.
pub(crate) fn send(pid: u32, supervisor: u32, signal: Signal) -> bool {
    let Some(target) = Pid::from_raw(pid.cast_signed()) else { return false };
    let Ok(handle) = pidfd_open(target, PidfdFlags::empty()) else { return false };
    let is_ours = pid == supervisor || children(supervisor).contains(&pid);
    is_ours && pidfd_send_signal(handle, signal).is_ok()
}

fn children(pid: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

fn maps(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a supervisor has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Holdings {
    descriptors: usize,
    children: usize,
}

impl Holdings {
    pub(crate) fn of(supervisor: u32) -> Self {
        let descriptors = fs::read_dir(format!("/proc/{supervisor}/fd")).map_or(0, Iterator::count);
        Self { descriptors, children: children(supervisor).len() }
    }

    /// Waits until it has no more than this again. One zygote, with its socket, may have come to be.
    pub(crate) async fn expect_again(&self, supervisor: u32) {
        eventually(|| {
            let now = Self::of(supervisor);
            let as_before = now.descriptors <= self.descriptors + 2 && now.children <= self.children + 1;
            if as_before { Ok(()) } else { Err(format!("the supervisor had {self:?}, and has {now:?}")) }
        })
        .await;
    }
}

/// Waits until no process of these sessions is left on this machine.
pub(crate) async fn expect_no_process_of(sessions: &[String]) {
    eventually(|| {
        let pids = fs::read_dir("/proc").into_iter().flatten();
        let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let left: Vec<u32> = pids
            .filter(|pid| {
                let maps = maps(*pid);
                sessions.iter().any(|session| maps.contains(&format!("/memfd:hibernaculum-{session} ")))
            })
            .collect();
        if left.is_empty() { Ok(()) } else { Err(format!("processes are left of closed sessions: {left:?}")) }
    })
    .await;
}

async fn eventually(mut look: impl FnMut() -> Result<(), String>) {
    let until = Instant::now() + PATIENCE;
    while let Err(problem) = look() {
        assert!(Instant::now() < until, "{problem}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
