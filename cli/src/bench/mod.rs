//! `hib bench`: how fast this machine is, each figure beside the least that a bare Python needs for the same job.
//!
//! ```text
//!  args: which figures ─▶ one after the other ─▶ a table, line by line as they come │ --json: one object at the end
//!                                                └─ progress: how far it is, on stderr, for who waits
//! ```
//!
//! What the figures are, and how they are taken: the crate `hibernaculum-benches`.

mod args;
mod progress;
mod table;

use std::io;

use hibernaculum_benches::{Bench, Figure, Machine, Noise, Report, Skipped, Trouble};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::say;

use progress::Progress;

pub(crate) use args::BenchArgs;

/// The whole of `hib bench`.
pub(crate) fn bench(args: &BenchArgs) -> Result<Exit, Failure> {
    let figures = args.figures()?;
    let runtime = Bench::runtime().map_err(told)?;
    let backend = runtime.block_on(args.backend())?;
    let bench = Bench::open(args.backend_name(), backend, runtime).map_err(told)?;
    let bench = bench.with_program(std::env::current_exe().ok());
    #[cfg(feature = "docker")]
    let bench = args.equip(bench)?;
    let report = run(&bench, &figures, args.json);
    bench.close().map_err(told)?;
    let report = report?;
    if args.json {
        let json =
            serde_json::to_string_pretty(&report).map_err(|error| told(io::Error::from(error).into()))?;
        say(&format!("{json}\n"))?;
    }
    // What was asked for by name and is not there is no success.
    Ok(if report.skipped.is_empty() || !args.names_some() { Exit::OK } else { Exit::NO_SESSION })
}

/// Takes the figures, and tells each as it comes, unless all of it is wanted as JSON.
fn run(bench: &Bench, figures: &[&Figure], is_json: bool) -> Result<Report, Failure> {
    let progress = Progress::of(figures.len());
    let show = |text: &str| if is_json { Ok(()) } else { progress.aside(|| say(text)) };
    let machine = Machine::here(bench.python());
    show(&table::head(&machine))?;
    let before = Noise::now(bench).map_err(told)?;
    let (mut results, mut skipped) = (Vec::new(), Vec::new());
    for figure in figures {
        progress.begin(figure.name);
        let measured = figure.measure(bench);
        progress.end();
        match measured {
            Ok(measured) => {
                show(&table::line(&measured, figure.about))?;
                results.push(measured);
            }
            Err(Trouble::Skipped(reason)) => {
                show(&table::skipped(figure.name, &reason))?;
                skipped.push(Skipped { name: figure.name.to_owned(), reason });
            }
            Err(trouble) => return Err(told(trouble)),
        }
    }
    let noise = Noise { before, after: Noise::now(bench).map_err(told)? };
    show(&table::foot(&machine, &noise))?;
    Ok(Report { machine, noise, results, skipped })
}

fn told(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Product(error) => error.into(),
        trouble => Failure::new(
            Exit::BROKEN,
            "bench.floor",
            "there is nothing to measure against",
            "a bare Python, or the way to it, failed on this machine",
            "see what lies beneath; `--python` names another Python",
        )
        .because(&trouble),
    }
}
