//! Streams as execs of the runner's relay; and those that are begun before anybody asks.
//!
//! ```text
//!  container started ──┬── the runner boots ──────────────▶ ready ──▶ control, and a first session, take them
//!                      └── two relays begin, and wait for the socket ──┘
//! ```
//!
//! An exec takes the engine some fifty milliseconds, most of a boot: side by side they cost one of the two.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use hibernaculum_core::{Error, TransportError};
use hibernaculum_engine::boot::skip_preamble;
use hibernaculum_engine::{ByteStream, Tail};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::container::{RUNNER, SOCKET};
use crate::streams::{Duplex, Stdout};
use crate::trouble::broken;

/// What is being done, for errors.
pub(crate) const DOING: &str = "connecting to the supervisor";
/// How much of a relay's output is taken at a time.
const CHUNK: usize = 64 * 1024;
/// How many are begun early: one for control, one for a session.
const EARLY: usize = 2;
/// How long those can be taken after the supervisor was ready: it lets go of a connection that says nothing for ten seconds.
const FRESH: Duration = Duration::from_secs(4);
/// Becomes the relay once there is a socket that listens. One that looks too early is one that failed: another is made then.
const PATIENT: &str = "import os, sys, time\nend = time.monotonic() + 60\n\
                       while not os.path.exists(sys.argv[2]) and time.monotonic() < end: time.sleep(0.002)\n\
                       time.sleep(0.002)\nsys.argv = sys.argv[1:]\n\
                       exec(compile(open(sys.argv[0]).read(), sys.argv[0], 'exec'), {'__name__': '__main__'})";

type Stream = Box<dyn ByteStream>;

/// Streams that were begun before anybody asked.
pub(crate) struct EarlyStreams {
    opening: Mutex<Vec<JoinHandle<Result<Stream, Error>>>>,
    until: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for EarlyStreams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EarlyStreams").finish_non_exhaustive()
    }
}

impl EarlyStreams {
    /// Begins them, in a container that has just started.
    pub(crate) fn begin(docker: &Docker, container: &str) -> Self {
        let begin = || {
            let (docker, container) = (docker.clone(), container.to_owned());
            tokio::spawn(async move { open(&docker, &container, Some(PATIENT)).await })
        };
        let opening = (0..EARLY).map(|_| begin()).collect();
        Self { opening: Mutex::new(opening), until: Mutex::new(None) }
    }

    /// None.
    pub(crate) fn none() -> Self {
        Self { opening: Mutex::new(Vec::new()), until: Mutex::new(None) }
    }

    /// The supervisor listens from now on.
    pub(crate) fn ready(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + FRESH);
    }

    /// One of them, where one is left that is fresh and came to something.
    async fn take(&self) -> Option<Stream> {
        let next = {
            let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
            let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
            if until.is_none_or(|until| Instant::now() > until) {
                // Nobody reads them: what they hold is let go of.
                opening.clear();
            }
            opening.pop()
        };
        next?.await.ok()?.ok()
    }
}

/// One more stream to that container's supervisor.
pub(crate) async fn stream(docker: &Docker, container: &str, early: &EarlyStreams) -> Result<Stream, Error> {
    match early.take().await {
        Some(stream) => Ok(stream),
        None => open(docker, container, None).await,
    }
}

/// Starts a relay in the container, behind a program where there is one. It ends with its stream.
async fn open(docker: &Docker, container: &str, program: Option<&str>) -> Result<Stream, Error> {
    let relay = format!("{RUNNER}/hibernaculum_runner/relay.py");
    let command = ["python3", "-I", "-S"].into_iter();
    let command = command
        .chain(program.into_iter().flat_map(|program| ["-c", program]))
        .chain([relay.as_str(), SOCKET]);
    let options = CreateExecOptions {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        cmd: Some(command.map(str::to_owned).collect()),
        ..CreateExecOptions::default()
    };
    let made = docker.create_exec(container, options).await.map_err(|error| broken(DOING, error))?;
    let options = StartExecOptions { output_capacity: Some(CHUNK), ..StartExecOptions::default() };
    let started = docker.start_exec(&made.id, Some(options)).await.map_err(|error| broken(DOING, error))?;
    let StartExecResults::Attached { output, input } = started else {
        return Err(TransportError::Broken { doing: DOING.to_owned(), source: None }.into());
    };
    let tail = Tail::default();
    let mut stream = Duplex { input, output: Stdout::new(output, tail.clone()) };
    skip_preamble(&mut stream).await.map_err(|error| match error {
        Error::Transport(TransportError::Broken { doing, source }) if !tail.shown().is_empty() => {
            TransportError::Broken { doing: format!("{doing}; it said: {}", tail.shown()), source }.into()
        }
        other => other,
    })?;
    Ok(Box::new(stream))
}
