//! What can be typed after `hib branch`.

use std::path::PathBuf;
use std::time::Duration;

use hibernaculum::Timeout;

use crate::exit::TABLE;
use crate::place::PlaceArgs;
use crate::time::parse_time;

const EXAMPLES: &str = "\
Examples:
  hib branch load.py fit_a.py fit_b.py fit_c.py   load once, then fit in three ways
  hib branch --jobs 1 setup.py test_*.py          each test on the same state, one by one
  hib branch --json setup.ipynb a.py b.py         one event a line, with its `branch`

SETUP runs once. Then each SCRIPT runs in a branch of that state: a copy of the
interpreter with all it has in memory, made in milliseconds; what one script does
to its variables no other sees. Files are not copied: all work in one directory.

Each line of output is led by the script's name. Nobody answers `input()`. Ctrl-C
interrupts all; twice within 2 s, it ends everything. The exit code is the
greatest of the scripts', or that of SETUP where that failed: no script runs then.";

/// Run a script once, then others from the state that it left, side by side
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{TABLE}"), after_help = "`hib help branch` has examples and the exit codes.")]
pub(crate) struct BranchArgs {
    /// What every branch begins with: a Python script, or a notebook (*.ipynb)
    #[arg(value_name = "SETUP")]
    pub(super) setup: PathBuf,

    /// What runs in a branch of its own each: Python scripts, or notebooks
    #[arg(value_name = "SCRIPT", required = true)]
    pub(super) scripts: Vec<PathBuf>,

    /// How many branches run at the same time [default: as many as there are processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// How long each cell may take, such as 30s or 2m [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,

    /// Print events instead of output: one JSON object a line
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

impl BranchArgs {
    /// How long each execution may take.
    pub(super) fn timeout(&self) -> Timeout {
        self.timeout.map_or(Timeout::Unlimited, Timeout::After)
    }

    /// How many branches run at the same time.
    pub(super) fn jobs(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(processors, usize::from)
    }
}
