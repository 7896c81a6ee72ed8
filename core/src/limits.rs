//! What a sandbox and each of its processes may use at most.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ByteSize;
use crate::error::ConfigError;

/// Upper bounds; `None` means that the backend's own default holds (which may be "none").
///
/// A limit that a backend cannot enforce is refused when the sandbox is created ([`crate::Error::Unsupported`]); none is dropped in
/// silence. [`crate::Features::limits`] tells which ones it enforces.
///
/// ```
/// use hibernaculum_core::{ByteSize, Limits};
/// let limits = Limits { process_memory: Some(ByteSize::gib(2)), ..Limits::default() };
/// assert!(limits.validate().is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Memory of the whole sandbox, all processes together.
    pub memory: Option<ByteSize>,
    /// CPU share of the whole sandbox, in cores (0.5 is half a core).
    pub cpus: Option<f64>,
    /// Processes and threads of the whole sandbox.
    pub processes: Option<u64>,
    /// Bytes that the whole sandbox may keep on disk.
    pub disk: Option<ByteSize>,
    /// How long the sandbox may exist.
    pub wall_time: Option<Duration>,
    /// Address space of each process (`RLIMIT_AS`).
    pub process_memory: Option<ByteSize>,
    /// CPU time of each process (`RLIMIT_CPU`), in whole seconds, rounded up.
    pub process_cpu_time: Option<Duration>,
    /// Open file descriptors of each process (`RLIMIT_NOFILE`).
    pub process_open_files: Option<u64>,
    /// Size of each file that a process writes (`RLIMIT_FSIZE`).
    pub process_file_size: Option<ByteSize>,
}

/// One field of [`Limits`], by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LimitKind {
    /// [`Limits::memory`]
    Memory,
    /// [`Limits::cpus`]
    Cpus,
    /// [`Limits::processes`]
    Processes,
    /// [`Limits::disk`]
    Disk,
    /// [`Limits::wall_time`]
    WallTime,
    /// [`Limits::process_memory`]
    ProcessMemory,
    /// [`Limits::process_cpu_time`]
    ProcessCpuTime,
    /// [`Limits::process_open_files`]
    ProcessOpenFiles,
    /// [`Limits::process_file_size`]
    ProcessFileSize,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

impl LimitKind {
    /// The name of the field of [`Limits`], as serde writes it.
    ///
    /// ```
    /// assert_eq!(hibernaculum_core::LimitKind::WallTime.name(), "wall_time");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpus => "cpus",
            Self::Processes => "processes",
            Self::Disk => "disk",
            Self::WallTime => "wall_time",
            Self::ProcessMemory => "process_memory",
            Self::ProcessCpuTime => "process_cpu_time",
            Self::ProcessOpenFiles => "process_open_files",
            Self::ProcessFileSize => "process_file_size",
            Self::Unknown => "unknown",
        }
    }
}

impl Limits {
    /// These, and in place of each that is unset that of `others`.
    ///
    /// ```
    /// use hibernaculum_core::Limits;
    ///
    /// let own = Limits { cpus: Some(1.0), processes: Some(9), ..Limits::default() };
    /// let asked = Limits { cpus: Some(0.5), ..Limits::default() };
    /// assert_eq!(asked.or(&own), Limits { cpus: Some(0.5), ..own });
    /// ```
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        Self {
            memory: self.memory.or(others.memory),
            cpus: self.cpus.or(others.cpus),
            processes: self.processes.or(others.processes),
            disk: self.disk.or(others.disk),
            wall_time: self.wall_time.or(others.wall_time),
            process_memory: self.process_memory.or(others.process_memory),
            process_cpu_time: self.process_cpu_time.or(others.process_cpu_time),
            process_open_files: self.process_open_files.or(others.process_open_files),
            process_file_size: self.process_file_size.or(others.process_file_size),
        }
    }

    /// The limits that are set, by kind.
    ///
    /// ```
    /// use hibernaculum_core::{LimitKind, Limits};
    ///
    /// let limits = Limits { cpus: Some(2.0), ..Limits::default() };
    /// assert!(limits.set().eq([LimitKind::Cpus]));
    /// ```
    pub fn set(&self) -> impl Iterator<Item = LimitKind> {
        [
            (self.memory.is_some(), LimitKind::Memory),
            (self.cpus.is_some(), LimitKind::Cpus),
            (self.processes.is_some(), LimitKind::Processes),
            (self.disk.is_some(), LimitKind::Disk),
            (self.wall_time.is_some(), LimitKind::WallTime),
            (self.process_memory.is_some(), LimitKind::ProcessMemory),
            (self.process_cpu_time.is_some(), LimitKind::ProcessCpuTime),
            (self.process_open_files.is_some(), LimitKind::ProcessOpenFiles),
            (self.process_file_size.is_some(), LimitKind::ProcessFileSize),
        ]
        .into_iter()
        .filter_map(|(set, kind)| set.then_some(kind))
    }

    /// Refuses what no sandbox could live with.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for a limit of zero, a CPU share that is not a positive finite number, fewer than 16 open files, or less than
    /// 64 MiB of memory (CPython does not start below).
    pub fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field: &str, value: String, rule: &str| {
            Err(ConfigError::Invalid { field: format!("limits.{field}"), value, rule: rule.to_owned() })
        };
        let floor = ByteSize::mib(64);
        for (name, memory) in [("memory", self.memory), ("process_memory", self.process_memory)] {
            if let Some(memory) = memory.filter(|memory| *memory < floor) {
                return invalid(
                    name,
                    memory.to_string(),
                    "must be at least 64MiB: CPython does not start with less",
                );
            }
        }
        if let Some(cpus) = self.cpus.filter(|cpus| !(cpus.is_finite() && *cpus > 0.0)) {
            return invalid("cpus", cpus.to_string(), "must be a positive number of cores");
        }
        for (name, zero) in [
            ("processes", self.processes == Some(0)),
            ("disk", self.disk == Some(ByteSize::bytes(0))),
            ("wall_time", self.wall_time == Some(Duration::ZERO)),
            ("process_cpu_time", self.process_cpu_time == Some(Duration::ZERO)),
            ("process_file_size", self.process_file_size == Some(ByteSize::bytes(0))),
        ] {
            if zero {
                return invalid(
                    name,
                    "0".to_owned(),
                    "must be more than zero; leave it unset for no limit of yours",
                );
            }
        }
        if let Some(files) = self.process_open_files.filter(|files| *files < 16) {
            return invalid("process_open_files", files.to_string(), "must be at least 16");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_sandbox_could_live_with_is_refused_by_field() {
        let cases = [
            (Limits { process_memory: Some(ByteSize::mib(1)), ..Limits::default() }, "limits.process_memory"),
            (Limits { cpus: Some(f64::NAN), ..Limits::default() }, "limits.cpus"),
            (Limits { cpus: Some(0.0), ..Limits::default() }, "limits.cpus"),
            (Limits { wall_time: Some(Duration::ZERO), ..Limits::default() }, "limits.wall_time"),
            (Limits { process_open_files: Some(3), ..Limits::default() }, "limits.process_open_files"),
        ];
        for (limits, expected) in cases {
            let Err(ConfigError::Invalid { field, .. }) = limits.validate() else {
                panic!("{limits:?} was accepted")
            };
            assert_eq!(field, expected);
        }
        assert!(Limits::default().validate().is_ok());
    }

    #[test]
    fn the_limits_that_are_set_are_told() {
        let limits = Limits { cpus: Some(1.0), process_open_files: Some(64), ..Limits::default() };
        assert_eq!(limits.set().collect::<Vec<_>>(), [LimitKind::Cpus, LimitKind::ProcessOpenFiles]);
    }
}
