//! Getting the runner into a place: stage 0, the ready line, and the relay's preamble.
//!
//! ```text
//!  python3 -I -c STAGE0  ◀── stdin: boot message [+ the runner's files]      Boot::stdin
//!                        ──▶ stdout: … noise … "hibernaculum-ready {…}\n"    wait_ready
//!  python3 -I -S RUNNER_DIR/hibernaculum_runner/relay.py SOCKET              for places without a shared socket
//!                        ──▶ stdout: … noise … "\nhibernaculum-relay 1\n", then the supervisor's bytes   skip_preamble
//! ```
//!
//! A `sitecustomize` may print whatever it likes on the way: everything before a marker is skipped, and kept for error messages.

use std::fmt;
use std::time::Duration;

use hibernaculum_core::{ByteSize, Error, HostLoss, SandboxError, SandboxId, SandboxSpec, TransportError};
use serde::{Deserialize, Serialize, Serializer};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::wire::Secret;

/// The one-line program for `python3 -I -c`: reads [`Boot::stdin`] and starts keeper and supervisor.
pub const STAGE0: &str = hibernaculum_runner::STAGE0;

/// How a line begins that says that the supervisor listens.
const READY: &[u8] = b"hibernaculum-ready ";
/// How a line begins that says that it never will.
const FAILED: &[u8] = b"hibernaculum-failed ";
/// What the relay writes before the first byte of the supervisor.
const RELAY: &[u8] = b"\nhibernaculum-relay 1\n";
/// How much noise may precede a marker.
const NOISE_LIMIT: usize = 64 * 1024;

/// What a runner needs to know to start, but for what only the place knows.
///
/// ```
/// # fn example(boot: &hibernaculum_engine::Boot) -> Vec<u8> {
/// use hibernaculum_core::SandboxSpec;
/// use hibernaculum_engine::BootPlace;
///
/// let place = BootPlace {
///     socket: "/run/hibernaculum/s",
///     workdir: "/work",
///     runner_dir: "/run/hibernaculum/runner",
///     bundle: true, // the runner's files go along
///     remove: &["/run/hibernaculum"],
///     tunnel: None,
/// };
/// boot.stdin(&SandboxSpec::default(), &place)
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Boot {
    /// The sandbox's id.
    pub sandbox: SandboxId,
    /// The secret with which both sides prove themselves.
    pub secret: Secret,
}

/// What only the place knows of a start. Paths are as code in the sandbox sees them.
#[derive(Debug, Clone)]
pub struct BootPlace<'a> {
    /// Where the supervisor shall listen: at most 107 bytes, in a directory that only its user can enter.
    pub socket: &'a str,
    /// The working directory.
    pub workdir: &'a str,
    /// Where the runner's files are, or shall be written.
    pub runner_dir: &'a str,
    /// Whether the runner's files are sent along, to be written to `runner_dir`.
    pub bundle: bool,
    /// Directories that belong to this sandbox alone, absolute: the keeper removes them with all that is in them when the host is gone. Empty
    /// where nothing is to be removed.
    pub remove: &'a [&'a str],
    /// Where nothing but a WebSocket leads in: the runner begins with a [tunnel](https://github.com/hibernaculum/hibernaculum/blob/main/docs/tunnel.md).
    pub tunnel: Option<BootTunnel<'a>>,
}

/// How the runner's tunnel begins.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BootTunnel<'a> {
    /// The port of the loopback on which it listens.
    pub port: u16,
    /// For how long no host need be there: then everything ends.
    #[serde(rename = "window_ms", serialize_with = "as_millis")]
    pub window: Duration,
    /// The file from which the boot message is read: it holds the secret, and is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlink: Option<&'a str>,
}

fn as_millis<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

impl Boot {
    /// What an engine gives a provider; whoever tests a provider by itself makes one.
    ///
    /// ```
    /// use hibernaculum_core::SandboxId;
    /// use hibernaculum_engine::{Boot, OwnerKey};
    ///
    /// let (key, sandbox) = (OwnerKey::of_secret(b"of a test"), SandboxId::new());
    /// let boot = Boot::new(sandbox, key.secret(sandbox));
    /// assert_eq!(boot.sandbox, sandbox);
    /// ```
    pub fn new(sandbox: SandboxId, secret: Secret) -> Self {
        Self { sandbox, secret }
    }

    /// What stage 0 reads from its stdin. The stdin has to stay open afterwards: its end ends the sandbox, unless it begins with a tunnel.
    pub fn stdin(&self, spec: &SandboxSpec, place: &BootPlace<'_>) -> Vec<u8> {
        let limits = &spec.limits;
        let message = Message {
            protocol: hibernaculum_runner::PROTOCOL_VERSION,
            sandbox: self.sandbox,
            secret: self.secret.to_hex(),
            digest: hibernaculum_runner::digest(),
            socket: place.socket,
            workdir: place.workdir,
            runner_dir: place.runner_dir,
            bundle: place.bundle,
            remove: place.remove,
            tunnel: place.tunnel,
            preload: &spec.preload,
            limits: ProcessLimits {
                memory_bytes: limits.process_memory,
                cpu_seconds: limits
                    .process_cpu_time
                    .map(|time| time.as_secs() + u64::from(time.subsec_nanos() > 0)),
                open_files: limits.process_open_files,
                file_bytes: limits.process_file_size,
            },
            linger_ms: match spec.on_host_loss {
                Some(HostLoss::Linger(time)) => u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
                _ => 0,
            },
        };
        let mut bytes = Vec::new();
        push_frame(&mut bytes, &serde_json::to_vec(&message).unwrap_or_default());
        if place.bundle {
            push_frame(&mut bytes, &hibernaculum_runner::bundle());
        }
        bytes
    }
}

/// Appends a frame; what is pushed here is far below 4 GiB.
fn push_frame(bytes: &mut Vec<u8>, body: &[u8]) {
    bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(body);
}

#[derive(Serialize)]
struct Message<'a> {
    protocol: u32,
    sandbox: SandboxId,
    secret: String,
    digest: &'a str,
    socket: &'a str,
    workdir: &'a str,
    runner_dir: &'a str,
    bundle: bool,
    remove: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<BootTunnel<'a>>,
    preload: &'a [String],
    limits: ProcessLimits,
    linger_ms: u64,
}

#[derive(Serialize)]
struct ProcessLimits {
    memory_bytes: Option<ByteSize>,
    cpu_seconds: Option<u64>,
    open_files: Option<u64>,
    file_bytes: Option<ByteSize>,
}

/// What a runner says of itself when its supervisor listens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Ready {
    /// The supervisor's process id, as the sandbox counts.
    pub pid: u32,
    /// The keeper's process id.
    pub keeper_pid: u32,
    /// The version of Python: `3.11.7`.
    pub python: String,
    /// The Python executable.
    pub executable: String,
    /// `cpython`.
    pub implementation: String,
    /// How long the preloaded modules took, in milliseconds.
    pub preload_ms: u64,
}

/// A runner's own words about why it did not start.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Failed {
    code: String,
    what: String,
    why: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", self.why) }
    }
}

/// Reads a starting runner's stdout until it says that it is ready, or why it is not.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_engine::boot::wait_ready;
///
/// let mut stdout = &b"noise of a sitecustomize\nhibernaculum-ready {\"pid\":7,\"python\":\"3.11.7\"}\n"[..];
/// let ready = wait_ready(&mut stdout).await?;
/// assert_eq!((ready.pid, ready.python.as_str()), (7, "3.11.7"));
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`SandboxError::Preload`] and [`SandboxError::Start`] with the runner's own words; the latter also where the output ended without a word, with
/// what was printed instead.
///
/// # Cancel safety
///
/// Not cancel safe: what was read is lost with the future. Give the start up then.
pub async fn wait_ready(stdout: &mut (impl AsyncRead + Unpin)) -> Result<Ready, Error> {
    let mut lines = Noise::default();
    loop {
        let line =
            lines.line(stdout).await.map_err(|problem| SandboxError::Start { problem, source: None })?;
        if let Some(json) = line.strip_prefix(READY) {
            return serde_json::from_slice(json).map_err(|source| {
                let problem = "its ready line cannot be read".to_owned();
                SandboxError::Start { problem, source: Some(source.into()) }.into()
            });
        }
        if let Some(json) = line.strip_prefix(FAILED) {
            let failed: Failed = serde_json::from_slice(json).unwrap_or_default();
            let problem = failed.to_string();
            return Err(match failed.code.as_str() {
                "sandbox.preload" => SandboxError::Preload { problem },
                _ => SandboxError::Start { problem, source: None },
            }
            .into());
        }
    }
}

/// Reads a relay's stdout up to the end of its preamble; what follows are the supervisor's bytes.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_engine::boot::skip_preamble;
///
/// let mut stream = &b"noise\nhibernaculum-relay 1\nframes"[..];
/// skip_preamble(&mut stream).await?;
/// assert_eq!(stream, b"frames"); // not a byte more was taken
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`TransportError::Broken`] where the preamble does not come, with what came instead.
///
/// # Cancel safety
///
/// Not cancel safe: drop the stream with the future.
pub async fn skip_preamble(stream: &mut (impl AsyncRead + Unpin)) -> Result<(), Error> {
    let mut noise = Noise::default();
    // The preamble begins with the end of whatever line the noise was in, so that it is always a line of its own.
    let marker = RELAY.trim_ascii();
    loop {
        let line = noise.line(stream).await.map_err(|problem| TransportError::Broken {
            doing: format!("waiting for the relay to start: {problem}"),
            source: None,
        })?;
        if line == marker {
            return Ok(());
        }
    }
}

/// Lines of a stream, byte by byte: not one byte more than the line may be taken.
#[derive(Default)]
struct Noise {
    seen: Vec<u8>,
}

impl Noise {
    /// The next line, without its end; an explanation where there is none.
    async fn line(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, String> {
        let mut line = Vec::new();
        loop {
            match stream.read_u8().await {
                Ok(b'\n') => {
                    self.seen.extend_from_slice(&line);
                    self.seen.push(b'\n');
                    return Ok(line);
                }
                Ok(byte) => line.push(byte),
                Err(error) => {
                    self.seen.append(&mut line);
                    return Err(format!("its output ended ({error}) after `{}`", self.shown()));
                }
            }
            if self.seen.len() + line.len() > NOISE_LIMIT {
                self.seen.append(&mut line);
                return Err(format!("it printed too much before it was ready: `{}` …", self.shown()));
            }
        }
    }

    /// The first of what was printed, fit for a message.
    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.seen).trim().chars().take(400).flat_map(char::escape_debug).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn noise_before_the_ready_line_is_skipped() {
        let mut stdout =
            &b"hello from sitecustomize\nhibernaculum-ready {\"pid\":7,\"python\":\"3.11.7\"}\nrest"[..];
        let ready = wait_ready(&mut stdout).await.unwrap();
        assert_eq!((ready.pid, ready.python.as_str()), (7, "3.11.7"));
        assert_eq!(stdout, b"rest", "not a byte more is taken");
    }

    #[tokio::test]
    async fn a_failed_start_says_so_in_the_runners_words() {
        let mut stdout =
            &b"hibernaculum-failed {\"code\":\"sandbox.preload\",\"what\":\"no module named x\"}\n"[..];
        let error = wait_ready(&mut stdout).await.unwrap_err();
        assert_eq!(error.code(), "sandbox.preload");
        assert!(error.to_string().contains("no module named x"), "{error}");
    }

    #[tokio::test]
    async fn output_that_ends_or_never_ends_is_an_error() {
        assert_eq!(wait_ready(&mut &b"Segmentation fault"[..]).await.unwrap_err().code(), "sandbox.start");
        let mut flood = tokio::io::repeat(b'x');
        assert_eq!(wait_ready(&mut flood).await.unwrap_err().code(), "sandbox.start");
    }

    #[tokio::test]
    async fn the_relays_preamble_is_found_after_any_noise() {
        for noise in ["", "warning: ", "one\ntwo\n"] {
            let bytes = [noise.as_bytes(), RELAY, b"frames"].concat();
            let mut stream = bytes.as_slice();
            skip_preamble(&mut stream).await.unwrap();
            assert_eq!(stream, b"frames");
        }
    }
}
