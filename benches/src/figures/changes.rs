//! What an execution pays for telling which names it changed.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Bound, Figure, Taken, Unit, alone};
use crate::bench::Bench;
use crate::trouble::Trouble;

/// Times the runner's own code, which it gets on stdin.
const SCRIPT: &str = include_str!("../changes.py");

pub(super) const NAMESPACE_CHANGES: Figure = Figure {
    name: "namespace_changes",
    about: "telling that one of a hundred names was rebound, in the runner",
    is_quick: true,
    unit: Unit::Microseconds,
    bound: Bound::AtMost(5.0),
    take: namespace_changes,
};

fn namespace_changes(bench: &Bench) -> Result<Taken, Trouble> {
    let mut child = Command::new(bench.python())
        .args(["-I", "-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
    stdin.write_all(&hibernaculum::runner::bundle())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let samples: Vec<f64> = serde_json::from_slice(&output.stdout).map_err(io::Error::other)?;
    let mut samples = samples.into_iter();
    alone(samples.len() as u64, || Ok(Duration::from_secs_f64(samples.next().unwrap_or_default() / 1e6)))
}
