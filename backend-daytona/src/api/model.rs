//! What is sent to the service, and what it sends: the parts of its specification that are needed.

use std::collections::BTreeMap;

use hibernaculum_core::{ByteSize, Limits};
use serde::{Deserialize, Deserializer, Serialize};

/// The body of `POST /sandbox`. What is unset is not sent, and is the service's choice.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateSandbox {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) build_info: Option<BuildInfo>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// Cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu: Option<u64>,
    /// GB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<u64>,
    /// GB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disk: Option<u64>,
    /// Minutes, as all that follow.
    pub(crate) auto_stop_interval: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auto_archive_interval: Option<u64>,
    pub(crate) auto_delete_interval: u64,
    pub(crate) ttl_minutes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_block_all: Option<bool>,
    /// CIDR blocks, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network_allow_list: Option<String>,
    /// Domains, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) domain_allow_list: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) volumes: Vec<Volume>,
}

/// An image, as the service wants it: a Dockerfile of one line.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuildInfo {
    pub(crate) dockerfile_content: String,
}

/// A volume of the service's, mounted into every sandbox.
///
/// ```
/// let data = hibernaculum_backend_daytona::Volume::new("vol-7", "/data");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Volume {
    /// Its id.
    pub volume_id: String,
    /// Where it is mounted: an absolute path.
    pub mount_path: String,
    /// Only this directory of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subpath: Option<String>,
}

impl Volume {
    /// The whole of a volume.
    pub fn new(volume_id: impl Into<String>, mount_path: impl Into<String>) -> Self {
        Self { volume_id: volume_id.into(), mount_path: mount_path.into(), subpath: None }
    }
}

const GIB: f64 = 1_073_741_824.0;

/// A sandbox, as the service tells of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Sandbox {
    #[serde(deserialize_with = "or_default")]
    pub(crate) id: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) state: State,
    #[serde(deserialize_with = "or_default")]
    pub(crate) error_reason: String,
    #[serde(deserialize_with = "values_or_default")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) toolbox_proxy_url: String,
    /// Cores.
    pub(crate) cpu: Option<f64>,
    /// GiB, as the next.
    pub(crate) memory: Option<f64>,
    pub(crate) disk: Option<f64>,
}

impl Sandbox {
    /// What the service gave it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is positive, and `as` stops at the bounds"
    )]
    pub(crate) fn limits(&self) -> Limits {
        let size = |gib: f64| ByteSize::bytes((gib * GIB) as u64);
        Limits {
            cpus: self.cpu.filter(|cpus| *cpus > 0.0),
            memory: self.memory.filter(|gib| *gib > 0.0).map(size),
            disk: self.disk.filter(|gib| *gib > 0.0).map(size),
            ..Limits::default()
        }
    }
}

/// One page of sandboxes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Page {
    #[serde(deserialize_with = "or_default")]
    pub(crate) items: Vec<Sandbox>,
    pub(crate) next_cursor: Option<String>,
}

/// Where a port of a sandbox is seen from outside.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PreviewUrl {
    #[serde(deserialize_with = "or_default")]
    pub(crate) url: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) token: String,
}

/// Where a sandbox's toolbox is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolboxUrl {
    #[serde(deserialize_with = "or_default")]
    pub(crate) url: String,
}

/// What becomes of a sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) enum State {
    Started,
    Stopped,
    Stopping,
    Archived,
    Archiving,
    Paused,
    Pausing,
    Error,
    BuildFailed,
    Destroyed,
    Destroying,
    /// On its way to one of the others, or a state that this version does not know.
    Other(String),
    /// The service did not say.
    #[default]
    Untold,
}

impl From<String> for State {
    fn from(name: String) -> Self {
        match name.as_str() {
            "started" => Self::Started,
            "stopped" => Self::Stopped,
            "stopping" => Self::Stopping,
            "archived" => Self::Archived,
            "archiving" => Self::Archiving,
            "paused" => Self::Paused,
            "pausing" => Self::Pausing,
            "error" => Self::Error,
            "build_failed" => Self::BuildFailed,
            "destroyed" => Self::Destroyed,
            "destroying" => Self::Destroying,
            _ => Self::Other(name),
        }
    }
}

impl State {
    /// Nothing that waits for a start need wait any longer.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self, Self::Error | Self::BuildFailed | Self::Destroyed | Self::Destroying)
    }

    /// Its processes are gone, or will be in a moment; its files are not. (A paused one has its processes, but nobody can wake it by calling.)
    pub(crate) fn is_at_rest(&self) -> bool {
        matches!(
            self,
            Self::Stopped | Self::Stopping | Self::Archived | Self::Archiving | Self::Paused | Self::Pausing
        )
    }

    /// Its name, as the service writes it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Stopping => "stopping",
            Self::Archived => "archived",
            Self::Archiving => "archiving",
            Self::Paused => "paused",
            Self::Pausing => "pausing",
            Self::Error => "error",
            Self::BuildFailed => "build_failed",
            Self::Destroyed => "destroyed",
            Self::Destroying => "destroying",
            Self::Other(name) => name,
            Self::Untold => "untold",
        }
    }
}

/// A field that may be there, be `null`, or be absent.
pub(super) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// The same of a map, and of each of its values.
fn values_or_default<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let told: BTreeMap<String, Option<String>> = or_default(from)?;
    Ok(told.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_tolerantly() {
        let told = r#"{"id":"a","name":null,"state":"levitating","labels":null,"colour":{"of":["things"]}}"#;
        let sandbox: Sandbox = serde_json::from_str(told).unwrap();
        assert_eq!((sandbox.id.as_str(), sandbox.name.as_str()), ("a", ""));
        assert_eq!(sandbox.state, State::Other("levitating".to_owned()));
        assert_eq!(serde_json::from_str::<Sandbox>("{}").unwrap().state, State::Untold);
        let told = r#"{"id":"a","labels":{"empty":null,"full":"x"}}"#;
        let labels = serde_json::from_str::<Sandbox>(told).unwrap().labels;
        assert_eq!((labels["empty"].as_str(), labels["full"].as_str()), ("", "x"));
        let preview: PreviewUrl = serde_json::from_str(r#"{"url":"http://x","token":null}"#).unwrap();
        assert_eq!((preview.url.as_str(), preview.token.as_str()), ("http://x", ""));
        assert_eq!(serde_json::from_str::<ToolboxUrl>(r#"{"url":null}"#).unwrap().url, "");
    }

    #[test]
    fn what_a_sandbox_was_given_is_read() {
        let given = |told: &str| serde_json::from_str::<Sandbox>(told).unwrap().limits();
        let limits = given(r#"{"cpu":2,"memory":4,"disk":0.5,"gpu":0}"#);
        assert_eq!((limits.cpus, limits.memory), (Some(2.0), Some(ByteSize::gib(4))));
        assert_eq!(limits.disk, Some(ByteSize::mib(512)));
        assert_eq!(given(r#"{"cpu":0,"memory":null,"disk":-3}"#), Limits::default());
    }

    #[test]
    fn what_is_unset_is_not_sent() {
        let body = CreateSandbox { name: "n".to_owned(), auto_stop_interval: 15, ..CreateSandbox::default() };
        let expected = serde_json::json!({
            "name": "n", "labels": {}, "autoStopInterval": 15, "autoDeleteInterval": 0, "ttlMinutes": 0,
        });
        assert_eq!(serde_json::to_value(body).unwrap(), expected);
    }

    #[test]
    fn every_state_has_its_name_and_its_meaning() {
        for name in
            ["started", "stopping", "archived", "paused", "error", "build_failed", "destroying", "creating"]
        {
            let state = State::from(name.to_owned());
            assert_eq!(state.name(), name);
            assert!(!(state.has_failed() && state.is_at_rest()), "{name}");
        }
        assert!(State::Destroyed.has_failed() && !State::Other("creating".to_owned()).has_failed());
    }
}
