//! `hib doctor`: what works on this machine, what does not, and the command that would mend it.
//!
//! ```text
//!  Host (/proc, /sys) ─▶ confinement, machine ─┐
//!  docker's endpoint ──▶ docker ───────────────┤
//!  daytona's API ──────▶ daytona (if meant) ───┤
//!  every Python ───────▶ pythons ──────────────┼─▶ Report ─▶ show: for people │ --json: for programs
//!  a real session ─────▶ session, packages ────┘                └─▶ Exit: whether the default backend works
//!                         └─ mend: a session that failed, seen from the other checks
//! ```
//!
//! A check looks and tries; it changes nothing. Each is on its own: a machine that lacks what one of them reads loses that one alone.

mod ask;
mod cgroup;
mod check;
#[cfg(feature = "daytona")]
mod daytona;
mod docker;
mod host;
#[cfg(feature = "docker")]
mod image;
mod kernel;
mod landlock;
mod limits;
mod memory;
mod mend;
mod namespaces;
mod pythons;
mod report;
mod session;
mod show;
mod state;
mod whereabouts;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::BackendArgs;
use crate::terminal::say;

use host::Host;
use report::Report;

const EXAMPLES: &str = "\
Examples:
  hib doctor                              what works here, and what would mend the rest
  hib doctor --python ./venv/bin/python   the same for another Python
  hib doctor --json | jq '.checks[] | select(.status != \"ok\")'

It looks and tries, and changes nothing. The exit code is 0 where a session of the
backend answers, whatever else is missing; docs/doctor.md tells each check.";

/// Tell what works on this machine, what does not, and the command that would mend it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    backend: BackendArgs,
}

/// The whole of `hib doctor`.
pub(crate) fn doctor(args: &DoctorArgs) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        let how = "see the limits of this shell: `ulimit -a`";
        Failure::new(Exit::BROKEN, "hib.runtime", "the runtime cannot be started", error.to_string(), how)
    })?;
    let report = runtime.block_on(examine(&args.backend));
    // What still hangs in a file system that does not answer has been told.
    runtime.shutdown_background();
    say(&if args.json { report.json() } else { show::table(&report) })?;
    Ok(report.exit)
}

/// Makes every check.
async fn examine(backend: &BackendArgs) -> Report {
    let host = Host::here();
    // The session comes first and alone: its times are figures that people look at.
    let session = session::check(backend).await;
    let mut checks = pythons::check(backend.python()).await;
    checks.push(docker::check().await);
    #[cfg(feature = "docker")]
    if checks.last().is_some_and(|engine| engine.status == check::Status::Ok) {
        checks.push(image::check(backend).await);
    }
    #[cfg(feature = "daytona")]
    if backend.name() == crate::place::DAYTONA {
        checks.push(daytona::check().await);
    }
    checks.push(namespaces::check(&host).await);
    checks.push(landlock::check());
    checks.extend(kernel::check(&host));
    checks.push(cgroup::check(&host));
    checks.extend(memory::check(&host));
    checks.extend(limits::check());
    checks.push(state::check());
    let session = session.mended_by(&checks);
    checks.extend(session.checks);
    Report::new(checks, session.exit, session.summary)
}
