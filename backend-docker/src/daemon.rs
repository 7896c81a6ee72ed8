//! The engine: connected to, agreed with on a version, and known for what matters here.

use std::time::Duration;

use bollard::models::SystemInfo;
use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker};
use hibernaculum_core::{Error, LimitKind, SandboxError};

use crate::endpoint::Endpoint;
use crate::removal::Remover;
use crate::trouble::unreachable;

/// How long the engine may take to answer one request. Those that take longer by nature have a limit of their own.
pub(crate) const REQUEST_SECONDS: u64 = 60;
/// How long it may take to say who it is.
const GREETING: Duration = Duration::from_secs(10);
/// The oldest API that has what is asked of it: that of Docker 20.10.
const OLDEST: (usize, usize) = (1, 41);

/// A connected engine.
#[derive(Debug, Clone)]
pub(crate) struct Daemon {
    pub(crate) docker: Docker,
    pub(crate) remover: Remover,
    pub(crate) endpoint: Endpoint,
    /// What it calls itself, for as long as it keeps its data.
    pub(crate) id: String,
    /// How many processors it has.
    pub(crate) cpus: u32,
    /// What it says that it cannot limit: it takes such a limit and does nothing.
    pub(crate) unlimited: Vec<LimitKind>,
    /// Whether it can keep a container to some of them.
    pub(crate) has_cpusets: bool,
    /// Whether users in its containers are others of this machine: it runs without root, or maps them.
    pub(crate) maps_users: bool,
}

impl Daemon {
    /// Finds the engine and asks what it is.
    pub(crate) async fn connect(setting: Option<&str>) -> Result<Self, Error> {
        let endpoint = Endpoint::find(setting)?;
        let docker = dial(&endpoint).map_err(|error| unreachable(&endpoint, error))?;
        let asked = tokio::time::timeout(GREETING, async {
            let version = docker.version().await?;
            let docker = docker.clone().negotiate_version().await?;
            let info = docker.info().await?;
            Ok::<_, bollard::errors::Error>((version, docker, info))
        });
        let (version, docker, info) = match asked.await {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => return Err(unreachable(&endpoint, error)),
            Err(_) => return Err(unreachable(&endpoint, bollard::errors::Error::RequestTimeoutError)),
        };
        let api = version.api_version.unwrap_or_default();
        old_enough(&endpoint, &version.version.unwrap_or_default(), &api)?;
        let unlimited = unlimited(&info);
        if info.memory_limit != Some(false) && info.swap_limit == Some(false) {
            tracing::warn!(%endpoint, "the engine cannot limit swap: a limit of memory is one of RAM alone");
        }
        let has_cpusets = info.cpu_set != Some(false);
        let options = info.security_options.unwrap_or_default();
        Ok(Self {
            remover: Remover::of(docker.clone()),
            docker,
            id: info.id.unwrap_or_default(),
            cpus: info.ncpu.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
            unlimited,
            has_cpusets,
            maps_users: maps_users(&options),
            endpoint,
        })
    }
}

/// The limits that the engine says it cannot enforce: it runs without the control groups for them. What it does not speak of it can.
fn unlimited(info: &SystemInfo) -> Vec<LimitKind> {
    let period_and_quota = [info.cpu_cfs_period, info.cpu_cfs_quota];
    let can = [
        (LimitKind::Memory, info.memory_limit != Some(false)),
        (LimitKind::Cpus, !period_and_quota.contains(&Some(false))),
        (LimitKind::Processes, info.pids_limit != Some(false)),
    ];
    can.into_iter().filter(|(_, can)| !can).map(|(limit, _)| limit).collect()
}

fn maps_users(options: &[String]) -> bool {
    // `name=seccomp,profile=default`
    let names = options.iter().flat_map(|option| option.split(','));
    names.into_iter().any(|name| matches!(name, "name=rootless" | "name=userns"))
}

/// What an engine says that it is.
///
/// ```no_run
/// # async fn example() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_docker::{EngineVersion, Endpoint};
///
/// let EngineVersion { version, api, .. } = Endpoint::find(None)?.version().await?;
/// println!("Docker {version}, API {api}");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineVersion {
    /// Its own.
    pub version: String,
    /// The newest of the API that it speaks.
    pub api: String,
}

impl Endpoint {
    /// Asks the engine there what it is, for ten seconds at most.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_docker::Endpoint;
    ///
    /// println!("{}", Endpoint::find(None)?.version().await?.version);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SandboxError::Engine`] where none answers.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped.
    pub async fn version(&self) -> Result<EngineVersion, Error> {
        let docker = dial(self).map_err(|error| unreachable(self, error))?;
        let asked = tokio::time::timeout(GREETING, docker.version()).await;
        let told = asked.unwrap_or(Err(bollard::errors::Error::RequestTimeoutError));
        let told = told.map_err(|error| unreachable(self, error))?;
        Ok(EngineVersion {
            version: told.version.unwrap_or_default(),
            api: told.api_version.unwrap_or_default(),
        })
    }
}

fn dial(endpoint: &Endpoint) -> Result<Docker, bollard::errors::Error> {
    let version: &ClientVersion = API_DEFAULT_VERSION;
    match endpoint {
        Endpoint::Unix(path) => Docker::connect_with_unix(&path.to_string_lossy(), REQUEST_SECONDS, version),
        Endpoint::Tcp(address) => {
            Docker::connect_with_http(&format!("tcp://{address}"), REQUEST_SECONDS, version)
        }
        Endpoint::Tls(address, folder) => Docker::connect_with_ssl(
            &format!("tcp://{address}"),
            &folder.join("key.pem"),
            &folder.join("cert.pem"),
            &folder.join("ca.pem"),
            REQUEST_SECONDS,
            version,
        ),
    }
}

fn old_enough(endpoint: &Endpoint, version: &str, api: &str) -> Result<(), Error> {
    let numbers =
        api.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    if numbers.is_some_and(|numbers: (usize, usize)| numbers >= OLDEST) {
        return Ok(());
    }
    let api: String = api.chars().take(20).flat_map(char::escape_debug).collect();
    let version: String = version.chars().take(40).flat_map(char::escape_debug).collect();
    Err(SandboxError::Engine {
        problem: format!("the engine {version} at {endpoint} is too old"),
        reason: format!(
            "it speaks version {api} of the API; {}.{} is the oldest that will do",
            OLDEST.0, OLDEST.1
        ),
        advice: "update it to Docker 20.10 or newer, or name another one with DOCKER_HOST".to_owned(),
        source: None,
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_cannot_limit_is_known_by_what_it_says() {
        let of = |info: &str| unlimited(&serde_json::from_str(info).unwrap());
        let all = r#"{"MemoryLimit": true, "SwapLimit": false, "CpuCfsPeriod": true, "CpuCfsQuota": true, "PidsLimit": true}"#;
        assert!(of(all).is_empty() && of("{}").is_empty());
        let none = all.replace("true", "false");
        assert_eq!(of(&none), [LimitKind::Memory, LimitKind::Cpus, LimitKind::Processes]);
        assert_eq!(of(r#"{"CpuCfsQuota": false}"#), [LimitKind::Cpus]);
    }

    #[test]
    fn an_engine_whose_users_are_others_is_known_by_its_options() {
        let of = |options: &[&str]| {
            maps_users(&options.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>())
        };
        assert!(of(&["name=seccomp,profile=default", "name=rootless"]) && of(&["name=userns"]));
        assert!(!of(&["name=apparmor", "name=seccomp,profile=default", "name=cgroupns"]) && !of(&[]));
    }

    #[test]
    fn an_engine_that_is_too_old_is_told_with_its_version() {
        let endpoint = Endpoint::Unix("/s".into());
        for api in ["1.41", "1.52", "2.0"] {
            assert!(old_enough(&endpoint, "x", api).is_ok(), "{api}");
        }
        for api in ["1.40", "1.9", "", "old"] {
            let error = old_enough(&endpoint, "19.03", api).unwrap_err();
            assert_eq!(error.code(), "sandbox.engine");
            assert!(error.to_string().contains("19.03"), "{error}");
        }
    }
}
