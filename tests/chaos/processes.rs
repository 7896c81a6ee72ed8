//! The processes of a sandbox, as the machine sees them: who they are, what they hold, and who is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hibernaculum::Sandbox;
use hibernaculum_tests::processes::{children, descendants, descriptors, parent};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);

/// The supervisor's process id, and the directory in which its sandbox works.
pub(crate) async fn home_of(sandbox: &Sandbox) -> (u32, PathBuf) {
    let session = sandbox.session().await.unwrap();
    let result = session.execute("import os; [os.getppid(), os.getcwd()]").await.unwrap();
    let home = serde_json::from_value(result.json().unwrap().clone()).unwrap();
    session.close().await.unwrap();
    home
}

/// A session's process, or a copy of one.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) pid: u32,
    pub(crate) session: String,
}

impl Target {
    /// Whether it is a frozen copy: a guard, or a live checkpoint. It sleeps in the kernel until one byte comes that it does not take
    /// (`recv(bed, at, 1, MSG_PEEK)`, see `clone.py`), which nobody else does.
    pub(crate) fn is_copy(&self) -> bool {
        let path = format!("/proc/{}/syscall", self.pid);
        match fs::read_to_string(&path) {
            Ok(call) => {
                let words: Vec<_> = call.split_whitespace().collect();
                words.get(3..5) == Some(&["0x1", "0x2"])
            }
            // It ended; anything else would have every copy taken for a session.
            Err(error) => {
                assert!(!Path::new(&path).exists() || error.raw_os_error() == Some(3), "{path}: {error}");
                false
            }
        }
    }
}

/// The supervisor's children that are sessions, or copies of such: they map a session's page.
pub(crate) fn sessions_under(supervisor: u32) -> Vec<Target> {
    let children = children(supervisor).into_iter();
    children.filter_map(|pid| Some(Target { pid, session: session_of(&maps(pid))? })).collect()
}

/// The session whose page is mapped.
fn session_of(maps: &str) -> Option<String> {
    let (_, rest) = maps.split_once("/memfd:hibernaculum-ses_")?;
    Some(format!("ses_{}", rest.split_whitespace().next()?))
}

/// Sends a signal to that process, if it is what it was: the supervisor, or a child of it.
pub(crate) fn send(pid: u32, supervisor: u32, signal: Signal) -> bool {
    let Some(target) = Pid::from_raw(pid.cast_signed()) else { return false };
    let Ok(handle) = pidfd_open(target, PidfdFlags::empty()) else { return false };
    let is_ours = pid == supervisor || children(supervisor).contains(&pid);
    is_ours && pidfd_send_signal(handle, signal).is_ok()
}

fn maps(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/maps")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The most descriptors that this process was seen to have.
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Looks how many descriptors this process has.
pub(crate) fn note_descriptors_here() {
    MOST.fetch_max(descriptors(std::process::id()), Ordering::Relaxed);
}

/// The most that were noted.
pub(crate) fn most_descriptors_here() -> usize {
    MOST.load(Ordering::Relaxed)
}

/// What the processes of a sandbox have that are no sessions, and what lies in its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holdings {
    supervisor: usize,
    keeper: usize,
    /// All below the keeper, whosever child they became.
    processes: usize,
    files: Vec<PathBuf>,
}

impl Holdings {
    pub(crate) fn of(supervisor: u32, workdir: &Path) -> Self {
        let keeper = parent(supervisor).unwrap_or_default();
        Self {
            supervisor: descriptors(supervisor),
            keeper: descriptors(keeper),
            processes: descendants(keeper).len(),
            files: workdir.parent().map(files).unwrap_or_default(),
        }
    }

    /// Waits until it has no more than this again. A zygote and a clone in reserve, with their sockets, may have come to be.
    pub(crate) async fn expect_again(&self, supervisor: u32, workdir: &Path) {
        eventually(|| {
            let now = Self::of(supervisor, workdir);
            let as_before = now.supervisor <= self.supervisor + 3
                && now.keeper <= self.keeper
                && now.processes <= self.processes + 2
                && now.files == self.files;
            if as_before { Ok(()) } else { Err(format!("the sandbox had {self:?}, and has {now:?}")) }
        })
        .await;
    }
}

/// All below a directory, in order.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

/// Waits until no process of these sessions is left on this machine.
pub(crate) async fn expect_no_process_of(sessions: &[String]) {
    expect_none("of closed sessions", |pid| {
        session_of(&maps(pid)).is_some_and(|session| sessions.contains(&session))
    })
    .await;
}

/// Waits until no process works below that directory, or was started for it: whatever sessions started is among them.
pub(crate) async fn expect_nobody_in(directory: &Path) {
    let name = directory.to_string_lossy().into_owned();
    expect_none("of a closed sandbox", |pid| {
        let works_there =
            fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(directory));
        let environment = || fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        pid != std::process::id()
            && (works_there || String::from_utf8_lossy(&environment()).contains(&format!("={name}")))
    })
    .await;
}

async fn expect_none(whose: &str, is_one: impl Fn(u32) -> bool) {
    eventually(|| {
        let pids = fs::read_dir("/proc").into_iter().flatten();
        let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let left: Vec<(u32, String)> =
            pids.filter(|pid| is_one(*pid)).map(|pid| (pid, command(pid))).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("processes are left {whose}: {left:?}")) }
    })
    .await;
}

fn command(pid: u32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ").chars().take(120).collect()
}

pub(crate) async fn eventually(mut look: impl FnMut() -> Result<(), String>) {
    let until = Instant::now() + PATIENCE;
    while let Err(problem) = look() {
        assert!(Instant::now() < until, "{problem}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
