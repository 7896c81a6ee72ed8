//! What is asked of the service for a sandbox: the spec, and the backend's settings, in the service's terms.
//!
//! | of the spec | becomes |
//! |---|---|
//! | `limits.cpus`, `memory`, `disk` | `cpu`, `memory`, `disk`: whole cores, whole GiB, and only with an image |
//! | `limits.wall_time` | `ttlMinutes`, rounded up; this program ends it to the second |
//! | `network` | `networkBlockAll`, or `networkAllowList` and `domainAllowList` |
//! | `env`, `labels` | themselves |
//!
//! What cannot be said in the service's terms is refused before anything is started. The guards against leaks are always set.

use std::net::IpAddr;
use std::time::Duration;

use hibernaculum_core::{ByteSize, ConfigError, Error, NetworkPolicy, SandboxId, SandboxSpec, Unsupported};

use crate::api::{BuildInfo, CreateSandbox, Volume};
use crate::features::NAME;
use crate::labels;

/// What sandboxes are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A snapshot that the service has; its usual one where none is named.
    Snapshot(Option<String>),
    /// An image of a registry.
    Image(String),
}

/// What the backend was told for all its sandboxes. Times are whole minutes.
#[derive(Debug, Clone)]
pub(crate) struct Wishes {
    pub(crate) origin: Origin,
    pub(crate) target: Option<String>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) auto_stop: u64,
    pub(crate) auto_archive: Option<u64>,
    pub(crate) auto_delete: u64,
    pub(crate) ttl: u64,
}

/// Whole minutes, rounded up.
pub(crate) fn minutes(time: Duration) -> u64 {
    time.as_secs().div_ceil(60) + u64::from(time.as_secs().is_multiple_of(60) && time.subsec_nanos() > 0)
}

/// The name of a sandbox at the service: chosen here, so that it can be found again.
pub(crate) fn name(sandbox: SandboxId) -> String {
    format!("hibernaculum-{}", sandbox.to_string().replace('_', "-"))
}

impl Wishes {
    /// The order for a sandbox.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] for what cannot be said in the service's terms, [`ConfigError::Invalid`] for a label that is one of ours.
    pub(crate) fn order(
        &self,
        sandbox: SandboxId,
        spec: &SandboxSpec,
        network: &NetworkPolicy,
    ) -> Result<CreateSandbox, Error> {
        let limits = &spec.limits;
        let ttl = match limits.wall_time {
            // One more: this program is to be first.
            Some(time) if self.ttl == 0 => minutes(time) + 1,
            Some(time) => self.ttl.min(minutes(time) + 1),
            None => self.ttl,
        };
        let (snapshot, image) = match &self.origin {
            Origin::Snapshot(name) => (name.clone(), None),
            Origin::Image(image) => (None, Some(image)),
        };
        let mut order = CreateSandbox {
            name: name(sandbox),
            snapshot,
            build_info: image.map(|image| BuildInfo { dockerfile_content: format!("FROM {image}\n") }),
            env: spec.env.clone(),
            labels: labels::of(sandbox, spec)?,
            target: self.target.clone(),
            cpu: limits.cpus.map(cores).transpose()?,
            memory: limits.memory.map(|size| gib("memory", size)).transpose()?,
            disk: limits.disk.map(|size| gib("disk", size)).transpose()?,
            auto_stop_interval: self.auto_stop,
            auto_archive_interval: self.auto_archive,
            auto_delete_interval: self.auto_delete,
            ttl_minutes: ttl,
            volumes: self.volumes.clone(),
            ..CreateSandbox::default()
        };
        match network {
            NetworkPolicy::Loopback => order.network_block_all = Some(true),
            NetworkPolicy::Full => order.network_block_all = Some(false),
            NetworkPolicy::AllowList { hosts } => allow(&mut order, hosts)?,
            other => return Err(refused(format!("the network policy `{other}`"), "use `loopback`")),
        }
        Ok(order)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was held against both bounds"
)]
fn cores(cpus: f64) -> Result<u64, Error> {
    if cpus.fract() == 0.0 && (1.0..=4096.0).contains(&cpus) {
        return Ok(cpus as u64);
    }
    Err(refused(format!("the limit `cpus` of {cpus}"), "ask for whole cores"))
}

fn gib(what: &str, size: ByteSize) -> Result<u64, Error> {
    let gib = 1 << 30;
    if size.as_u64() > 0 && size.as_u64().is_multiple_of(gib) {
        return Ok(size.as_u64() / gib);
    }
    Err(refused(format!("the limit `{what}` of {size}"), "ask for a whole number of GiB"))
}

/// Addresses and names go into lists of their own.
fn allow(order: &mut CreateSandbox, hosts: &[String]) -> Result<(), Error> {
    let (mut blocks, mut domains) = (Vec::new(), Vec::new());
    for host in hosts {
        if let Some(block) = block(host) {
            blocks.push(block);
        } else if is_domain(host) {
            domains.push(host.clone());
        } else {
            let shown: String = host.chars().take(80).flat_map(char::escape_debug).collect();
            return Err(refused(
                format!("`{shown}` in an allow-list"),
                "list CIDR blocks (`192.0.2.0/24`) and domains (`example.org`, `*.example.org`), without ports",
            ));
        }
    }
    order.network_allow_list = (!blocks.is_empty()).then(|| blocks.join(","));
    order.domain_allow_list = (!domains.is_empty()).then(|| domains.join(","));
    Ok(())
}

/// A CIDR block; an address alone is one of its own.
fn block(host: &str) -> Option<String> {
    let (address, bits) = host.split_once('/').map_or((host, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits: u8 = bits.map_or(Ok(most), str::parse).ok()?;
    (bits <= most).then(|| format!("{address}/{bits}"))
}

fn is_domain(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
    };
    let is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|c| c.is_ascii_digit()));
    name.len() <= 253 && name.contains('.') && !is_number && name.split('.').all(is_label)
}

fn refused(what: String, instead: &str) -> Error {
    Unsupported { backend: NAME.to_owned(), what, instead: instead.to_owned() }.into()
}

/// Refuses what is no name of an image: it is to stand in a Dockerfile's one line.
pub(crate) fn check_image(image: &str) -> Result<(), ConfigError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "./:@_-".contains(c);
    if !image.is_empty() && image.chars().all(is_plain) {
        return Ok(());
    }
    let value = image.chars().take(80).flat_map(char::escape_debug).collect();
    let rule = "must be the name of an image, such as `python:3.13-slim`".to_owned();
    Err(ConfigError::Invalid { field: "image".to_owned(), value, rule })
}

#[cfg(test)]
mod tests {
    use hibernaculum_core::Limits;

    use super::*;

    fn wishes(origin: Origin) -> Wishes {
        Wishes {
            origin,
            target: None,
            volumes: vec![],
            auto_stop: 15,
            auto_archive: None,
            auto_delete: 60,
            ttl: 1440,
        }
    }

    fn order(limits: Limits, network: &NetworkPolicy) -> Result<serde_json::Value, Error> {
        let spec = SandboxSpec::builder().limits(limits).label("team", "den").env("A", "b").build().unwrap();
        let order =
            wishes(Origin::Image("python:3.13".to_owned())).order(SandboxId::new(), &spec, network)?;
        Ok(serde_json::to_value(order).unwrap())
    }

    #[test]
    fn a_spec_is_said_in_the_services_terms() {
        let limits = Limits {
            cpus: Some(2.0),
            memory: Some(ByteSize::gib(4)),
            disk: Some(ByteSize::gib(10)),
            wall_time: Some(Duration::from_secs(61)),
            ..Limits::default()
        };
        let told = order(limits, &NetworkPolicy::Loopback).unwrap();
        assert_eq!((&told["cpu"], &told["memory"], &told["disk"]), (&2.into(), &4.into(), &10.into()));
        assert_eq!((&told["ttlMinutes"], &told["networkBlockAll"]), (&3.into(), &true.into()));
        assert_eq!(told["buildInfo"]["dockerfileContent"], "FROM python:3.13\n");
        assert_eq!((&told["autoStopInterval"], &told["autoDeleteInterval"]), (&15.into(), &60.into()));
        assert_eq!((&told["labels"]["team"], &told["env"]["A"]), (&"den".into(), &"b".into()));
        assert!(told.get("snapshot").is_none() && told.get("networkAllowList").is_none());
    }

    #[test]
    fn an_allow_list_is_split_into_addresses_and_names() {
        let hosts = ["192.0.2.7", "10.0.0.0/8", "pypi.org", "*.pythonhosted.org", "2001:db8::/32"];
        let policy = NetworkPolicy::AllowList { hosts: hosts.map(str::to_owned).to_vec() };
        let told = order(Limits::default(), &policy).unwrap();
        assert_eq!(told["networkAllowList"], "192.0.2.7/32,10.0.0.0/8,2001:db8::/32");
        assert_eq!(told["domainAllowList"], "pypi.org,*.pythonhosted.org");
        assert!(told.get("networkBlockAll").is_none());
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        let memory = |memory| Limits { memory: Some(memory), ..Limits::default() };
        let cpus = |cpus| Limits { cpus: Some(cpus), ..Limits::default() };
        for limits in [memory(ByteSize::mib(1500)), cpus(0.5), cpus(1e9)] {
            assert_eq!(order(limits, &NetworkPolicy::Full).unwrap_err().code(), "unsupported");
        }
        for host in
            ["example.org:443", "a,b.org", "localhost", "10.0.0.0/33", "1.2.3", "http://x.org", "x..org"]
        {
            let policy = NetworkPolicy::AllowList { hosts: vec![host.to_owned()] };
            assert_eq!(order(Limits::default(), &policy).unwrap_err().code(), "unsupported", "{host}");
        }
        assert!(order(Limits::default(), &NetworkPolicy::None).is_err());
        assert!(check_image("python\nRUN evil").is_err() && check_image("ghcr.io/a/b:1@sha256:0").is_ok());
    }

    #[test]
    fn minutes_are_rounded_up() {
        let told = |millis| minutes(Duration::from_millis(millis));
        assert_eq!([0, 1, 60_000, 60_001, 61_000].map(told), [0, 1, 1, 2, 2]);
    }
}
