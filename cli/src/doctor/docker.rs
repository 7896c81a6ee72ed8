//! The Docker engine: whether its socket is there, lets us in, and answers.
//!
//! ```text
//!  DOCKER_HOST, else the usual sockets ─▶ connect ─▶ GET /version ─▶ which engine it is
//!                                            └─ absent │ denied │ refused: each has a mend of its own
//! ```

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::check::{Check, Group};

/// How long the engine may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// How much of its answer is read.
const ANSWER: u64 = 256 * 1024;
/// Version 1.0, so that the answer comes in one piece and the connection ends with it.
const REQUEST: &[u8] = b"GET /version HTTP/1.0\r\nHost: docker\r\n\r\n";

/// Where an engine may listen.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Socket(PathBuf),
    Address(String),
    /// One that needs more than a connection, ssh or TLS; in words.
    Other(String),
}

/// Checks the engine.
pub(super) async fn check() -> Check {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(host) = variable("DOCKER_HOST") {
        return one(&place(&host, variable("DOCKER_TLS_VERIFY").is_some())).await;
    }
    let usual = Place::Socket("/var/run/docker.sock".into());
    let own = variable("XDG_RUNTIME_DIR").map(|directory| PathBuf::from(directory).join("docker.sock"));
    match own.filter(|path| path.exists()) {
        // An engine of the user's own is meant where there is one, unless the machine's lets us in.
        Some(own) if UnixStream::connect("/var/run/docker.sock").await.is_err() => {
            one(&Place::Socket(own)).await
        }
        _ => one(&usual).await,
    }
}

fn place(host: &str, is_tls: bool) -> Place {
    match host.split_once("://") {
        Some(("unix", path)) => Place::Socket(path.into()),
        Some(("tcp" | "http", address)) if !is_tls => {
            Place::Address(address.trim_end_matches('/').to_owned())
        }
        _ => Place::Other(host.to_owned()),
    }
}

async fn one(place: &Place) -> Check {
    let (shown, answer) = match place {
        Place::Socket(path) => {
            let asked = async { talk(UnixStream::connect(path).await?).await };
            (path.display().to_string(), tokio::time::timeout(LIMIT, asked).await)
        }
        Place::Address(address) => {
            let asked = async { talk(TcpStream::connect(address).await?).await };
            (address.clone(), tokio::time::timeout(LIMIT, asked).await)
        }
        Place::Other(host) => {
            let detail = format!("DOCKER_HOST={host} needs ssh or TLS, which is not tried here");
            return Check::limited(Group::Docker, "docker", detail, "docker version")
                .with("reason", "untried");
        }
    };
    match answer {
        Ok(Ok(text)) => understood(&shown, &text),
        Ok(Err(error)) => unreachable_at(&shown, &error),
        Err(_) => unreachable_at(&shown, &io::ErrorKind::TimedOut.into()),
    }
    .with("endpoint", shown)
}

/// Asks, and reads all of the answer.
async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<String> {
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn understood(shown: &str, answer: &str) -> Check {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let is_fine = head.lines().next().is_some_and(|line| line.starts_with("HTTP/") && line.contains(" 200"));
    let json: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
    if let (true, Some(version), Some(api)) = (is_fine, text("Version"), text("ApiVersion")) {
        return Check::ok(
            Group::Docker,
            "docker",
            format!("engine {version} (API {api}) answers at {shown}"),
        )
        .with("version", version)
        .with("api", api);
    }
    let first = head.lines().next().unwrap_or_default();
    let said: String = first.chars().filter(|c| !c.is_control()).take(80).collect();
    let detail = format!("what listens at {shown} is no Docker engine: it said `{said}`");
    Check::missing(Group::Docker, "docker", detail, "docker version").with("reason", "odd")
}

fn unreachable_at(shown: &str, error: &io::Error) -> Check {
    let start = "sudo systemctl start docker";
    let (reason, detail, mend) = match error.kind() {
        io::ErrorKind::PermissionDenied => (
            "denied",
            format!("an engine listens at {shown} and does not let this user in"),
            "sudo usermod -aG docker \"$USER\" && newgrp docker",
        ),
        io::ErrorKind::NotFound => (
            "absent",
            format!("no engine: there is no {shown}"),
            "curl -fsSL https://get.docker.com | sh   # or name one with DOCKER_HOST",
        ),
        io::ErrorKind::ConnectionRefused => {
            ("refused", format!("{shown} is there, but no engine listens"), start)
        }
        io::ErrorKind::TimedOut => {
            ("silent", format!("the engine at {shown} does not answer"), "sudo systemctl restart docker")
        }
        _ => ("broken", format!("the engine at {shown} cannot be reached: {error}"), start),
    };
    let check = match reason {
        "denied" => Check::limited(Group::Docker, "docker", detail, mend),
        _ => Check::missing(Group::Docker, "docker", detail, mend),
    };
    check.with("reason", reason)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::doctor::check::Status;

    /// What is said of an engine that answers so.
    async fn engine(answer: &'static str) -> Check {
        let scene = tempfile::tempdir().unwrap();
        let path = scene.path().join("d.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; REQUEST.len()];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request, REQUEST);
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let place = Place::Socket(path.clone());
        tokio::join!(one(&place), serve).0
    }

    #[tokio::test]
    async fn an_engine_tells_its_version() {
        let check =
            engine("HTTP/1.0 200 OK\r\nX: y\r\n\r\n{\"Version\": \"27.1\", \"ApiVersion\": \"1.46\"}\n")
                .await;
        assert_eq!((check.status, &check.facts["version"]), (Status::Ok, &Value::from("27.1")));
        for odd in ["", "HTTP/1.0 500 No\r\n\r\n{}", "SSH-2.0\r\n", "HTTP/1.1 200 OK\r\n\r\n[]"] {
            let check = engine(odd).await;
            assert_eq!(
                (check.status, &check.facts["reason"]),
                (Status::Missing, &Value::from("odd")),
                "{odd}"
            );
        }
    }

    #[tokio::test]
    async fn absent_and_refused_are_told_apart() {
        let scene = tempfile::tempdir().unwrap();
        let path = scene.path().join("d.sock");
        assert_eq!(one(&Place::Socket(path.clone())).await.facts["reason"], "absent");
        drop(UnixListener::bind(&path).unwrap());
        assert_eq!(one(&Place::Socket(path)).await.facts["reason"], "refused");
    }

    #[test]
    fn a_socket_that_lets_nobody_in_is_no_absence() {
        let check = unreachable_at("/s", &io::ErrorKind::PermissionDenied.into());
        assert_eq!((check.status, &check.facts["reason"]), (Status::Limited, &Value::from("denied")));
        assert!(check.mend.unwrap().contains("usermod -aG docker"));
    }

    #[test]
    fn the_variable_is_read_as_docker_reads_it() {
        assert_eq!(place("unix:///run/d.sock", true), Place::Socket("/run/d.sock".into()));
        assert_eq!(place("tcp://127.0.0.1:2375/", false), Place::Address("127.0.0.1:2375".to_owned()));
        for other in [place("ssh://me@far", false), place("tcp://far:2376", true), place("far", false)] {
            assert!(matches!(other, Place::Other(_)), "{other:?}");
        }
    }
}
