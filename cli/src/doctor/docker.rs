//! The Docker engine: whether its socket is there, lets us in, and answers.
//!
//! ```text
//!  whereabouts ─▶ connect ─▶ GET /version ─▶ which engine it is
//!                    └─ absent │ denied │ refused: each has a mend of its own
//! ```

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::check::{Check, Group};
use super::whereabouts::{Place, place};

/// How long the engine may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// How much of its answer is read.
const ANSWER: u64 = 256 * 1024;
/// Version 1.0, so that the answer comes in one piece and the connection ends with it.
const REQUEST: &[u8] = b"GET /version HTTP/1.0\r\nHost: docker\r\n\r\n";

/// Checks the engine.
pub(super) async fn check() -> Check {
    one(&place()).await
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
        #[cfg(feature = "docker")]
        Place::Tls(endpoint) => return with_certificates(endpoint).await,
        Place::Other(why, mend) => {
            return Check::limited(Group::Docker, "docker", why, mend).with("reason", "untried");
        }
    };
    match answer {
        Ok(Ok(text)) => understood(&shown, &text),
        Ok(Err(error)) => unreachable_at(&shown, &error),
        Err(_) => unreachable_at(&shown, &io::ErrorKind::TimedOut.into()),
    }
    .with("endpoint", shown)
}

/// Asks one that takes certificates, as the backend does.
#[cfg(feature = "docker")]
async fn with_certificates(endpoint: &hibernaculum::docker::Endpoint) -> Check {
    let shown = endpoint.to_string();
    match tokio::time::timeout(LIMIT, endpoint.version()).await {
        Ok(Ok(told)) => answers(&shown, &told.version, &told.api),
        Ok(Err(error)) => {
            let told = error.explain();
            Check::missing(Group::Docker, "docker", format!("{}: {}", told.what, told.why), told.how)
                .with("reason", "broken")
        }
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
        return answers(shown, &version, &api);
    }
    let first = head.lines().next().unwrap_or_default();
    let said: String = first.chars().filter(|c| !c.is_control()).take(80).collect();
    let detail = format!("what listens at {shown} is no Docker engine: it said `{said}`");
    Check::missing(Group::Docker, "docker", detail, "docker version").with("reason", "odd")
}

fn answers(shown: &str, version: &str, api: &str) -> Check {
    let detail = format!("engine {version} (API {api}) answers at {shown}");
    Check::ok(Group::Docker, "docker", detail).with("version", version).with("api", api)
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

    #[cfg(feature = "docker")]
    #[tokio::test]
    async fn one_that_takes_certificates_is_tried_with_them() {
        let endpoint = hibernaculum::docker::Endpoint::Tls("127.0.0.1:1".to_owned(), "/nonexistent".into());
        let check = one(&Place::Tls(endpoint)).await;
        assert_eq!((check.status, &check.facts["reason"]), (Status::Missing, &Value::from("broken")));
        assert_eq!(check.facts["endpoint"], "tcp://127.0.0.1:1");
    }
}
