//! What is told of a run: the machine, how quiet it was, the figures, and what could not be taken.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use crate::floor::{Floor, Mode};
use crate::trouble::Trouble;

/// A run, as `hib bench --json` prints it.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where it was.
    pub machine: Machine,
    /// How much the machine varied meanwhile.
    pub noise: Noise,
    /// The figures.
    pub results: Vec<Measured>,
    /// Those that were not taken.
    pub skipped: Vec<Skipped>,
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// Its name: `roundtrip`.
    pub name: String,
    /// The backend's name.
    pub backend: String,
    /// What the numbers count: `us`, `ms`, `lines/s`, `MB/s` or `MB`.
    pub unit: String,
    /// How many samples there were.
    pub n: usize,
    /// The smallest sample.
    pub min: f64,
    /// The median.
    pub p50: f64,
    /// The sample below which 99 of 100 lie.
    pub p99: f64,
    /// The largest sample.
    pub max: f64,
    /// The floor's median, where there is a floor.
    pub floor_p50: Option<f64>,
    /// What is to hold, in words: `<= 1.8 x floor`.
    #[serde(skip)]
    pub target: String,
    /// Whether it held; `None` where that cannot be told.
    #[serde(skip)]
    pub is_held: Option<bool>,
}

impl Measured {
    /// How many times the floor it is.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        self.floor_p50.map(|floor| self.p50 / floor)
    }
}

/// A figure that was not taken.
#[derive(Debug, Clone, Serialize)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Where a run was.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// On how many cores this process may run.
    pub cores: usize,
    /// On which of them the containers are, those of the product and those of its floors, where they have been put there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_cpus: Option<String>,
    /// The memory, in MiB.
    pub memory_mib: u64,
    /// The kernel's release.
    pub kernel: String,
    /// What the Python says of its version.
    pub python: String,
    /// Whether this program was built to be measured.
    pub release_build: bool,
    /// When it was.
    pub at: Timestamp,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn here(python: &Path) -> Self {
        let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = field(&file("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let kibibytes = memory.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        let version =
            Command::new(python).args(["-I", "-S", "-c", "import sys; print(sys.version)"]).output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Self {
            cpu: field(&file("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            container_cpus: None,
            memory_mib: kibibytes.unwrap_or(0) / 1024,
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            python: version.unwrap_or_default(),
            release_build: !cfg!(debug_assertions),
            at: Timestamp::now(),
        }
    }

    /// The same, with containers on those of its processors.
    #[must_use]
    pub fn with_containers_on(mut self, cpus: Option<&str>) -> Self {
        self.container_cpus = cpus.map(str::to_owned);
        self
    }
}

/// How much the machine varied: the floor's round trip, before and after.
#[derive(Debug, Serialize)]
pub struct Noise {
    /// Median and 99th percentile of the floor's round trip before the first figure, in microseconds.
    pub before: [f64; 2],
    /// The same after the last one.
    pub after: [f64; 2],
}

impl Noise {
    /// Looks how quiet the machine is now, with this Python.
    ///
    /// # Errors
    ///
    /// What the floor says.
    pub fn now(python: &Path) -> Result<[f64; 2], Trouble> {
        let mut floor = Floor::start(python, Mode::Roundtrip)?;
        let mut times = Vec::new();
        for _ in 0..2000 {
            let start = Instant::now();
            floor.ask("1+1")?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        Ok([50, 99].map(|percent| times.get(times.len() * percent / 100).copied().unwrap_or(f64::NAN)))
    }
}
