//! What is known of a sandbox.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Isolation, LiveLimits};
use crate::{ByteSize, Limits, NetworkPolicy, SandboxId};

/// What is known of a sandbox, at the moment of the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SandboxInfo {
    /// Its id.
    pub id: SandboxId,
    /// The backend's name.
    pub backend: String,
    /// Whether it can be used.
    pub state: SandboxState,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last used.
    pub last_used: Timestamp,
    /// How many sessions are open in it.
    pub sessions: usize,
    /// The version of its Python: `3.11.7`.
    pub python: String,
    /// Its working directory, as the code in it sees it.
    pub workdir: String,
    /// The network policy that holds.
    pub network: NetworkPolicy,
    /// How strictly it is closed off.
    pub isolation: Isolation,
    /// The limits that hold: those of its spec, and the backend's own where that left one unset.
    #[serde(default)]
    pub limits: Limits,
    /// How many live checkpoints it may keep.
    #[serde(default)]
    pub live_checkpoints: LiveLimits,
    /// Resident memory of all its processes, where it was measured.
    #[serde(default)]
    pub memory: Option<ByteSize>,
    /// The labels of its spec.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl SandboxInfo {
    /// A sandbox that runs, just created, with nothing in it. For those who implement a backend.
    ///
    /// ```
    /// use hibernaculum_core::{Isolation, NetworkPolicy, SandboxId, SandboxInfo, SandboxState};
    ///
    /// let info = SandboxInfo::new(SandboxId::new(), "mine", NetworkPolicy::Loopback, Isolation::Container);
    /// assert_eq!(info.state, SandboxState::Running);
    /// ```
    pub fn new(
        id: SandboxId,
        backend: impl Into<String>,
        network: NetworkPolicy,
        isolation: Isolation,
    ) -> Self {
        let now = Timestamp::now();
        Self {
            id,
            backend: backend.into(),
            state: SandboxState::Running,
            created: now,
            last_used: now,
            sessions: 0,
            python: String::new(),
            workdir: String::new(),
            network,
            isolation,
            limits: Limits::default(),
            live_checkpoints: LiveLimits::default(),
            memory: None,
            labels: BTreeMap::new(),
        }
    }
}

/// Whether a sandbox can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SandboxState {
    /// It is being made.
    Starting,
    /// It takes sessions.
    Running,
    /// It is gone; its sessions are lost.
    Lost,
}
