//! A backend that is made anew for each case: on a runtime of its own, whose clock may be paused.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::Backend;
use tokio::runtime::Builder;

use crate::case::Case;
use crate::scale::Setting;
use crate::verdict::{Verdict, check_among};

type Afterwards = Box<dyn FnOnce(Verdict) -> Pin<Box<dyn Future<Output = Result<(), String>>>>>;

/// What one case is played on.
pub struct Stage {
    backend: Arc<dyn Backend>,
    afterwards: Afterwards,
}

impl Stage {
    /// A backend, and what is looked at when the case is done: whether a script was kept to, say. It is told what became of the case: what one leaves
    /// behind that was broken is half.
    pub fn new<F: Future<Output = Result<(), String>> + 'static>(
        backend: Arc<dyn Backend>,
        afterwards: impl FnOnce(Verdict) -> F + 'static,
    ) -> Self {
        Self { backend, afterwards: Box::new(|verdict| Box::pin(afterwards(verdict))) }
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").finish_non_exhaustive()
    }
}

/// What sets stages: called in the case's own runtime.
pub(crate) type Setter = Arc<dyn Fn(&'static Case) -> Result<Stage, String> + Send + Sync>;

/// How the runtime of a case measures time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// As the world does.
    Real,
    /// It stands still while anything can be done, and jumps to the next timer when nothing can.
    Paused,
}

/// Holds a backend that is made for this case to its promise.
pub(crate) fn play(
    case: &'static Case,
    set: &Setter,
    clock: Clock,
    setting: &Setting,
    deadline: Duration,
) -> Verdict {
    let runtime = Builder::new_current_thread().enable_all().start_paused(clock == Clock::Paused).build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Verdict::Broken(format!("the runtime did not start: {error}")),
    };
    runtime.block_on(async {
        let Stage { backend, afterwards } = match set(case) {
            Ok(stage) => stage,
            Err(reason) => {
                let reason = format!("not applicable: {reason}");
                return Verdict::NotApplicable { lacks: "stage".to_owned(), reason };
            }
        };
        let verdict = check_among(case, &backend, setting, deadline).await;
        drop(backend);
        match (&verdict, afterwards(verdict.clone()).await) {
            (Verdict::Kept, Err(complaint)) => Verdict::Broken(complaint),
            (Verdict::Broken(why), Err(complaint)) => Verdict::Broken(format!("{why}\n{complaint}")),
            _ => verdict,
        }
    })
}
