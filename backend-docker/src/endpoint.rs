//! Where the engine listens: found as `docker` itself finds it.
//!
//! ```text
//!  the `host` setting ─▶ DOCKER_HOST ─▶ the context of DOCKER_CONTEXT, or of config.json in DOCKER_CONFIG or ~/.docker ─▶ the usual sockets
//! ```
//!
//! Whoever names an engine means that one: only the usual sockets are tried one after the other.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use hibernaculum_core::{Error, SandboxError};
use serde_json::Value;

/// The engine of the whole machine.
const MACHINE: &str = "/var/run/docker.sock";

/// Where an engine listens.
///
/// ```no_run
/// use hibernaculum_backend_docker::Endpoint;
///
/// match Endpoint::find(None)? {
///     Endpoint::Unix(path) => println!("a socket of this machine: {}", path.display()),
///     other => println!("somewhere else: {other}"),
/// }
/// # Ok::<(), hibernaculum_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// A unix socket of this machine.
    Unix(PathBuf),
    /// A TCP address, without TLS.
    Tcp(String),
    /// A TCP address with TLS, and the directory with `ca.pem`, `cert.pem` and `key.pem`.
    Tls(String, PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) | Self::Tls(address, _) => write!(f, "tcp://{address}"),
        }
    }
}

impl Endpoint {
    /// The engine that a backend would use which is given this `host` setting, whether or not it is there.
    ///
    /// ```
    /// use hibernaculum_backend_docker::Endpoint;
    ///
    /// assert_eq!(Endpoint::find(Some("unix:///run/d.sock"))?.to_string(), "unix:///run/d.sock");
    /// # Ok::<(), hibernaculum_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SandboxError::Engine`] where what is named is no address, or the context in use is not known.
    pub fn find(host: Option<&str>) -> Result<Self, Error> {
        Surroundings::here().endpoint(host)
    }
}

/// What of this process's surroundings decides. A value of its own, so that tests need no environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) host: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) tls_verify: bool,
    pub(crate) cert_path: Option<PathBuf>,
    /// Where `docker` keeps its settings, unless that is in the home directory.
    pub(crate) config: Option<PathBuf>,
    pub(crate) home: Option<PathBuf>,
    pub(crate) runtime_dir: Option<PathBuf>,
}

impl Surroundings {
    pub(crate) fn here() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            host: variable("DOCKER_HOST"),
            context: variable("DOCKER_CONTEXT"),
            tls_verify: variable("DOCKER_TLS_VERIFY").is_some(),
            cert_path: variable("DOCKER_CERT_PATH").map(PathBuf::from),
            config: variable("DOCKER_CONFIG").map(PathBuf::from),
            home: variable("HOME").map(PathBuf::from),
            runtime_dir: variable("XDG_RUNTIME_DIR").map(PathBuf::from),
        }
    }

    /// The engine that is meant; `setting` comes first.
    pub(crate) fn endpoint(&self, setting: Option<&str>) -> Result<Endpoint, Error> {
        if let Some(host) = setting {
            return parse(host, self.certificates(), "the `host` setting");
        }
        if let Some(host) = &self.host {
            return parse(host, self.certificates(), "DOCKER_HOST");
        }
        if let Some(endpoint) = self.of_context()? {
            return Ok(endpoint);
        }
        // An engine of the user's own is meant where there is none for the machine.
        let own = self.runtime_dir.iter().map(|directory| directory.join("docker.sock"));
        let desktop = self.home.iter().map(|home| home.join(".docker/run/docker.sock"));
        let usual = std::iter::once(PathBuf::from(MACHINE)).chain(own).chain(desktop);
        Ok(Endpoint::Unix(usual.into_iter().find(|path| path.exists()).unwrap_or_else(|| MACHINE.into())))
    }

    /// Where certificates are, if TLS is asked for.
    fn certificates(&self) -> Option<PathBuf> {
        if self.tls_verify { self.cert_path.clone().or_else(|| self.settings()) } else { None }
    }

    /// Where `docker` keeps its settings.
    fn settings(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| self.home.as_ref().map(|home| home.join(".docker")))
    }

    /// The endpoint of the context in use; `default` is none.
    fn of_context(&self) -> Result<Option<Endpoint>, Error> {
        let Some(folder) = self.settings() else { return Ok(None) };
        let configured =
            || json(&folder.join("config.json"))?.get("currentContext")?.as_str().map(str::to_owned);
        let Some(name) = self.context.clone().or_else(configured).filter(|name| name != "default") else {
            return Ok(None);
        };
        let metas = fs::read_dir(folder.join("contexts/meta")).into_iter().flatten().flatten();
        let found = metas.map(|entry| entry.path()).find_map(|path| {
            let meta = json(&path.join("meta.json"))?;
            (meta.get("Name")?.as_str()? == name).then_some((path, meta))
        });
        let host = found.as_ref().and_then(|(_, meta)| meta.pointer("/Endpoints/docker/Host")?.as_str());
        let (Some((path, _)), Some(host)) = (&found, host) else {
            return Err(unusable(
                format!("the docker context `{name}` names no engine"),
                "DOCKER_CONTEXT or docker's config.json names it, and `docker context` does not know it",
            ));
        };
        let id = path.file_name().unwrap_or_default();
        let tls = Some(folder.join("contexts/tls").join(id).join("docker")).filter(|folder| folder.is_dir());
        parse(host, tls, "the docker context").map(Some)
    }
}

fn parse(host: &str, certificates: Option<PathBuf>, by: &str) -> Result<Endpoint, Error> {
    let address = |rest: &str| rest.trim_end_matches('/').to_owned();
    match host.split_once("://") {
        Some(("unix", path)) => Ok(Endpoint::Unix(path.into())),
        None if host.starts_with('/') => Ok(Endpoint::Unix(host.into())),
        Some(("tcp" | "http" | "https", rest)) if !rest.is_empty() => Ok(match certificates {
            Some(folder) => Endpoint::Tls(address(rest), folder),
            None => Endpoint::Tcp(address(rest)),
        }),
        _ => Err(unusable(
            format!("{by} is `{}`", host.escape_debug()),
            "an engine is reached by unix://PATH or tcp://HOST:PORT; for ssh, forward its socket: ssh -L /tmp/docker.sock:/var/run/docker.sock HOST",
        )),
    }
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn unusable(problem: String, reason: &str) -> Error {
    SandboxError::Engine {
        problem,
        reason: reason.to_owned(),
        advice: "name the engine with DOCKER_HOST or the backend's `host` setting".to_owned(),
        source: None,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_host(host: &str) -> Surroundings {
        Surroundings { host: Some(host.to_owned()), ..Surroundings::default() }
    }

    #[test]
    fn the_variable_is_read_as_docker_reads_it() {
        let of = |host: &str| with_host(host).endpoint(None).unwrap();
        assert_eq!(of("unix:///run/d.sock"), Endpoint::Unix("/run/d.sock".into()));
        assert_eq!(of("tcp://127.0.0.1:2375/"), Endpoint::Tcp("127.0.0.1:2375".to_owned()));
        let tls = Surroundings {
            tls_verify: true,
            cert_path: Some("/certs".into()),
            ..with_host("tcp://far:2376")
        };
        assert_eq!(tls.endpoint(None).unwrap(), Endpoint::Tls("far:2376".to_owned(), "/certs".into()));
        let error = with_host("ssh://me@far").endpoint(None).unwrap_err();
        assert_eq!(error.code(), "sandbox.engine");
        assert!(error.explain().why.contains("ssh -L"), "{}", error.explain());
    }

    #[test]
    fn a_setting_comes_before_the_variable() {
        let found = with_host("tcp://far:1").endpoint(Some("unix:///mine")).unwrap();
        assert_eq!(found, Endpoint::Unix("/mine".into()));
    }

    #[test]
    fn a_context_in_use_is_followed_with_its_certificates() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".docker");
        fs::create_dir_all(folder.join("contexts/meta/abc")).unwrap();
        fs::create_dir_all(folder.join("contexts/tls/abc/docker")).unwrap();
        fs::write(folder.join("config.json"), r#"{"currentContext": "den"}"#).unwrap();
        let meta = r#"{"Name": "den", "Endpoints": {"docker": {"Host": "tcp://den:2376"}}}"#;
        fs::write(folder.join("contexts/meta/abc/meta.json"), meta).unwrap();
        let here = Surroundings { home: Some(home.path().into()), ..Surroundings::default() };
        let tls = folder.join("contexts/tls/abc/docker");
        assert_eq!(here.endpoint(None).unwrap(), Endpoint::Tls("den:2376".to_owned(), tls));
        let other = Surroundings { context: Some("nest".to_owned()), ..here.clone() };
        assert!(other.endpoint(None).unwrap_err().to_string().contains("`nest`"));
        let default = Surroundings { context: Some("default".to_owned()), ..here };
        assert!(matches!(default.endpoint(None).unwrap(), Endpoint::Unix(_)));
        let elsewhere = Surroundings {
            home: Some("/nonexistent".into()),
            config: Some(folder.clone()),
            tls_verify: true,
            ..Surroundings::default()
        };
        let tls = folder.join("contexts/tls/abc/docker");
        assert_eq!(elsewhere.endpoint(None).unwrap(), Endpoint::Tls("den:2376".to_owned(), tls));
        let named = Surroundings { host: Some("tcp://far:1".to_owned()), ..elsewhere };
        assert_eq!(named.endpoint(None).unwrap(), Endpoint::Tls("far:1".to_owned(), folder));
    }
}
