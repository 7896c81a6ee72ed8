//! One sandbox of the stand-in: what is known of it, and how it is told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::processes::Mark;
use super::toolbox::Sessions;

/// The organisation that every sandbox of the stand-in is of.
pub(crate) const ORGANIZATION: &str = "00000000-0000-4000-8000-57a4d1400000";

/// What a client asks for: `CreateSandbox` of the specs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Wanted {
    pub name: Option<String>,
    pub snapshot: Option<String>,
    pub user: Option<String>,
    pub env: BTreeMap<String, String>,
    pub labels: Option<BTreeMap<String, String>>,
    pub public: Option<bool>,
    pub network_block_all: Option<bool>,
    pub network_allow_list: Option<String>,
    pub domain_allow_list: Option<String>,
    pub target: Option<String>,
    pub cpu: Option<u64>,
    pub gpu: Option<u64>,
    pub memory: Option<u64>,
    pub disk: Option<u64>,
    pub auto_stop_interval: Option<i64>,
    pub auto_pause_interval: Option<i64>,
    pub auto_archive_interval: Option<i64>,
    pub auto_delete_interval: Option<i64>,
    pub ttl_minutes: Option<i64>,
    pub volumes: Vec<Mount>,
    pub build_info: Option<Build>,
}

/// A volume and where it is seen.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mount {
    pub volume_id: String,
    #[serde(rename = "mountPath")]
    pub path: String,
    pub subpath: Option<String>,
}

/// An image, as the text of a Dockerfile.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Build {
    pub dockerfile_content: String,
}

/// The states that sandboxes of the stand-in are in; names as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Creating,
    BuildingSnapshot,
    Starting,
    Started,
    Stopping,
    Stopped,
    Archiving,
    Archived,
    Pausing,
    Paused,
    Resuming,
    Snapshotting,
    Restoring,
    Destroying,
    Error,
    BuildFailed,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::BuildingSnapshot => "building_snapshot",
            Self::Starting => "starting",
            Self::Started => "started",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Archiving => "archiving",
            Self::Archived => "archived",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Resuming => "resuming",
            Self::Snapshotting => "snapshotting",
            Self::Restoring => "restoring",
            Self::Destroying => "destroying",
            Self::Error => "error",
            Self::BuildFailed => "build_failed",
        }
    }

    /// Whether it stays as it is until somebody asks for something else.
    pub(crate) fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Started | Self::Stopped | Self::Archived | Self::Paused | Self::Error | Self::BuildFailed
        )
    }

    /// Where it is going: the specs' `desiredState`.
    fn desired(self) -> &'static str {
        match self {
            Self::Stopping | Self::Stopped => "stopped",
            Self::Archiving | Self::Archived => "archived",
            Self::Pausing | Self::Paused => "paused",
            Self::Destroying => "destroyed",
            _ => "started",
        }
    }
}

/// When a sandbox is stopped, archived and deleted by itself, in minutes; zero is never, of a deletion it is at once, less than zero never.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intervals {
    pub stop: i64,
    pub pause: i64,
    pub archive: i64,
    pub delete: i64,
}

/// One sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Sandbox {
    pub id: String,
    pub name: String,
    pub wanted: Wanted,
    pub labels: BTreeMap<String, String>,
    pub intervals: Intervals,
    pub state: State,
    pub error: Option<String>,
    /// It says that it is started, and nothing in it answers.
    pub zombie: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_activity_at: Timestamp,
    /// The same on the clock that auto-stop goes by.
    pub active: Instant,
    /// Since when it is in its state.
    pub since: Instant,
    /// When its time to live is over.
    pub dies: Option<(Instant, Timestamp)>,
    /// Everything that is its own on disk.
    pub directory: PathBuf,
    pub mark: Mark,
    pub sessions: Arc<Sessions>,
    /// As it was told before its last change.
    pub before: Option<Value>,
}

impl Sandbox {
    /// The home of its user, and its working directory.
    pub(crate) fn home(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// The specs' `Sandbox`.
    pub(crate) fn told(&self, toolbox: &str) -> Value {
        let mut told = self.listed(toolbox);
        if let Some(fields) = told.as_object_mut() {
            fields.insert("env".into(), json!(self.wanted.env));
            let volumes: Vec<Value> = self.wanted.volumes.iter().map(Mount::told).collect();
            fields.insert("volumes".into(), volumes.into());
            if let Some(build) = &self.wanted.build_info {
                let build = json!({
                    "dockerfileContent": build.dockerfile_content, "snapshotRef": format!("stand-in/{}", self.id),
                    "createdAt": self.created_at.to_string(), "updatedAt": self.created_at.to_string(),
                });
                fields.insert("buildInfo".into(), build);
            }
        }
        told
    }

    /// The specs' `SandboxListItem`.
    pub(crate) fn listed(&self, toolbox: &str) -> Value {
        let wanted = &self.wanted;
        let mut told = json!({
            "id": self.id, "organizationId": ORGANIZATION, "name": self.name,
            "target": wanted.target.as_deref().unwrap_or("local"),
            "user": wanted.user.as_deref().unwrap_or("daytona"), "labels": self.labels,
            "public": wanted.public.unwrap_or(false),
            "networkBlockAll": wanted.network_block_all.unwrap_or(false),
            "cpu": wanted.cpu.unwrap_or(1), "gpu": wanted.gpu.unwrap_or(0),
            "memory": wanted.memory.unwrap_or(1), "disk": wanted.disk.unwrap_or(3),
            "state": self.state.name(), "desiredState": self.state.desired(), "recoverable": false,
            "backupState": "None", "sandboxClass": "container",
            "autoStopInterval": self.intervals.stop, "autoPauseInterval": self.intervals.pause,
            "autoArchiveInterval": self.intervals.archive, "autoDeleteInterval": self.intervals.delete,
            "createdAt": self.created_at.to_string(), "updatedAt": self.updated_at.to_string(),
            "lastActivityAt": self.last_activity_at.to_string(),
            "daemonVersion": "0.0.0-stand-in", "runnerId": "stand-in", "toolboxProxyUrl": toolbox,
        });
        let optional = [
            ("snapshot", wanted.snapshot.clone()),
            ("errorReason", self.error.clone()),
            ("networkAllowList", wanted.network_allow_list.clone()),
            ("domainAllowList", wanted.domain_allow_list.clone()),
            ("autoDestroyAt", self.dies.map(|(_, at)| at.to_string())),
        ];
        if let Some(fields) = told.as_object_mut() {
            for (name, value) in optional {
                fields.extend(value.map(|value| (name.to_owned(), value.into())));
            }
        }
        told
    }
}

impl Mount {
    fn told(&self) -> Value {
        let mut told = json!({ "volumeId": self.volume_id, "mountPath": self.path });
        if let (Some(fields), Some(subpath)) = (told.as_object_mut(), &self.subpath) {
            fields.insert("subpath".into(), subpath.as_str().into());
        }
        told
    }
}
