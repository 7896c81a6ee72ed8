//! Ends a run that no deadline ends: a case that blocks a thread of its runtime is never polled again, and neither is what would give it up.
//!
//! ```text
//!  Attempt ── watch(name) ──▶ Watched ── dropped when the case is done
//!                                │
//!  a thread of its own, which needs no runtime: looks whether one is overdue ──▶ tells which cases run, and ends the process
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Looks after cases, by the world's clock.
pub(crate) struct Watchdog {
    cases: Arc<Mutex<Cases>>,
    /// Its end is the thread's.
    _held: SyncSender<()>,
}

#[derive(Default)]
struct Cases {
    begun: u64,
    /// Those that run, the oldest first.
    running: BTreeMap<u64, (String, Instant)>,
}

/// A case that runs, until this is dropped.
pub(crate) struct Watched {
    cases: Arc<Mutex<Cases>>,
    number: u64,
}

impl Watchdog {
    /// Calls `end` with a report, once, when a case has run for longer than `limit`.
    pub(crate) fn start(limit: Duration, end: impl FnOnce(&str) + Send + 'static) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the thread must not need a runtime")]
        let (held, let_go) = mpsc::sync_channel(0);
        let cases = Arc::new(Mutex::new(Cases::default()));
        let watched = Arc::clone(&cases);
        thread::spawn(move || {
            while let_go.recv_timeout(limit / 10) == Err(RecvTimeoutError::Timeout) {
                let report = lock(&watched).overdue(limit);
                if let Some(report) = report {
                    return end(&report);
                }
            }
        });
        Self { cases, _held: held }
    }

    /// A case begins.
    pub(crate) fn watch(&self, name: String) -> Watched {
        let mut cases = lock(&self.cases);
        cases.begun += 1;
        let number = cases.begun;
        cases.running.insert(number, (name, Instant::now()));
        drop(cases);
        Watched { cases: Arc::clone(&self.cases), number }
    }
}

impl Cases {
    /// What there is to tell, where one is overdue.
    fn overdue(&self, limit: Duration) -> Option<String> {
        let (_, (_, oldest)) = self.running.first_key_value()?;
        if oldest.elapsed() <= limit {
            return None;
        }
        let mut report = format!(
            "A case has run for more than {limit:.0?}, and its own deadline did not end it: it blocks a thread.\nThe cases that run:\n"
        );
        for (name, began) in self.running.values() {
            let _ = writeln!(report, "  {name}, for {:.0?}", began.elapsed());
        }
        Some(report)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        lock(&self.cases).running.remove(&self.number);
    }
}

/// Every change leaves the list whole, so that a poisoned one is as good as any.
fn lock(cases: &Mutex<Cases>) -> MutexGuard<'_, Cases> {
    cases.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells what hangs, and ends the process: there is no other way to end a thread that is blocked.
pub(crate) fn end_the_process(report: &str) {
    #[expect(clippy::print_stderr, reason = "a test binary speaks to people")]
    {
        eprintln!("\n{report}");
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing else ends a thread that is blocked; sandboxes end with their hosts"
    )]
    std::process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_is_done_in_time_is_nothing_to_tell() {
        let mut cases = Cases::default();
        assert_eq!(cases.overdue(Duration::ZERO), None);
        let limit = Duration::from_mins(1);
        let long_ago = Instant::now().checked_sub(2 * limit).unwrap();
        cases.running.insert(2, ("local::young".to_owned(), Instant::now()));
        assert_eq!(cases.overdue(limit), None);
        cases.running.insert(1, ("local::old".to_owned(), long_ago));
        let report = cases.overdue(limit).unwrap();
        assert!(report.contains("  local::old, for 120s\n  local::young, for "), "{report}");
    }
}
