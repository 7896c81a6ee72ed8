//! Everything that the stand-in knows: its sandboxes, what was kept of them, and what all requests share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::StandInConfig;
use super::faults::Dice;
use super::journal::Journal;
use super::network::Network;
use super::refusal::Refusal;
use super::sandbox::{Sandbox, State};
use super::spec::Contract;

/// What a sandbox starts from where nothing is said.
pub(crate) const DEFAULT_SNAPSHOT: &str = "stand-in-default";

/// The whole of it.
#[derive(Debug)]
pub(crate) struct World {
    pub config: StandInConfig,
    pub api_key: String,
    /// `http://127.0.0.1:port`.
    pub origin: String,
    /// The directory of everything; removed with the stand-in.
    pub root: tempfile::TempDir,
    pub journal: Journal,
    pub dice: Dice,
    pub network: Network,
    pub contract: &'static Contract,
    /// The end of the stand-in.
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    /// By id.
    pub sandboxes: BTreeMap<String, Sandbox>,
    /// The one that was deleted last, as a list told it: what a flapping list still has.
    pub ghost: Option<Value>,
    /// By name.
    pub snapshots: BTreeMap<String, Snapshot>,
    /// By id.
    pub volumes: BTreeMap<String, Volume>,
    /// Where previews listen, by sandbox and port.
    pub previews: BTreeMap<(String, u16), Preview>,
}

/// Files that sandboxes can start from.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub id: String,
    pub name: String,
    pub created_at: Timestamp,
    /// Of the sandbox that it was made of.
    pub source: Option<String>,
    /// None of one that starts empty.
    pub directory: Option<PathBuf>,
}

/// A name and an id; nothing is kept in it.
#[derive(Debug, Clone)]
pub(crate) struct Volume {
    pub id: String,
    pub name: String,
    pub created_at: Timestamp,
}

/// A listener of its own for one port of one sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Preview {
    pub url: String,
    pub token: String,
    pub stop: CancellationToken,
}

impl World {
    pub(crate) fn new(config: StandInConfig, origin: String) -> std::io::Result<Self> {
        let dice = Dice::new(config.faults.clone());
        let start = Snapshot {
            id: fresh("snapshot"),
            name: DEFAULT_SNAPSHOT.to_owned(),
            created_at: Timestamp::now(),
            source: None,
            directory: None,
        };
        let inner = Inner { snapshots: BTreeMap::from([(start.name.clone(), start)]), ..Inner::default() };
        Ok(Self {
            config,
            api_key: format!("dtn_stand-in_{}", fresh_hex(32)),
            origin,
            root: tempfile::Builder::new().prefix("daytona-stand-in-").tempdir()?,
            journal: Journal::default(),
            dice,
            network: Network::default(),
            contract: Contract::published(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            inner: Mutex::new(inner),
        })
    }

    /// The state, for as long as it takes to look or to change it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `toolboxProxyUrl` is of every sandbox.
    pub(crate) fn toolbox_url(&self) -> String {
        if self.config.tells_toolbox { self.toolbox_base() } else { String::new() }
    }

    /// Where the toolboxes of all sandboxes are.
    pub(crate) fn toolbox_base(&self) -> String {
        format!("{}/toolbox", self.origin)
    }

    /// Looks one up, by id or by name.
    pub(crate) fn find(&self, id_or_name: &str) -> Result<Sandbox, Refusal> {
        let inner = self.lock();
        inner.find(id_or_name).cloned().ok_or_else(|| unknown(id_or_name))
    }

    /// Changes one and gives it as it is told then.
    pub(crate) fn alter(
        &self,
        id_or_name: &str,
        change: impl FnOnce(&mut Sandbox) -> Result<(), Refusal>,
    ) -> Result<Value, Refusal> {
        let toolbox = self.toolbox_url();
        let mut inner = self.lock();
        let sandbox = inner.find_mut(id_or_name).ok_or_else(|| unknown(id_or_name))?;
        let before = sandbox.told(&toolbox);
        change(sandbox)?;
        sandbox.before = Some(before);
        sandbox.updated_at = Timestamp::now();
        Ok(sandbox.told(&toolbox))
    }

    /// Notes that somebody uses it.
    pub(crate) fn touch(&self, id: &str) {
        if let Some(sandbox) = self.lock().sandboxes.get_mut(id) {
            sandbox.active = Instant::now();
            sandbox.last_activity_at = Timestamp::now();
        }
    }

    /// Runs something that outlives its request, until the stand-in ends.
    pub(crate) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }
}

impl Inner {
    pub(crate) fn find(&self, id_or_name: &str) -> Option<&Sandbox> {
        self.sandboxes
            .get(id_or_name)
            .or_else(|| self.sandboxes.values().find(|sandbox| sandbox.name == id_or_name))
    }

    pub(crate) fn find_mut(&mut self, id_or_name: &str) -> Option<&mut Sandbox> {
        let id = self.find(id_or_name)?.id.clone();
        self.sandboxes.get_mut(&id)
    }

    /// Takes one out, for good.
    pub(crate) fn forget(&mut self, id: &str, toolbox: &str) {
        if let Some(sandbox) = self.sandboxes.remove(id) {
            self.ghost = Some(Sandbox { state: State::Started, ..sandbox }.listed(toolbox));
        }
        self.previews.retain(|(sandbox, _), preview| {
            let stays = sandbox != id;
            if !stays {
                preview.stop.cancel();
            }
            stays
        });
    }
}

impl Snapshot {
    /// The specs' `SnapshotDto`.
    pub(crate) fn told(&self) -> Value {
        let created = self.created_at.to_string();
        json!({
            "id": self.id, "general": false, "name": self.name, "state": "active", "size": null, "entrypoint": null,
            "cpu": 1, "gpu": 0, "mem": 1, "disk": 3, "errorReason": null, "createdAt": created, "updatedAt": created,
            "lastUsedAt": null, "sourceSandboxId": self.source, "sandboxClass": "container",
        })
    }
}

impl Volume {
    /// The specs' `VolumeDto`.
    pub(crate) fn told(&self) -> Value {
        let created = self.created_at.to_string();
        json!({
            "id": self.id, "name": self.name, "organizationId": super::sandbox::ORGANIZATION, "state": "ready",
            "createdAt": created, "updatedAt": created, "lastUsedAt": null, "errorReason": null,
        })
    }
}

pub(crate) fn unknown(id_or_name: &str) -> Refusal {
    Refusal::api(StatusCode::NOT_FOUND, format!("Sandbox with ID or name {id_or_name} not found"))
}

/// A name that nobody else has.
pub(crate) fn fresh(kind: &str) -> String {
    format!("{kind}-{}", fresh_hex(8))
}

/// Random bytes, as twice as many hexadecimal digits.
pub(crate) fn fresh_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    // Without random numbers names still differ, by time; keys are for loopback only.
    if getrandom::fill(&mut random).is_err() {
        return format!("{:x}", Timestamp::now().as_nanosecond());
    }
    hex::encode(random)
}
