//! Saboteurs: backends that break one promise each. They test the suite itself: a test that cannot fail is none.
//!
//! ```text
//!  case ──▶ Sabotaged ── spec, request: bent on the way in ──▶ the real backend
//!                     ◀─ answers, events: bent on the way out ─┘
//! ```
//!
//! Each saboteur names a case that must turn red on it: [`all`] is the list, [`Saboteur::is_caught`] the trial.

mod bends;
mod events;
mod sabotaged;
mod vices;

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::Backend;

use crate::cases;
use crate::verdict::{Verdict, check_within};
use bends::Nothing;
use sabotaged::Sabotaged;

pub use vices::all;

/// Long enough for any case that is red without waiting, and for those that are red because they wait in vain.
const DEADLINE: Duration = Duration::from_secs(5);

/// One broken promise.
#[derive(Debug, Clone, Copy)]
pub struct Saboteur {
    /// What it does, as a name: `drops_a_chunk`.
    pub name: &'static str,
    /// The case that must turn red.
    pub breaks: &'static str,
    vice: fn() -> vices::Vice,
}

impl Saboteur {
    /// Puts the saboteur in front of a backend that keeps its promises.
    pub fn before(&self, honest: &Arc<dyn Backend>) -> Arc<dyn Backend> {
        Arc::new(Sabotaged::new(Arc::clone(honest), (self.vice)()))
    }

    /// Whether its case is red on the sabotaged backend, and green where a saboteur stands there and does nothing.
    ///
    /// # Errors
    ///
    /// What went otherwise, in words.
    pub async fn is_caught(&self, honest: &Arc<dyn Backend>) -> Result<(), String> {
        let Some(case) = cases::all().find(|case| case.name == self.breaks) else {
            return Err(format!("{}: there is no case {}", self.name, self.breaks));
        };
        let bystander: Arc<dyn Backend> = Arc::new(Sabotaged::new(Arc::clone(honest), Box::new(Nothing)));
        let before = check_within(case, &bystander, 6 * DEADLINE).await;
        if before != Verdict::Kept {
            return Err(format!("{}: {} is not green to begin with: {before:?}", self.name, self.breaks));
        }
        match check_within(case, &self.before(honest), DEADLINE).await {
            Verdict::Broken(_) => Ok(()),
            verdict => Err(format!("{}: {} does not notice: {verdict:?}", self.name, self.breaks)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_saboteur_has_a_name_of_its_own_and_breaks_a_case_that_is_there() {
        let cases: BTreeSet<_> = cases::all().map(|case| case.name).collect();
        let mut names = BTreeSet::new();
        for saboteur in all() {
            assert!(names.insert(saboteur.name), "{} is there twice", saboteur.name);
            assert!(cases.contains(saboteur.breaks), "{} breaks {}", saboteur.name, saboteur.breaks);
        }
        assert!(names.len() >= 20, "only {} saboteurs", names.len());
    }
}
