//! `hib bench`: how fast this machine is, each figure beside the least that a bare Python needs for the same job.
//!
//! ```text
//!  args: which figures ─▶ one after the other ─▶ a table, line by line as they come │ --json: one object at the end
//!                                                └─ progress: how far it is, on stderr, for who waits
//! ```
//!
//! What the figures are, and how they are taken: the crate `hibernaculum-benches`.

mod args;
mod table;

use std::io;
use std::path::Path;

use hibernaculum_benches::{Bench, Figure, Machine, Measured, Noise, Report, Skipped, Trouble};

use tokio::runtime::Runtime;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::{Progress, say};

pub(crate) use args::BenchArgs;

/// The whole of `hib bench`.
pub(crate) fn bench(args: &BenchArgs) -> Result<Exit, Failure> {
    // Of containers they are those of one way or the other, by the same names: which one is known when a sandbox is there.
    let figures = args.figures(args.all()?)?;
    let (report, failure) = match open(args) {
        Ok(bench) => {
            let figures = args.figures(bench.figures())?;
            let taken = run(&bench, &figures, args.json);
            let closed = bench.close().map_err(told);
            let (report, failure) = taken?;
            (report, failure.or(closed.err()))
        }
        // Nothing can be measured here: each figure stands among those that were skipped.
        Err(failure) if failure.exit() == Exit::NO_SESSION => {
            (nothing(args, &figures, &failure)?, Some(failure))
        }
        Err(failure) => return Err(failure),
    };
    if args.json {
        let json =
            serde_json::to_string_pretty(&report).map_err(|error| told(io::Error::from(error).into()))?;
        say(&format!("{json}\n"))?;
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    // What was asked for by name and is not there is no success.
    Ok(if report.skipped.is_empty() || !args.names_some() { Exit::OK } else { Exit::NO_SESSION })
}

fn open(args: &BenchArgs) -> Result<Bench, Failure> {
    let runtime = Bench::runtime().map_err(told)?;
    let bench = begin(args, runtime)?;
    Ok(bench.with_program(std::env::current_exe().ok()).with_store(args.store()?))
}

fn begin(args: &BenchArgs, runtime: Runtime) -> Result<Bench, Failure> {
    #[cfg(feature = "docker")]
    if let Some(builder) = args.docker()? {
        return Bench::open_docker(args.backend_name(), builder, runtime).map_err(told);
    }
    let backend = runtime.block_on(args.backend())?;
    Bench::open(args.backend_name(), backend, runtime).map_err(told)
}

/// Takes the figures, and tells each as it comes, unless all of it is wanted as JSON. Gives the first failure besides: it costs its figure, and no other.
fn run(bench: &Bench, figures: &[&Figure], is_json: bool) -> Result<(Report, Option<Failure>), Failure> {
    let progress = Progress::of(figures.len());
    let show = |text: &str| if is_json { Ok(()) } else { progress.aside(|| say(text)) };
    let machine = Machine::here(bench.python()).with_containers_on(bench.container_cpus());
    show(&table::head(&machine))?;
    let before = Noise::now(bench.python()).map_err(told)?;
    let measure = |figure: &Figure| {
        progress.begin(figure.name);
        let measured = figure.measure(bench);
        progress.end();
        measured
    };
    let (results, skipped, failure) = take(figures, measure, show)?;
    let noise = Noise { before, after: Noise::now(bench.python()).map_err(told)? };
    show(&table::foot(&machine, &noise))?;
    Ok((Report { machine, noise, results, skipped }, failure))
}

type Taken = (Vec<Measured>, Vec<Skipped>, Option<Failure>);

/// One figure after the other, whatever becomes of those before.
fn take(
    figures: &[&Figure],
    measure: impl Fn(&Figure) -> Result<Measured, Trouble>,
    show: impl Fn(&str) -> Result<(), Failure>,
) -> Result<Taken, Failure> {
    let (mut results, mut skipped, mut failure) = (Vec::new(), Vec::new(), None);
    for figure in figures {
        let reason = match measure(figure) {
            Ok(measured) => {
                show(&table::line(&measured, figure.about))?;
                results.push(measured);
                continue;
            }
            Err(Trouble::Skipped(reason)) => reason,
            Err(trouble) => {
                let reason = trouble.to_string();
                failure.get_or_insert(told(trouble));
                reason
            }
        };
        show(&table::skipped(figure.name, &reason))?;
        skipped.push(Skipped { name: figure.name.to_owned(), reason });
    }
    Ok((results, skipped, failure))
}

/// The report of a machine on which there is nothing to measure.
fn nothing(args: &BenchArgs, figures: &[&Figure], failure: &Failure) -> Result<Report, Failure> {
    let python = Path::new(args.python());
    let machine = Machine::here(python);
    // Where there is no Python either, nobody can tell.
    let noise = Noise::now(python).unwrap_or([f64::NAN; 2]);
    let reason = failure.in_short();
    let skip = |figure: &&Figure| Skipped { name: figure.name.to_owned(), reason: reason.clone() };
    let skipped: Vec<_> = figures.iter().map(skip).collect();
    if !args.json {
        say(&table::head(&machine))?;
        for Skipped { name, reason } in &skipped {
            say(&table::skipped(name, reason))?;
        }
    }
    Ok(Report { machine, noise: Noise { before: noise, after: noise }, results: Vec::new(), skipped })
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

#[cfg(test)]
mod tests {
    use hibernaculum_benches::FIGURES;

    use super::*;

    #[test]
    fn a_figure_that_fails_costs_no_other() {
        let figures: Vec<_> = FIGURES.iter().take(4).collect();
        let names: Vec<_> = figures.iter().map(|figure| figure.name).collect();
        let measure = |figure: &Figure| match names.iter().position(|name| *name == figure.name) {
            Some(1) => Err(Trouble::Floor(io::Error::other("it broke"))),
            Some(2) => Err(Trouble::Skipped("no pandas".to_owned())),
            _ => Ok(Measured {
                name: figure.name.to_owned(),
                backend: "local".to_owned(),
                unit: "us".to_owned(),
                n: 1,
                min: 1.0,
                p50: 1.0,
                p99: 1.0,
                max: 1.0,
                floor_p50: None,
                target: String::new(),
                is_held: None,
            }),
        };
        let (results, skipped, failure) = take(&figures, measure, |_| Ok(())).unwrap();
        let taken: Vec<_> = results.iter().map(|measured| measured.name.as_str()).collect();
        assert_eq!(taken, [names[0], names[3]]);
        let told: Vec<_> = skipped.iter().map(|one| (one.name.as_str(), one.reason.as_str())).collect();
        assert_eq!(told, [(names[1], "the floor failed: it broke"), (names[2], "no pandas")]);
        assert!(failure.is_some_and(|failure| failure.exit() == Exit::BROKEN), "it is no success");
    }
}
