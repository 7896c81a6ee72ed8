//! The suite as a test binary: one trial per case and backend, as `cargo test` and `cargo nextest` know them.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hibernaculum_core::Backend;
use libtest_mimic::{Arguments, Completion, Conclusion, Failed, FormatSetting, Trial};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;

use crate::case::Case;
use crate::cases;
use crate::require::Requirements;
use crate::scale::Setting;
use crate::stage::{Clock, Setter, Stage, play};
use crate::table::Table;
use crate::verdict::{DEADLINE, Verdict, check_among};
use crate::watchdog::{Watchdog, Watched, end_the_process};

/// How many cases run on one backend at a time.
const AT_ONCE: usize = 4;
/// After how long, by the world's clock, a case is overdue that its own deadline should have ended. One whose own clock stands still while it computes may take minutes
/// on a slow machine.
const OVERDUE: Duration = Duration::from_mins(10);

/// A backend that is held to the suite, or the reason why it cannot be.
pub struct Subject {
    name: String,
    backend: Source,
    setting: Setting,
    /// How many cases may be not applicable, where that is bounded.
    bound: Option<usize>,
}

/// Where the backend comes from.
#[derive(Clone)]
enum Source {
    /// One for all cases.
    Shared(Arc<dyn Backend>),
    /// One for each.
    PerCase(Setter, Clock),
    /// There is none, and why.
    Missing(String),
}

impl Subject {
    /// A backend, under the name that the trials are to show.
    pub fn new(name: impl Into<String>, backend: Arc<dyn Backend>) -> Self {
        Self::from(name.into(), Source::Shared(backend))
    }

    /// A backend that is not there, with the reason. All its cases are told as not applicable, and fail where `HIBERNACULUM_REQUIRE` has its name.
    pub fn missing(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::from(name.into(), Source::Missing(reason.into()))
    }

    /// A backend that is made anew for each case, in a runtime of the case's own; where `set` gives a reason instead, the case is not applicable.
    pub fn per_case(
        name: impl Into<String>,
        clock: Clock,
        set: impl Fn(&'static Case) -> Result<Stage, String> + Send + Sync + 'static,
    ) -> Self {
        Self::from(name.into(), Source::PerCase(Arc::new(set), clock))
    }

    fn from(name: String, backend: Source) -> Self {
        Self { name, backend, setting: Setting::default(), bound: None }
    }

    /// Sets a variable in the environment of every sandbox: to hold the backend to the suite in another of its ways.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.setting.variables.insert(name.into(), value.into());
        self
    }

    /// What passes is recorded, or was recorded and is played: cases leave nothing to chance, and move bytes that a cassette can hold.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.setting.is_recorded = true;
        self
    }

    /// At most so many cases may be not applicable, and none that is about state: else the run fails, and names them.
    #[must_use]
    pub fn lacking_at_most(mut self, cases: usize) -> Self {
        self.bound = Some(cases);
        self
    }
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Runs the suite on the backends that `subjects` makes, by the arguments of the command line; what a test without libtest's harness returns.
pub fn main(subjects: impl AsyncFnOnce() -> Vec<Subject>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A case waits for a third of its time: one more of them than there are processors runs at a time.
    arguments.test_threads.get_or_insert_with(|| thread::available_parallelism().map_or(2, usize::from) + 1);
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a test binary speaks to people")]
            {
                eprintln!("the runtime did not start: {error}");
            }
            return ExitCode::FAILURE;
        }
    };
    let subjects = runtime.block_on(subjects());
    let conclusion = run(&arguments, subjects, &Requirements::from_env(), runtime.handle());
    runtime.shutdown_timeout(Duration::from_secs(10));
    conclusion.exit_code()
}

/// Runs the suite and prints the closing table.
pub fn run(
    arguments: &Arguments,
    subjects: Vec<Subject>,
    requirements: &Requirements,
    runtime: &Handle,
) -> Conclusion {
    let smoke = std::env::var_os("HIBERNACULUM_SMOKE").is_some_and(|value| !value.is_empty() && value != "0");
    let suite: Vec<&Case> = cases::all().filter(|case| case.smoke || !smoke).collect();
    let table = Arc::new(Table::default());
    let watchdog = Arc::new(Watchdog::start(OVERDUE, end_the_process));
    let trials = trials(arguments, &suite, subjects, requirements, runtime, (&table, &watchdog));
    let Closing { conclusion, table, complaints } = conclude(arguments, trials, &table);
    if let Some(table) = table {
        #[expect(clippy::print_stdout, reason = "a test binary speaks to people")]
        {
            println!("{table}");
        }
    }
    for complaint in complaints {
        #[expect(clippy::print_stderr, reason = "a test binary speaks to people")]
        {
            eprintln!("{complaint}");
        }
    }
    conclusion
}

/// What a run ends with.
pub(crate) struct Closing {
    pub(crate) conclusion: Conclusion,
    pub(crate) table: Option<String>,
    /// What breaks the bounds of subjects, each of which is one more failure.
    pub(crate) complaints: Vec<String>,
}

pub(crate) fn conclude(arguments: &Arguments, trials: Vec<Trial>, table: &Table) -> Closing {
    let mut conclusion = libtest_mimic::run(arguments, trials);
    let complaints = table.complaints();
    conclusion.num_failed += complaints.len() as u64;
    Closing { conclusion, table: closing(arguments, table), complaints }
}

/// The closing table, unless a program reads the output: one that asks for the list, for single trials, or for JSON.
fn closing(arguments: &Arguments, table: &Table) -> Option<String> {
    let for_people = !arguments.list && !arguments.exact && arguments.format != Some(FormatSetting::Json);
    Some(table.render()).filter(|text| for_people && !text.is_empty())
}

/// One trial per case and subject.
pub(crate) fn trials(
    arguments: &Arguments,
    suite: &[&'static Case],
    subjects: Vec<Subject>,
    requirements: &Requirements,
    runtime: &Handle,
    (table, watchdog): (&Arc<Table>, &Arc<Watchdog>),
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for subject in subjects {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        for &case in suite {
            let trial = Attempt {
                subject: subject.name.clone(),
                backend: subject.backend.clone(),
                setting: subject.setting.clone(),
                bound: subject.bound,
                case,
                requirements: requirements.clone(),
                permits: Arc::clone(&permits),
                table: Arc::clone(table),
                watchdog: Arc::clone(watchdog),
            };
            // nextest learns from the list what does not apply. Here it is the run that tells, because it can tell the reason.
            let listed = arguments.list || arguments.ignored;
            let ignored = listed && trial.is_excluded_from_the_start();
            let runtime = runtime.clone();
            let name = format!("{}::{}", subject.name, case.name);
            trials.push(Trial::ignorable_test(name, move || trial.run(&runtime)).with_ignored_flag(ignored));
        }
    }
    trials
}

/// One case on one subject, to be tried.
struct Attempt {
    subject: String,
    backend: Source,
    setting: Setting,
    bound: Option<usize>,
    case: &'static Case,
    requirements: Requirements,
    permits: Arc<Semaphore>,
    table: Arc<Table>,
    watchdog: Arc<Watchdog>,
}

impl Attempt {
    fn is_excluded_from_the_start(&self) -> bool {
        let lacks = match &self.backend {
            Source::Shared(backend) => self.case.lacks(backend.features()).map(crate::case::Need::name),
            // Only its making tells.
            Source::PerCase(..) => None,
            Source::Missing(_) => Some(self.subject.as_str()),
        };
        lacks.is_some_and(|lacks| !self.requirements.demand(lacks))
    }

    fn run(self, runtime: &Handle) -> Result<Completion, Failed> {
        let verdict = match &self.backend {
            Source::PerCase(set, clock) => {
                let _watched = self.watched();
                self.demand(play(self.case, set, *clock, &self.setting, DEADLINE))
            }
            _ => runtime.block_on(self.verdict()),
        };
        self.table.count(&self.subject, self.bound, self.case, &verdict);
        match verdict {
            Verdict::Kept => Ok(Completion::Completed),
            Verdict::Broken(message) => Err(message.into()),
            Verdict::NotApplicable { reason, .. } => Ok(Completion::ignored_with(reason)),
        }
    }

    async fn verdict(&self) -> Verdict {
        let verdict = match &self.backend {
            Source::Shared(backend) => {
                // The semaphore is never closed; without a permit the case would only run beside more others.
                let _permit = self.permits.acquire().await.ok();
                let _watched = self.watched();
                check_among(self.case, backend, &self.setting, DEADLINE).await
            }
            Source::Missing(reason) => Verdict::NotApplicable {
                lacks: self.subject.clone(),
                reason: format!("not applicable: {reason}"),
            },
            Source::PerCase(..) => {
                return Verdict::Broken("a backend of each case has no shared one".to_owned());
            }
        };
        self.demand(verdict)
    }

    fn watched(&self) -> Watched {
        self.watchdog.watch(format!("{}::{}", self.subject, self.case.name))
    }

    /// What is demanded may not be missing.
    fn demand(&self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::NotApplicable { lacks, reason } if self.requirements.demand(&lacks) => {
                Verdict::Broken(format!("HIBERNACULUM_REQUIRE demands `{lacks}`, but: {reason}"))
            }
            verdict => verdict,
        }
    }
}
