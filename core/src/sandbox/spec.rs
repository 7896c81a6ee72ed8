//! What is asked of a sandbox.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LiveLimits;
use crate::error::ConfigError;
use crate::{Limits, NetworkPolicy};

/// What a sandbox shall be like. What is unset is the backend's choice.
///
/// ```
/// use hibernaculum_core::{ByteSize, Limits, SandboxSpec};
/// let spec = SandboxSpec::builder()
///     .preload(["json", "numpy"])
///     .env("TZ", "UTC")
///     .label("owner", "tests")
///     .limits(Limits { process_memory: Some(ByteSize::gib(4)), ..Limits::default() })
///     .build()?;
/// assert_eq!(spec.preload.len(), 2);
/// # Ok::<(), hibernaculum_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SandboxSpec {
    /// How strictly it is to be closed off; unset: the backend's least.
    pub isolation: Option<Isolation>,
    /// What it may use.
    pub limits: Limits,
    /// What it may reach; unset: the backend's default.
    pub network: Option<NetworkPolicy>,
    /// Environment variables of its processes, besides the few that the backend passes on.
    pub env: BTreeMap<String, String>,
    /// Modules to import before the first session: sessions then start with them in milliseconds, and share their memory.
    pub preload: Vec<String>,
    /// The working directory; unset: one of its own, removed with it. A directory that is named here is never removed.
    pub workdir: Option<String>,
    /// What to do when the host is gone; unset: the backend's default.
    pub on_host_loss: Option<HostLoss>,
    /// How many live checkpoints it may keep, and how much memory they may have.
    pub live_checkpoints: LiveLimits,
    /// Labels, for `list` and for people.
    pub labels: BTreeMap<String, String>,
}

impl SandboxSpec {
    /// A builder; `build` validates.
    ///
    /// ```
    /// use hibernaculum_core::SandboxSpec;
    ///
    /// let spec = SandboxSpec::builder().label("team", "den").build()?;
    /// # Ok::<(), hibernaculum_core::ConfigError>(())
    /// ```
    pub fn builder() -> SandboxSpecBuilder {
        SandboxSpecBuilder::default()
    }

    /// Refuses what no backend could do. Backends call it, so that a spec that came as JSON is held to the same rules.
    ///
    /// ```
    /// use hibernaculum_core::SandboxSpec;
    ///
    /// let mut spec = SandboxSpec::default();
    /// spec.preload.push("os; import sys".into());
    /// assert!(spec.validate().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for limits that make no sense, names of modules that are no dotted Python names, environment variables or
    /// labels with NUL, `=` or nothing in their names, values with NUL,
    /// a working directory that is empty or has NUL, a linger of zero, an empty allow-list, more than 10,000 live checkpoints.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.limits.validate()?;
        self.live_checkpoints.validate()?;
        if let Some(module) = self.preload.iter().find(|module| !is_module_name(module)) {
            return invalid(
                "preload",
                module,
                "must be a dotted Python module name such as `numpy` or `os.path`",
            );
        }
        for (field, names) in [("env", &self.env), ("labels", &self.labels)] {
            for (name, value) in names {
                if name.is_empty() || name.contains(['=', '\0']) {
                    return invalid(
                        field,
                        name,
                        "must have names that are not empty and hold neither `=` nor NUL",
                    );
                }
                if value.contains('\0') {
                    return invalid(&format!("{field}.{name}"), value, "must not hold NUL");
                }
            }
        }
        if let Some(workdir) = self.workdir.as_deref().filter(|path| path.is_empty() || path.contains('\0')) {
            return invalid("workdir", workdir, "must be a path without NUL");
        }
        if self.on_host_loss == Some(HostLoss::Linger(Duration::ZERO)) {
            return invalid(
                "on_host_loss",
                "linger 0",
                "must linger for more than no time; use `kill` instead",
            );
        }
        if matches!(&self.network, Some(NetworkPolicy::AllowList { hosts }) if hosts.is_empty()) {
            return invalid(
                "network",
                "allow_list",
                "must list at least one host; use `none` or `loopback` instead",
            );
        }
        Ok(())
    }
}

/// Dotted, and each part an identifier; ASCII only, so that what is shown is what is meant.
fn is_module_name(name: &str) -> bool {
    name.len() <= 256
        && name.split('.').all(|part| {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
}

fn invalid(field: &str, value: &str, rule: &str) -> Result<(), ConfigError> {
    let value = value.chars().take(80).flat_map(char::escape_debug).collect();
    Err(ConfigError::Invalid { field: field.to_owned(), value, rule: rule.to_owned() })
}

/// Builds a [`SandboxSpec`].
#[derive(Debug, Clone, Default)]
pub struct SandboxSpecBuilder(SandboxSpec);

impl SandboxSpecBuilder {
    /// How strictly the sandbox is to be closed off.
    ///
    /// ```
    /// use hibernaculum_core::SandboxSpec;
    /// use hibernaculum_core::Isolation;
    ///
    /// let spec = SandboxSpec::builder().isolation(Isolation::Trusted).build()?;
    /// # Ok::<(), hibernaculum_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn isolation(mut self, level: Isolation) -> Self {
        self.0.isolation = Some(level);
        self
    }

    /// What the sandbox may use.
    ///
    /// ```
    /// use hibernaculum_core::SandboxSpec;
    /// use hibernaculum_core::{ByteSize, Limits};
    ///
    /// let limits = Limits { process_memory: Some(ByteSize::mib(512)), ..Limits::default() };
    /// let spec = SandboxSpec::builder().limits(limits).build()?;
    /// # Ok::<(), hibernaculum_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = limits;
        self
    }

    /// What the sandbox may reach.
    ///
    /// ```
    /// use hibernaculum_core::SandboxSpec;
    /// use hibernaculum_core::NetworkPolicy;
    ///
    /// let spec = SandboxSpec::builder().network(NetworkPolicy::Full).build()?;
    /// # Ok::<(), hibernaculum_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn network(mut self, policy: NetworkPolicy) -> Self {
        self.0.network = Some(policy);
        self
    }

    /// Adds an environment variable.
    ///
    /// ```
    /// use hibernaculum_core::SandboxSpec;
    ///
    /// let spec = SandboxSpec::builder().env("LANG", "C.UTF-8").build()?;
    /// assert!(SandboxSpec::builder().env("A=B", "").build().is_err());
    /// # Ok::<(), hibernaculum_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.env.insert(name.into(), value.into());
        self
    }

    /// Adds modules to import before the first session.
    ///
    /// ```
    /// use hibernaculum_core::SandboxSpec;
    ///
    /// let spec = SandboxSpec::builder().preload(["numpy", "pandas"]).build()?;
    /// # Ok::<(), hibernaculum_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn preload<S: Into<String>>(mut self, modules: impl IntoIterator<Item = S>) -> Self {
        self.0.preload.extend(modules.into_iter().map(Into::into));
        self
    }

    /// Sets the working directory: one that exists, and is not removed with the sandbox.
    ///
    /// ```
    /// use hibernaculum_core::SandboxSpec;
    ///
    /// let spec = SandboxSpec::builder().workdir("/srv/data").build()?;
    /// # Ok::<(), hibernaculum_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn workdir(mut self, path: impl Into<String>) -> Self {
        self.0.workdir = Some(path.into());
        self
    }

    /// What to do when the host is gone.
    ///
    /// ```
    /// use hibernaculum_core::SandboxSpec;
    /// use hibernaculum_core::HostLoss;
    ///
    /// let spec = SandboxSpec::builder().on_host_loss(HostLoss::Kill).build()?;
    /// # Ok::<(), hibernaculum_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn on_host_loss(mut self, policy: HostLoss) -> Self {
        self.0.on_host_loss = Some(policy);
        self
    }

    /// How many live checkpoints it may keep, and how much memory of their own they may have.
    ///
    /// ```
    /// use hibernaculum_core::{LiveLimits, SandboxSpec};
    ///
    /// let spec = SandboxSpec::builder().live_checkpoints(LiveLimits::default().count(256)).build()?;
    /// # Ok::<(), hibernaculum_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn live_checkpoints(mut self, limits: LiveLimits) -> Self {
        self.0.live_checkpoints = limits;
        self
    }

    /// Adds a label.
    ///
    /// ```
    /// use hibernaculum_core::SandboxSpec;
    ///
    /// let spec = SandboxSpec::builder().label("owner", "den").build()?;
    /// assert_eq!(spec.labels["owner"], "den");
    /// # Ok::<(), hibernaculum_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.labels.insert(name.into(), value.into());
        self
    }

    /// The spec, if it makes sense.
    ///
    /// ```
    /// use hibernaculum_core::SandboxSpec;
    ///
    /// assert!(SandboxSpec::builder().workdir("").build().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// As [`SandboxSpec::validate`].
    pub fn build(self) -> Result<SandboxSpec, ConfigError> {
        self.0.validate()?;
        Ok(self.0)
    }
}

/// How strictly a sandbox is closed off, from the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Isolation {
    /// A process group, limits and a clean environment; isolates nothing else. For code that you would run yourself.
    Trusted,
    /// Closed off by the kernel's means on this machine.
    Confined,
    /// A container.
    Container,
    /// Another machine, or a virtual one.
    Machine,
    /// A level that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Isolation {
    /// The level's name, as serde writes it.
    ///
    /// ```
    /// assert_eq!(hibernaculum_core::Isolation::Trusted.name(), "trusted");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::Confined => "confined",
            Self::Container => "container",
            Self::Machine => "machine",
            Self::Unknown => "unknown",
        }
    }
}

/// What a sandbox does when its host is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HostLoss {
    /// Ends at once, with everything in it.
    #[default]
    Kill,
    /// Goes on for so long, to be adopted; needs [`crate::Feature::Linger`].
    Linger(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_backend_could_do_is_refused_by_field() {
        let cases = [
            (SandboxSpec::builder().preload(["os; import sys"]), "preload"),
            (SandboxSpec::builder().preload([""]), "preload"),
            (SandboxSpec::builder().env("A=B", "x"), "env"),
            (SandboxSpec::builder().env("A", "x\0"), "env.A"),
            (SandboxSpec::builder().workdir(""), "workdir"),
            (SandboxSpec::builder().on_host_loss(HostLoss::Linger(Duration::ZERO)), "on_host_loss"),
            (SandboxSpec::builder().network(NetworkPolicy::AllowList { hosts: vec![] }), "network"),
        ];
        for (builder, expected) in cases {
            let Err(ConfigError::Invalid { field, .. }) = builder.clone().build() else {
                panic!("{builder:?}")
            };
            assert_eq!(field, expected);
        }
        assert!(SandboxSpec::builder().preload(["os.path", "_io"]).build().is_ok());
    }

    #[test]
    fn a_spec_is_read_tolerantly() {
        let spec: SandboxSpec = serde_json::from_str(r#"{"preload":["json"],"colour":"green"}"#).unwrap();
        assert_eq!(spec, SandboxSpec::builder().preload(["json"]).build().unwrap());
    }
}
