//! Where the Docker engine is looked for: where the backend `docker` would, if it is built in.

use std::path::PathBuf;

/// The engine of the whole machine.
#[cfg(not(feature = "docker"))]
const MACHINE: &str = "/var/run/docker.sock";

/// Where an engine may listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Socket(PathBuf),
    Address(String),
    /// One that takes certificates.
    #[cfg(feature = "docker")]
    Tls(hibernaculum::docker::Endpoint),
    /// None that can be tried: why, and what would mend it.
    Other(String, String),
}

/// As the backend finds it.
#[cfg(feature = "docker")]
pub(super) fn place() -> Place {
    use hibernaculum::docker::Endpoint;

    match Endpoint::find(None) {
        Ok(Endpoint::Unix(path)) => Place::Socket(path),
        Ok(Endpoint::Tcp(address)) => Place::Address(address),
        Ok(other) => Place::Tls(other),
        Err(error) => {
            let told = error.explain();
            Place::Other(format!("{}: {}", told.what, told.why), told.how)
        }
    }
}

/// By `DOCKER_HOST`, else one of the usual sockets.
#[cfg(not(feature = "docker"))]
pub(super) fn place() -> Place {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(host) = variable("DOCKER_HOST") {
        return named(&host, variable("DOCKER_TLS_VERIFY").is_some());
    }
    let own = variable("XDG_RUNTIME_DIR").map(|directory| PathBuf::from(directory).join("docker.sock"));
    let desktop = variable("HOME").map(|home| PathBuf::from(home).join(".docker/run/docker.sock"));
    let usual = std::iter::once(PathBuf::from(MACHINE)).chain(own).chain(desktop);
    Place::Socket(usual.into_iter().find(|path| path.exists()).unwrap_or_else(|| MACHINE.into()))
}

#[cfg(not(feature = "docker"))]
fn named(host: &str, is_tls: bool) -> Place {
    match host.split_once("://") {
        Some(("unix", path)) => Place::Socket(path.into()),
        Some(("tcp" | "http", address)) if !is_tls => {
            Place::Address(address.trim_end_matches('/').to_owned())
        }
        _ => Place::Other(
            format!("DOCKER_HOST={host} needs ssh or TLS, which is not tried here"),
            "docker version".to_owned(),
        ),
    }
}

#[cfg(all(test, not(feature = "docker")))]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_read_as_docker_reads_it() {
        assert_eq!(named("unix:///run/d.sock", true), Place::Socket("/run/d.sock".into()));
        assert_eq!(named("tcp://127.0.0.1:2375/", false), Place::Address("127.0.0.1:2375".to_owned()));
        for other in [named("ssh://me@far", false), named("tcp://far:2376", true), named("far", false)] {
            assert!(matches!(other, Place::Other(..)), "{other:?}");
        }
    }
}
