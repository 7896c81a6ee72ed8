//! The least that a container needs for the jobs of a sandbox: what `hib bench --backend docker` measures beside the product. The containers are what those of
//! the same builder's sandboxes are, but for what they run: image, limits, processors, the place of a socket where streams take that way.
//!
//! | job | floor |
//! |---|---|
//! | a sandbox, from nothing to its first answer | the same container made, attached to and started, until its Python has imported what a runner needs and prints a line |
//! | a round trip over a socket | a bare Python in such a container that answers on a mounted socket |
//! | a round trip over an exec | `cat`, in an exec of such a container |
//! | one more session over an exec | an exec of a Python that prints a line |

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use hibernaculum_core::{Error, NetworkPolicy, SandboxId, SandboxSpec, TransportError};
use hibernaculum_engine::Tail;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use crate::attached::{Attached, launch};
use crate::backend::DockerBackendBuilder;
use crate::container::{Plan, RUN, words};
use crate::prepare::{RunnerVolume, runner_volume};
use crate::provider::DockerProvider;
use crate::state::SocketRoom;
use crate::streams::{Duplex, Stdout};
use crate::transport::Transport;
use crate::trouble::broken;

const DOING: &str = "measuring a floor";
/// What a runner cannot do without.
const IMPORTS: &str = "import json,socket,select,ast,mmap,ctypes,traceback,random; print()";
/// Ends with the container's stdin.
const WAIT: &str = "import os\nprint(flush=True)\nwhile os.read(0, 4096): pass";

/// Bare containers, closed off and placed as a sandbox's are.
///
/// ```no_run
/// # async fn example() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_docker::{DockerBackend, floor::Floor};
///
/// let floor = Floor::new(DockerBackend::builder()).await?;
/// println!("no sandbox can be there in less than {:?}", floor.create().await?);
/// let bare = floor.bare().await?;
/// bare.close().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Floor {
    provider: DockerProvider,
    runner: RunnerVolume,
}

/// A container that does nothing, to run things in.
///
/// ```no_run
/// # async fn example(bare: hibernaculum_backend_docker::floor::Bare) -> Result<(), hibernaculum_core::Error> {
/// if let Some((here, inside)) = bare.shared() {
///     println!("{} is {inside} in the container", here.display());
/// }
/// println!("an exec takes {:?}", bare.exec(["python3", "-c", "print()"]).await?);
/// let mut cat = bare.start(&["cat"]).await?;
/// println!("a round trip takes {:?}", cat.roundtrip(b"12345678").await?);
/// bare.close().await;
/// # Ok(()) }
/// ```
pub struct Bare {
    provider: DockerProvider,
    attached: Attached,
    name: String,
    /// Where the container sees the directory, this machine does too.
    room: Option<SocketRoom>,
}

/// A process that gives back what it is given.
///
/// ```no_run
/// # async fn example(bare: &hibernaculum_backend_docker::floor::Bare) -> Result<(), hibernaculum_core::Error> {
/// let mut cat = bare.start(&["cat"]).await?;
/// println!("a round trip takes {:?}", cat.roundtrip(b"12345678").await?);
/// # Ok(()) }
/// ```
pub struct Echo {
    stream: Duplex,
}

impl std::fmt::Debug for Bare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bare").field("name", &self.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Echo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Echo").finish_non_exhaustive()
    }
}

impl Floor {
    /// Finds engine and image as a backend would that is built so.
    ///
    /// # Errors
    ///
    /// As [`DockerBackendBuilder::build`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped.
    pub async fn new(builder: DockerBackendBuilder) -> Result<Self, Error> {
        let provider = builder.provider().await?;
        let runner = runner_volume(&provider.daemon, &provider.image, provider.start_timeout).await?;
        Ok(Self { provider, runner })
    }

    /// Makes, attaches to and starts the container of a sandbox, whose command only imports what a runner needs; tells how long it took until its line was
    /// there. The container is removed before this returns.
    ///
    /// # Errors
    ///
    /// What the engine says.
    ///
    /// # Cancel safety
    ///
    /// The container is removed when the future is dropped.
    pub async fn create(&self) -> Result<Duration, Error> {
        let room = self.room()?;
        let start = Instant::now();
        let command = ["python3", "-I", "-S", "-c", IMPORTS];
        let attached = self.launch(command, room.as_ref().map(SocketRoom::path)).await?.1;
        let Attached { stdin, stdout, removal, .. } = attached;
        line(&mut BufReader::new(stdout)).await?;
        let took = start.elapsed();
        drop(stdin);
        removal.run().await;
        Ok(took)
    }

    /// A container that waits, to run things in.
    ///
    /// # Errors
    ///
    /// What the engine says.
    ///
    /// # Cancel safety
    ///
    /// As [`Floor::create`].
    pub async fn bare(self) -> Result<Bare, Error> {
        let room = self.room()?;
        let command = ["python3", "-I", "-S", "-c", WAIT];
        let (name, mut attached) = self.launch(command, room.as_ref().map(SocketRoom::path)).await?;
        let mut byte = [0];
        attached.stdout.read_exact(&mut byte).await.map_err(|error| broken(DOING, error))?;
        Ok(Bare { provider: self.provider, attached, name, room })
    }

    /// A directory for a socket, where a sandbox would have one.
    fn room(&self) -> Result<Option<SocketRoom>, Error> {
        if self.provider.transport() == Transport::Exec {
            return Ok(None);
        }
        let room = self.provider.state.room(self.provider.user, None);
        Ok(Some(room.map_err(|error| broken(DOING, error))?))
    }

    async fn launch<const N: usize>(
        &self,
        command: [&str; N],
        room: Option<&Path>,
    ) -> Result<(String, Attached), Error> {
        let provider = &self.provider;
        let spec = SandboxSpec::default();
        let plan = Plan {
            sandbox: SandboxId::new(),
            spec: &spec,
            image: &provider.image.id,
            volumes: &provider.image.volumes,
            hardening: &provider.hardening,
            user: provider.user,
            network: &NetworkPolicy::Loopback,
            cpus: provider.daemon.cpus,
            cpuset: provider.cpuset.as_deref(),
            runner: &self.runner,
            socket_room: room,
            ttl: provider.ttl,
        };
        let mut body = plan.body();
        body.entrypoint = Some(words(command));
        let attached = launch(&provider.daemon.remover, plan.name(), body).await?;
        Ok((plan.name(), attached))
    }
}

impl Bare {
    /// A directory of this machine, and what the container calls it: for a socket. It is there as long as the container.
    pub fn shared(&self) -> Option<(PathBuf, &'static str)> {
        self.room.as_ref().map(|room| (room.path().to_owned(), RUN))
    }

    /// Runs a command in the container, as an exec with its stdio; tells how long it took until its first line was there.
    ///
    /// # Errors
    ///
    /// What the engine says.
    ///
    /// # Cancel safety
    ///
    /// The command ends with its container at the latest.
    pub async fn exec<const N: usize>(&self, command: [&str; N]) -> Result<Duration, Error> {
        let start = Instant::now();
        let stream = self.open(&command).await?;
        line(&mut BufReader::new(stream)).await?;
        Ok(start.elapsed())
    }

    /// Starts a command that runs on until its stdin ends.
    ///
    /// # Errors
    ///
    /// What the engine says.
    ///
    /// # Cancel safety
    ///
    /// As [`Bare::exec`].
    pub async fn start(&self, command: &[&str]) -> Result<Echo, Error> {
        Ok(Echo { stream: self.open(command).await? })
    }

    async fn open(&self, command: &[&str]) -> Result<Duplex, Error> {
        let docker = &self.provider.daemon.docker;
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(false),
            cmd: Some(command.iter().map(|&word| word.to_owned()).collect()),
            ..CreateExecOptions::default()
        };
        let made = docker.create_exec(&self.name, options).await.map_err(|error| broken(DOING, error))?;
        let options = StartExecOptions { output_capacity: Some(64 * 1024), ..StartExecOptions::default() };
        let started =
            docker.start_exec(&made.id, Some(options)).await.map_err(|error| broken(DOING, error))?;
        let StartExecResults::Attached { output, input } = started else {
            return Err(TransportError::Broken { doing: DOING.to_owned(), source: None }.into());
        };
        Ok(Duplex { input, output: Stdout::new(output, Tail::default()) })
    }

    /// Ends the container, and waits until nothing is left.
    ///
    /// # Cancel safety
    ///
    /// The container is removed all the same when the future is dropped.
    pub async fn close(self) {
        drop(self.attached.stdin);
        self.attached.removal.run().await;
    }
}

impl Echo {
    /// Sends these bytes, and waits until as many have come back.
    ///
    /// # Errors
    ///
    /// [`TransportError::Broken`] where the process has ended.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: what was under way is lost.
    pub async fn roundtrip(&mut self, bytes: &[u8]) -> Result<Duration, Error> {
        let mut back = vec![0; bytes.len()];
        let start = Instant::now();
        self.stream.write_all(bytes).await.map_err(|error| broken(DOING, error))?;
        self.stream.read_exact(&mut back).await.map_err(|error| broken(DOING, error))?;
        Ok(start.elapsed())
    }
}

async fn line(stream: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Result<(), Error> {
    let mut text = String::new();
    let read = stream.read_line(&mut text).await.map_err(|error| broken(DOING, error))?;
    if read == 0 {
        return Err(TransportError::Broken { doing: DOING.to_owned(), source: None }.into());
    }
    Ok(())
}
