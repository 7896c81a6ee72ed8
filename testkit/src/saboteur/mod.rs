//! Saboteurs: backends that break one promise each. They test the suite itself: a test that cannot fail is none.
//!
//! ```text
//!  case ──▶ Sabotaged ── spec, request: bent on the way in ──▶ the real backend
//!                     ◀─ answers, events: bent on the way out ─┘
//! ```
//!
//! Each saboteur names a case that must turn red on it: [`all`] is the list, [`Saboteur::is_caught`] the trial. That a case was not done in time counts
//! only for a saboteur that makes it wait in vain: on a loaded machine any case may be late.

mod bends;
mod events;
mod sabotaged;
mod vices;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hibernaculum_core::Backend;

use crate::cases;
use crate::scale::Setting;
use crate::verdict::{Attempt, Verdict, attempt};
use bends::Nothing;
use sabotaged::Sabotaged;

pub use vices::all;

/// The least that a case is given which shall wait in vain.
const IN_VAIN: Duration = Duration::from_secs(5);
/// Long enough for any case that is red, or green, without waiting in vain.
const PATIENCE: Duration = Duration::from_mins(1);

/// One broken promise.
#[derive(Debug, Clone, Copy)]
pub struct Saboteur {
    /// What it does, as a name: `drops_a_chunk`.
    pub name: &'static str,
    /// The case that must turn red.
    pub breaks: &'static str,
    /// Whether that case notices by waiting in vain.
    waits: bool,
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
        let (setting, began) = (Setting::default(), Instant::now());
        let before = attempt(case, &bystander, &setting, PATIENCE).await.verdict;
        if before != Verdict::Kept {
            return Err(format!("{}: {} is not green to begin with: {before:?}", self.name, self.breaks));
        }
        // As long as it takes without the saboteur is not in vain.
        let deadline = if self.waits { IN_VAIN.max(3 * began.elapsed()) } else { PATIENCE };
        self.judge(attempt(case, &self.before(honest), &setting, deadline).await)
    }

    fn judge(&self, attempt: Attempt) -> Result<(), String> {
        match attempt {
            Attempt { verdict: Verdict::Broken(_), is_late: false } => Ok(()),
            Attempt { verdict: Verdict::Broken(_), is_late: true } if self.waits => Ok(()),
            Attempt { verdict, is_late: true } => {
                Err(format!("{}: {} was only not done in time: {verdict:?}", self.name, self.breaks))
            }
            Attempt { verdict, .. } => {
                Err(format!("{}: {} does not notice: {verdict:?}", self.name, self.breaks))
            }
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

    #[test]
    fn a_case_that_is_late_has_noticed_nothing_unless_it_is_to_wait_in_vain() {
        let saboteur = |waits| Saboteur { name: "s", breaks: "c", waits, vice: || Box::new(Nothing) };
        let broken = |is_late| Attempt { verdict: Verdict::Broken("late, or not".to_owned()), is_late };
        let kept = || Attempt { verdict: Verdict::Kept, is_late: false };
        assert_eq!(saboteur(false).judge(broken(false)), Ok(()));
        assert_eq!(saboteur(true).judge(broken(false)), Ok(()));
        assert_eq!(saboteur(true).judge(broken(true)), Ok(()));
        let told = saboteur(false).judge(broken(true)).unwrap_err();
        assert!(told.contains("only not done in time"), "{told}");
        for waits in [false, true] {
            let told = saboteur(waits).judge(kept()).unwrap_err();
            assert!(told.contains("does not notice"), "{told}");
        }
    }
}
