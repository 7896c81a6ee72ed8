//! What all sandboxes of one backend share: the host's directory, and the count of what is being ended.
//!
//! Endings run on threads of their own, so that they need no runtime: it may be shutting down. Whoever drops the home last waits for them, a few
//! milliseconds as a rule; so a program that ends in order, or by a panic, leaves nothing behind.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::directory::{HostDirectory, StateDirectory, make_private};
use crate::removal::remove_tree;

/// How long the last one waits for endings that take their time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Endings hold little on their stacks.
const STACK: usize = 256 * 1024;

/// The host's directory, and what happens in it.
#[derive(Debug)]
pub(crate) struct Home {
    directory: HostDirectory,
    next: AtomicU64,
    endings: Endings,
}

impl Home {
    /// Makes the host's directory, and has the directories of dead hosts removed.
    pub(crate) fn new(state: &StateDirectory) -> io::Result<Self> {
        let (directory, dead) = state.enter()?;
        let home = Self { directory, next: AtomicU64::new(1), endings: Endings::default() };
        if !dead.is_empty() {
            home.endings
                .run(move || dead.iter().for_each(|host| report(host.path(), remove_tree(host.path()))));
        }
        Ok(home)
    }

    /// A private directory for one more sandbox.
    pub(crate) fn make_sandbox_directory(&self) -> io::Result<PathBuf> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.path().join(number.to_string());
        make_private(&path)?;
        Ok(path)
    }

    pub(crate) fn endings(&self) -> &Endings {
        &self.endings
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.endings.wait(PATIENCE) {
            tracing::warn!(
                "some sandboxes are still being ended; the next start of a backend removes what they leave"
            );
            return;
        }
        report(self.directory.path(), remove_tree(self.directory.path()));
    }
}

/// Says what could not be removed: it will be tried again when the next host starts.
pub(crate) fn report(path: &std::path::Path, removed: io::Result<()>) {
    if let Err(error) = removed {
        tracing::warn!(path = %path.display(), %error, "could not be removed");
    }
}

/// Work that ends things, on threads that are counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endings(Arc<(Mutex<usize>, Condvar)>);

impl Endings {
    /// Runs `work` on a thread of its own. Where none can be had the work is dropped, and with it what it owns.
    pub(crate) fn run(&self, work: impl FnOnce() + Send + 'static) {
        let counted = Counted::new(self.clone());
        let thread = thread::Builder::new().name("hibernaculum-end".to_owned()).stack_size(STACK);
        let started = thread.spawn(move || {
            work();
            drop(counted);
        });
        if let Err(error) = started {
            tracing::warn!(%error, "no thread to end a sandbox with");
        }
    }

    /// Waits until none runs; `false` where the time was not enough.
    fn wait(&self, limit: Duration) -> bool {
        let (running, changed) = &*self.0;
        let running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(running, limit, |running| *running > 0);
        let (running, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *running == 0
    }

    fn change(&self, by: isize) {
        let (running, changed) = &*self.0;
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        *running = running.saturating_add_signed(by);
        changed.notify_all();
    }
}

/// One that runs. Given back even if the work panics.
struct Counted(Endings);

impl Counted {
    fn new(endings: Endings) -> Self {
        endings.change(1);
        Self(endings)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.change(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_drops_the_home_last_waits_for_the_endings() {
        let scene = tempfile::tempdir().unwrap();
        let state = StateDirectory::open(Some(&scene.path().join("state"))).unwrap();
        let home = Home::new(&state).unwrap();
        let directory = home.make_sandbox_directory().unwrap();
        let gate = Arc::new(std::sync::Barrier::new(2));
        let opened = Arc::clone(&gate);
        home.endings().run(move || {
            opened.wait();
            remove_tree(&directory).unwrap();
        });
        let dropping = thread::spawn(move || drop(home));
        gate.wait();
        dropping.join().unwrap();
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_ending_that_panics_is_over() {
        let endings = Endings::default();
        endings.run(|| panic!("on purpose"));
        assert!(endings.wait(Duration::from_secs(10)));
    }
}
