//! How many promises have to be kept at least: a script or a cassette that is lost, or a case that no longer applies, is no failure of its own.

use std::sync::atomic::{AtomicUsize, Ordering};

use hibernaculum_testkit::{Verdict, cases};

/// What became of one subject's cases.
pub(crate) struct Floor {
    pub(crate) name: &'static str,
    least: usize,
    seen: AtomicUsize,
    kept: AtomicUsize,
}

impl Floor {
    pub(crate) const fn of(name: &'static str, least: usize) -> Self {
        Self { name, least, seen: AtomicUsize::new(0), kept: AtomicUsize::new(0) }
    }

    /// A case is tried.
    pub(crate) fn seen(&self) {
        self.seen.fetch_add(1, Ordering::Relaxed);
    }

    /// What became of one.
    pub(crate) fn became(&self, verdict: &Verdict) {
        self.kept.fetch_add(usize::from(*verdict == Verdict::Kept), Ordering::Relaxed);
    }

    /// What there is too little of, once the whole suite was tried; whoever tries a part of it is held to nothing.
    pub(crate) fn lacks(&self) -> Option<String> {
        let (seen, kept) = (self.seen.load(Ordering::Relaxed), self.kept.load(Ordering::Relaxed));
        let is_short = seen == cases::all().count() && kept < self.least;
        is_short.then(|| {
            format!("{} keeps {kept} promises, and at least {} were kept before", self.name, self.least)
        })
    }
}
