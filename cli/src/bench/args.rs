//! What can be typed after `hib bench`, and the figures that it means.

use std::path::PathBuf;
use std::sync::Arc;

use hibernaculum::Backend;
use hibernaculum_benches::{FIGURES, Figure};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::BackendArgs;

const EXAMPLES: &str = "\
Examples:
  hib bench                               a quick selection, within a minute
  taskset --cpu-list 0 hib bench          the same on one core, as the targets of latencies are meant; containers,
                                          the product's and its floor's, are on the one beside it then
  hib bench --what roundtrip,idle_plain   two figures
  hib bench --what all --json             everything, as one JSON object

A machine varies from day to day: each figure stands beside its floor, the least
that a bare Python needs for the same job, measured in turns with it. It is the
ratio that tells.";

/// Measure this machine: each figure beside the least that a bare Python needs
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{EXAMPLES}\n\nFigures:\n{}", list()), after_help = "`hib help bench` has examples and the list of figures.")]
pub(crate) struct BenchArgs {
    /// The figures to take, separated by commas, or `all` [default: a quick selection]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    what: Vec<String>,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    backend: BackendArgs,
}

impl BenchArgs {
    pub(super) fn backend_name(&self) -> &str {
        self.backend.name()
    }

    /// The Python that floors would run on.
    pub(super) fn python(&self) -> &str {
        self.backend.python().unwrap_or("python3")
    }

    pub(super) async fn backend(&self) -> Result<Arc<dyn Backend>, Failure> {
        self.backend.make().await
    }

    /// The directory of its checkpoint store, where it is in one.
    pub(super) fn store(&self) -> Result<Option<PathBuf>, Failure> {
        self.backend.store_directory()
    }

    /// Whether figures were asked for by name.
    pub(super) fn names_some(&self) -> bool {
        self.what.iter().any(|name| name != "all")
    }

    /// The figures that this backend is held to, as far as can be told before it is there.
    #[cfg_attr(
        not(feature = "docker"),
        expect(
            clippy::unnecessary_wraps,
            clippy::unused_self,
            reason = "with the feature it can fail, and looks"
        )
    )]
    pub(super) fn all(&self) -> Result<&'static [Figure], Failure> {
        #[cfg(feature = "docker")]
        if self.backend.is_docker() {
            return Ok(hibernaculum_benches::docker_figures(self.backend.transport()?));
        }
        Ok(FIGURES)
    }

    /// How the Docker backend is built, where that is meant.
    #[cfg(feature = "docker")]
    pub(super) fn docker(&self) -> Result<Option<hibernaculum::DockerBackendBuilder>, Failure> {
        self.backend.is_docker().then(|| self.backend.docker()).transpose()
    }

    /// Those of all that are meant, each once, in the order of the list.
    pub(super) fn figures(&self, all: &'static [Figure]) -> Result<Vec<&'static Figure>, Failure> {
        let names: Vec<&str> = self.what.iter().map(|name| name.trim()).collect();
        for name in &names {
            if *name != "all" && !all.iter().any(|figure| figure.name == *name) {
                return Err(Failure::new(
                    Exit::USAGE,
                    "bench.unknown",
                    format!("there is no figure `{}`", name.escape_debug()),
                    "`--what` takes names of figures, separated by commas, or `all`",
                    format!(
                        "the figures are: {}",
                        all.iter().map(|figure| figure.name).collect::<Vec<_>>().join(", ")
                    ),
                ));
            }
        }
        let is_meant = |figure: &&Figure| match names[..] {
            [] => figure.is_quick,
            _ => names.contains(&"all") || names.contains(&figure.name),
        };
        Ok(all.iter().filter(is_meant).collect())
    }
}

fn list() -> String {
    let lines = FIGURES.iter().map(|figure| {
        let quick = if figure.is_quick { "" } else { " (not in the quick selection)" };
        format!("  {:16}  {}{quick}", figure.name, figure.about)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        bench: BenchArgs,
    }

    fn names(line: &[&str]) -> Result<Vec<&'static str>, Failure> {
        let words = std::iter::once("bench").chain(line.iter().copied());
        let args = Line::try_parse_from(words).unwrap().bench;
        let figures = args.figures(args.all()?)?;
        Ok(figures.iter().map(|figure| figure.name).collect())
    }

    #[test]
    fn what_was_named_is_taken_once() {
        assert_eq!(
            names(&["--what", "print_lines,roundtrip", "--what", "roundtrip"]).unwrap(),
            ["roundtrip", "print_lines"]
        );
        assert_eq!(names(&["--what", "all"]).unwrap().len(), FIGURES.len());
        let quick = names(&[]).unwrap();
        assert!(quick.contains(&"roundtrip") && !quick.contains(&"idle_plain"), "{quick:?}");
    }

    #[test]
    fn the_names_of_figures_stay() {
        let all = names(&["--what", "all"]).unwrap();
        for name in [
            "roundtrip",
            "print_lines",
            "interrupt_sleep",
            "interrupt_busy",
            "cold_start",
            "session_plain",
            "session_pandas",
            "idle_plain",
            "idle_pandas",
            "upload",
            "download",
            "namespace_changes",
            "raw_output",
            "print_10m",
            "value_10m",
            "stdio_roundtrip",
        ] {
            assert!(all.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_told_with_those_that_are() {
        let failure = format!("{:?}", names(&["--what", "speed\u{1b}"]).unwrap_err());
        assert!(failure.contains("bench.unknown") && failure.contains("roundtrip"), "{failure}");
        assert!(!failure.contains('\u{1b}'), "{failure}");
    }
}
