//! The conformance suite: what every backend promises, as tests that any backend can be held to.
//!
//! ```text
//!  cases/*.rs ── promises by subject ──▶ cases::all()
//!                                          │  × the backends of a test binary
//!                                          ▼
//!  harness::main ── one trial per case and backend ──▶ verdict::check ── deadline · leaks ──▶ ok | FAILED | not applicable
//! ```
//!
//! The suite is *the* definition of behaviour. A backend that passes it may be used in place of any other; what a backend cannot do it
//! leaves out of its `Features`, and the cases that need it are told as not applicable, with the reason.
//!
//! To hold a backend to it, a test without libtest's harness is enough:
//!
//! ```no_run
//! # fn my_backend() -> std::sync::Arc<dyn hibernaculum_core::Backend> { unimplemented!() }
//! use std::process::ExitCode;
//! use hibernaculum_testkit::Subject;
//!
//! fn main() -> ExitCode {
//!     hibernaculum_testkit::main(async || vec![Subject::new("mine", my_backend())])
//! }
//! ```
//!
//! A case is an async function that reads like prose: `session.run("x + 1").await?.expect_value("42")?`. To add one, write the function
//! and its line in the table of its module; a function without a line is a warning of the compiler.
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `HIBERNACULUM_SMOKE=1` | run the smoke subset only |
//! | `HIBERNACULUM_REQUIRE=a,b` | what must be there: a backend (`local`), a feature (`files`), a limit, a module (`numpy`); where it lacks, the trial fails instead of being not applicable |

mod case;
pub mod cases;
mod context;
#[cfg(feature = "daytona")]
pub mod daytona;
mod expect;
mod failure;
#[cfg(test)]
mod fake;
pub mod fuzz;
mod grammar;
#[cfg(test)]
mod grammar_tests;
mod harness;
#[cfg(test)]
mod harness_tests;
pub mod polls;
mod prelude;
mod python;
mod require;
pub mod saboteur;
mod scale;
mod stage;
mod table;
mod transcript;
mod verdict;
mod watch;
mod watchdog;

pub use case::{Case, Need};
pub use context::{Context, eventually};
pub use expect::{Expect, ExpectError, ensure_eq};
pub use failure::{Failure, Outcome};
pub use harness::{Subject, main, run};
pub use python::python;
pub use require::Requirements;
pub use scale::Noise;
pub use stage::{Clock, Stage};
pub use verdict::{Verdict, check, check_within};
pub use watch::{Question, Run, Watch};
