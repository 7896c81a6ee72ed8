//! How a sandbox ends: once, whoever asks for it, and to the last process and file.
//!
//! ```text
//!  stop, kill, drop ──▶ lifeline closed ──▶ the keeper kills all, exits 0 ──▶ reaped ──▶ directory removed ──▶ ended
//!                                  │ not within the grace, or not in order      ▲
//!                                  └──▶ strays killed, the keeper among them ───┘
//! ```

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hibernaculum_core::SandboxId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::sync::watch;

use crate::home::{Home, report};
use crate::removal::remove_tree;
use crate::strays;

/// How long a keeper may take. Killing everything took it 40 ms with 91 processes; this is for a machine that is overloaded.
pub(crate) const GRACE: Duration = Duration::from_secs(3);
/// The same for a process that never said that it was ready: there may be no keeper yet.
pub(crate) const GRACE_UNREADY: Duration = Duration::from_millis(300);
/// How long strays are hunted, and how long the kernel may take to end what was killed.
const BY_FORCE: Duration = Duration::from_secs(5);
/// How often an exit is looked for where the kernel cannot tell of it.
const LOOK: Duration = Duration::from_millis(5);

/// What has to be ended and removed.
#[derive(Debug)]
pub(crate) struct Remains {
    pub(crate) sandbox: SandboxId,
    /// The keeper.
    pub(crate) child: Child,
    /// Its stdin: the end of this is the end of the sandbox.
    pub(crate) lifeline: Option<OwnedFd>,
    /// The sandbox's own directory.
    pub(crate) directory: PathBuf,
}

impl Remains {
    /// Blocks until nothing is left.
    fn end(mut self, grace: Duration) {
        self.lifeline = None;
        let in_order = exit_within(&mut self.child, grace).is_some_and(|status| status.success());
        if !in_order {
            tracing::debug!(sandbox = %self.sandbox, "the keeper did not end its sandbox: the host does");
            let left = strays::end(&self.sandbox, self.child.id(), BY_FORCE);
            // The keeper carries the mark as well; this is for a child that cleared its environment.
            let _ = self.child.kill();
            if exit_within(&mut self.child, BY_FORCE).is_none() || left > 0 {
                tracing::warn!(sandbox = %self.sandbox, left, "processes are left that cannot be killed");
            }
        }
        report(&self.directory, remove_tree(&self.directory));
    }
}

/// Waits for a child's exit, and reaps it.
fn exit_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    let pid = Pid::from_raw(child.id().cast_signed());
    let handle = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        let exit = handle.as_ref().map(|handle| PollFd::from_borrowed_fd(handle.as_fd(), PollFlags::IN));
        let wait = if exit.is_some() { left } else { left.min(LOOK) };
        // Interrupted or not, the loop looks again. Without a descriptor this only waits.
        let _ =
            poll(exit.into_iter().collect::<Vec<_>>().as_mut_slice(), Timespec::try_from(wait).ok().as_ref());
    }
}

/// The one ending of a sandbox. Dropping it begins it.
#[derive(Debug)]
pub(crate) struct Ending {
    remains: Mutex<Option<Remains>>,
    over: watch::Sender<bool>,
    home: Arc<Home>,
}

impl Ending {
    pub(crate) fn new(remains: Remains, home: Arc<Home>) -> Self {
        Self { remains: Mutex::new(Some(remains)), over: watch::Sender::new(false), home }
    }

    /// Begins the ending, unless it has begun.
    pub(crate) fn begin(&self, grace: Duration) {
        let Some(remains) = self.lock().take() else { return };
        let over = Over(self.over.clone());
        self.home.endings().run(move || {
            remains.end(grace);
            drop(over);
        });
    }

    /// Waits until it is over.
    pub(crate) async fn over(&self) {
        // The sender is ours: it cannot be gone.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    /// Keeps what the sandbox lives by.
    pub(crate) fn hold(&self, lifeline: OwnedFd) {
        if let Some(remains) = self.lock().as_mut() {
            remains.lifeline = Some(lifeline);
        }
    }

    /// Does something with the first process, before anything has begun.
    pub(crate) fn with_child<T>(&self, work: impl FnOnce(&mut Child) -> io::Result<T>) -> io::Result<T> {
        let mut remains = self.lock();
        remains.as_mut().map_or_else(
            || Err(io::Error::other("the sandbox has ended")),
            |remains| work(&mut remains.child),
        )
    }

    /// How the first process ended, if it has.
    pub(crate) fn exit_status(&self) -> Option<ExitStatus> {
        self.lock().as_mut().and_then(|remains| remains.child.try_wait().ok().flatten())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Remains>> {
        self.remains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.begin(GRACE);
    }
}

/// Says that it is over, even where there was no thread to do the work: those who wait must not wait for ever.
struct Over(watch::Sender<bool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}
