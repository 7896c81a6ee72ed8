//! What a backend can do, as data.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Unsupported};
use crate::{HostLoss, Isolation, LimitKind, Limits, NetworkPolicy};

/// One thing that a backend may be able to do.
///
/// ```
/// use hibernaculum_core::Feature;
///
/// assert_eq!(Feature::LiveCheckpoints.name(), "live_checkpoints");
/// println!("without it: {}", Feature::LiveCheckpoints.instead());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Feature {
    /// Stop the running execution and keep the session's state.
    Interrupt,
    /// Answer `input()` from the host.
    Input,
    /// Let an execution run on without its stream, and take it up again.
    Attach,
    /// Import modules once, before sessions are forked.
    Preload,
    /// List, read and change the names of a session.
    Namespace,
    /// Move files in and out of a sandbox.
    Files,
    /// Transactions whose scope is names.
    BindingTransactions,
    /// Transactions whose scope is everything in memory.
    MemoryTransactions,
    /// Survive a crash with the state from before the execution ([`crate::RecoveryPolicy::Guard`]).
    Guard,
    /// Freeze a live session by id, restore it in place.
    LiveCheckpoints,
    /// Make new sessions from a live checkpoint.
    Branches,
    /// Save a session's state to a store, restore it elsewhere.
    PortableCheckpoints,
    /// Snapshot a whole sandbox.
    SandboxSnapshots,
    /// Keep running after the host is gone, to be adopted by another ([`crate::HostLoss::Linger`]).
    Linger,
    /// Profile an execution.
    Profile,
    /// A feature that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Feature {
    /// The feature's name, as serde writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupt",
            Self::Input => "input",
            Self::Attach => "attach",
            Self::Preload => "preload",
            Self::Namespace => "namespace",
            Self::Files => "files",
            Self::BindingTransactions => "binding_transactions",
            Self::MemoryTransactions => "memory_transactions",
            Self::Guard => "guard",
            Self::LiveCheckpoints => "live_checkpoints",
            Self::Branches => "branches",
            Self::PortableCheckpoints => "portable_checkpoints",
            Self::SandboxSnapshots => "sandbox_snapshots",
            Self::Linger => "linger",
            Self::Profile => "profile",
            Self::Unknown => "unknown",
        }
    }

    /// What a caller can do where the feature is missing.
    pub fn instead(self) -> &'static str {
        match self {
            Self::Interrupt => "set a timeout; the session is ended when it runs out",
            Self::Input => "pass the answer in a variable before the code runs",
            Self::Attach => "keep the stream of the execution until it ends",
            Self::Preload => "import the modules in the session's first execution",
            Self::Namespace => "execute an expression such as `sorted(globals())` and read its value",
            Self::Files => "read or write the file in an execution, through the sandbox's working directory",
            Self::BindingTransactions | Self::MemoryTransactions => {
                "use the policy `none` and keep what you need in a new session"
            }
            Self::Guard => "use `RecoveryPolicy::FreshOnCrash` and run the set-up code again after a crash",
            Self::LiveCheckpoints | Self::Branches => {
                "open a new session and run the code that led to the state again"
            }
            Self::PortableCheckpoints => "pickle what you need to a file in the working directory",
            Self::SandboxSnapshots => "create a new sandbox and set it up again",
            Self::Linger => {
                "leave `on_host_loss` at `kill` and open the sessions again when the host is back, or take a backend that lingers: docker, daytona"
            }
            Self::Profile => "run the code under `cProfile` in the session",
            Self::Unknown => "ask the backend's `features()` what it offers",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Everything that a backend can do. What is not listed answers [`Error::Unsupported`].
///
/// ```
/// use hibernaculum_core::{Feature, Features, Isolation, LimitKind, Limits, NetworkPolicy};
///
/// let features = Features::new("mine", NetworkPolicy::Full)
///     .with([Feature::Interrupt])
///     .with_limits([LimitKind::Cpus])
///     .with_isolation([Isolation::Trusted]);
///
/// assert!(features.supports(Feature::Interrupt));
/// assert!(features.require(Feature::Interrupt).is_ok());
/// assert_eq!(features.require(Feature::Files).unwrap_err().code(), "unsupported");
///
/// assert!(features.require_limits(&Limits { cpus: Some(2.0), ..Limits::default() }).is_ok());
/// assert!(features.require_limits(&Limits { processes: Some(9), ..Limits::default() }).is_err());
/// assert!(features.require_network(&NetworkPolicy::Full).is_ok());
/// assert!(features.require_network(&NetworkPolicy::Loopback).is_err());
/// assert!(features.require_isolation(Isolation::Trusted).is_ok());
/// assert!(features.require_isolation(Isolation::Machine).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Features {
    /// The backend's name: `local`, `docker`; the registry's where it is one of those.
    pub backend: String,
    /// What it offers.
    pub features: BTreeSet<Feature>,
    /// The limits that it enforces.
    pub limits: BTreeSet<LimitKind>,
    /// The names of the network policies that it enforces.
    pub networks: BTreeSet<String>,
    /// The network policy of a sandbox whose spec leaves it unset.
    pub default_network: NetworkPolicy,
    /// What becomes of a sandbox whose host is gone and whose spec leaves that unset.
    #[serde(default)]
    pub default_host_loss: HostLoss,
    /// What holds of the limits that a spec leaves unset. Unset here as well: nothing that the backend knows of.
    #[serde(default)]
    pub default_limits: Limits,
    /// How strictly its sandboxes can be closed off, from the least.
    pub isolation: BTreeSet<Isolation>,
}

impl Features {
    /// A backend that offers nothing yet but its default network.
    pub fn new(backend: impl Into<String>, default_network: NetworkPolicy) -> Self {
        Self {
            backend: backend.into(),
            features: BTreeSet::new(),
            limits: BTreeSet::new(),
            networks: BTreeSet::from([default_network.name().to_owned()]),
            default_network,
            default_host_loss: HostLoss::default(),
            default_limits: Limits::default(),
            isolation: BTreeSet::new(),
        }
    }

    /// Adds features.
    #[must_use]
    pub fn with(mut self, features: impl IntoIterator<Item = Feature>) -> Self {
        self.features.extend(features);
        self
    }

    /// Adds limits that are enforced.
    #[must_use]
    pub fn with_limits(mut self, limits: impl IntoIterator<Item = LimitKind>) -> Self {
        self.limits.extend(limits);
        self
    }

    /// Sets what holds of the limits that a spec leaves unset.
    ///
    /// ```
    /// use hibernaculum_core::{ByteSize, Features, Limits, NetworkPolicy};
    ///
    /// let own = Limits { memory: Some(ByteSize::gib(2)), ..Limits::default() };
    /// let features = Features::new("mine", NetworkPolicy::Loopback).with_default_limits(own);
    /// let asked = Limits { processes: Some(64), ..Limits::default() };
    /// let hold = asked.or(&features.default_limits);
    /// assert_eq!((hold.memory, hold.processes, hold.cpus), (Some(ByteSize::gib(2)), Some(64), None));
    /// ```
    #[must_use]
    pub fn with_default_limits(mut self, limits: Limits) -> Self {
        self.default_limits = limits;
        self
    }

    /// Adds isolation levels.
    #[must_use]
    pub fn with_isolation(mut self, levels: impl IntoIterator<Item = Isolation>) -> Self {
        self.isolation.extend(levels);
        self
    }

    /// Whether the backend offers `feature`.
    pub fn supports(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Refuses where the backend does not offer `feature`.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`], naming the feature and what to use instead.
    pub fn require(&self, feature: Feature) -> Result<(), Error> {
        if self.supports(feature) { Ok(()) } else { Err(Unsupported::feature(&self.backend, feature).into()) }
    }

    /// Refuses a limit that the backend would not enforce.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`], naming the limit and those that are enforced.
    pub fn require_limits(&self, limits: &Limits) -> Result<(), Error> {
        let Some(kind) = limits.set().find(|kind| !self.limits.contains(kind)) else { return Ok(()) };
        let enforced: Vec<_> = self.limits.iter().map(|kind| kind.name()).collect();
        Err(Unsupported {
            backend: self.backend.clone(),
            what: format!("the limit `{}`", kind.name()),
            instead: match enforced.as_slice() {
                [] => "leave all limits unset, or choose a backend that enforces them".to_owned(),
                some => format!(
                    "leave it unset (this backend enforces {}), or choose another backend",
                    some.join(", ")
                ),
            },
        }
        .into())
    }

    /// Refuses a network policy that the backend would not enforce.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`], naming the policies that are enforced.
    pub fn require_network(&self, policy: &NetworkPolicy) -> Result<(), Error> {
        if self.networks.contains(policy.name()) {
            return Ok(());
        }
        let offered: Vec<_> = self.networks.iter().map(String::as_str).collect();
        Err(Unsupported {
            backend: self.backend.clone(),
            what: format!("the network policy `{policy}`"),
            instead: format!("use {}, or choose a backend that enforces `{policy}`", offered.join(" or ")),
        }
        .into())
    }

    /// Refuses an isolation level that the backend cannot give.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`], naming the levels that it can give.
    pub fn require_isolation(&self, level: Isolation) -> Result<(), Error> {
        if self.isolation.contains(&level) {
            return Ok(());
        }
        let offered: Vec<_> = self.isolation.iter().map(|level| level.name()).collect();
        Err(Unsupported {
            backend: self.backend.clone(),
            what: format!("the isolation level `{}`", level.name()),
            instead: format!(
                "use {}, or choose a backend that offers `{}`",
                offered.join(" or "),
                level.name()
            ),
        }
        .into())
    }
}
