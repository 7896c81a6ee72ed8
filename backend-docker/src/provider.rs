//! How sandboxes are started in containers.
//!
//! ```text
//!  the runner's volume (once) ─▶ a directory for the socket ─▶ container made, attached, started ─▶ boot message ─▶ ready
//!                                                                                                                   │
//!      DockerPlace ◀── which way streams take (once): is the socket there? ◀── the directory is shut ◀──────────────┘
//! ```

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hibernaculum_core::{
    Error, Features, HostLoss, NetworkPolicy, SandboxError, SandboxId, SandboxSpec, Unsupported,
};
use hibernaculum_engine::boot::wait_ready;
use hibernaculum_engine::{Boot, BootPlace, Provider, Ready};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::attached::{Attached, launch};
use crate::container::{Plan, RUNNER, SOCKET, SOCKET_NAME};
use crate::daemon::Daemon;
use crate::ending::{Ending, Remains};
use crate::fates::{Fates, LAST_WORDS, LastWords};
use crate::hardening::{Hardening, Seccomp, User};
use crate::image::Image;
use crate::place::{DockerPlace, Road};
use crate::prepare::{CLEARING, RunnerVolume, fill, runner_volume, too_late};
use crate::relay::EarlyStreams;
use crate::socket;
use crate::state::{SocketRoom, State};
use crate::transport::{Transport, Way};

/// How long is waited until the container of a start that failed is gone. It goes on going after that.
const LEAVING: Duration = Duration::from_secs(3);

/// Starts sandboxes in containers: what [`crate::DockerBackend`] gives to the engine. For those who put an engine together themselves.
///
/// ```no_run
/// # async fn example() -> Result<(), hibernaculum_core::Error> {
/// let provider = hibernaculum_backend_docker::DockerBackend::builder().provider().await?;
/// println!("sandboxes are made of {}, streams take the way {:?}", provider.image(), provider.transport());
/// # Ok(()) }
/// ```
pub struct DockerProvider {
    pub(crate) daemon: Daemon,
    pub(crate) image: Image,
    pub(crate) state: Arc<State>,
    pub(crate) way: Way,
    pub(crate) hardening: Hardening,
    pub(crate) cpuset: Option<String>,
    pub(crate) user: User,
    pub(crate) start_timeout: Duration,
    pub(crate) ttl: Duration,
    pub(crate) features: Features,
    pub(crate) fates: Arc<Fates>,
    pub(crate) reaper: JoinHandle<()>,
    /// The volume with the runner.
    pub(crate) runner: OnceCell<RunnerVolume>,
}

impl fmt::Debug for DockerProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerProvider")
            .field("endpoint", &self.daemon.endpoint)
            .field("image", &self.image.name)
            .field("transport", &self.way.get())
            .finish_non_exhaustive()
    }
}

impl Drop for DockerProvider {
    fn drop(&mut self) {
        self.reaper.abort();
    }
}

impl Provider for DockerProvider {
    type Place = DockerPlace;

    fn features(&self) -> Features {
        self.features.clone()
    }

    async fn start(&self, spec: &SandboxSpec, boot: &Boot) -> Result<DockerPlace, Error> {
        let network = spec.network.as_ref().unwrap_or(&self.features.default_network);
        self.admit(network)?;
        let runner = self.runner().await?;
        let deadline = Instant::now() + self.start_timeout;
        let begun = self.begin(spec, boot, network, runner, deadline).await;
        let place = match begun {
            // Whoever filled the volume was ended before it was whole.
            Err(Error::Sandbox(SandboxError::Start { problem, .. })) if is_unfilled(&problem) => {
                let since = Instant::now();
                fill(&self.daemon, &self.image, self.start_timeout).await?;
                // What filling takes has a limit of its own, and is no part of this one.
                self.begin(spec, boot, network, runner, deadline + since.elapsed()).await?
            }
            begun => begun?,
        };
        Ok(place)
    }

    async fn adopt(&self, known: &[SandboxId]) -> Result<Vec<(SandboxId, DockerPlace)>, Error> {
        self.lingering(known).await
    }
}

impl DockerProvider {
    /// Which way streams to its sandboxes take; `Auto` until the first one has told.
    pub fn transport(&self) -> Transport {
        self.way.get()
    }

    /// The image that its sandboxes are made of, as it was named.
    pub fn image(&self) -> &str {
        &self.image.name
    }

    /// The policy `none` is the seccomp profile's to enforce.
    fn admit(&self, network: &NetworkPolicy) -> Result<(), Error> {
        if *network == NetworkPolicy::None && self.hardening.seccomp != Seccomp::Strict {
            return Err(Unsupported {
                backend: self.features.backend.clone(),
                what: "the network policy `none` without the strict seccomp profile".to_owned(),
                instead: "use `loopback`, or leave `seccomp` as it is".to_owned(),
            }
            .into());
        }
        Ok(())
    }

    /// The volume with the runner, which another start may be filling: once for each image, within a limit of its own.
    async fn runner(&self) -> Result<&RunnerVolume, Error> {
        let limit = self.start_timeout;
        let making = self.runner.get_or_try_init(|| runner_volume(&self.daemon, &self.image, limit));
        let made = timeout(limit + CLEARING, making).await;
        made.map_err(|_| too_late(limit, "the runner was being prepared for the image"))?
    }

    async fn begin(
        &self,
        spec: &SandboxSpec,
        boot: &Boot,
        network: &NetworkPolicy,
        runner: &RunnerVolume,
        deadline: Instant,
    ) -> Result<DockerPlace, Error> {
        let way = self.way.get();
        let room = if way == Transport::Exec { None } else { Some(self.socket_room(spec, boot.sandbox)?) };
        match self.boot(spec, boot, network, runner, (room, deadline)).await {
            // An engine that does not see our file system does not find what is to be mounted.
            Err(Error::Sandbox(SandboxError::Start { problem, .. }))
                if way == Transport::Auto && problem.contains("bind source path") =>
            {
                self.way.set(Transport::Exec);
                self.boot(spec, boot, network, runner, (None, deadline)).await
            }
            begun => begun,
        }
    }

    fn socket_room(&self, spec: &SandboxSpec, sandbox: SandboxId) -> Result<SocketRoom, Error> {
        let lingers = matches!(spec.on_host_loss, Some(HostLoss::Linger(_))).then_some(sandbox);
        self.state.room(self.user, lingers).map_err(|error| {
            let problem = format!("its directory cannot be made: {error}");
            SandboxError::Start { problem, source: Some(error.into()) }.into()
        })
    }

    async fn boot(
        &self,
        spec: &SandboxSpec,
        boot: &Boot,
        network: &NetworkPolicy,
        runner: &RunnerVolume,
        (room, deadline): (Option<SocketRoom>, Instant),
    ) -> Result<DockerPlace, Error> {
        let plan = Plan {
            sandbox: boot.sandbox,
            spec,
            image: &self.image.id,
            volumes: &self.image.volumes,
            hardening: &self.hardening,
            user: self.user,
            network,
            cpus: self.daemon.cpus,
            cpuset: self.cpuset.as_deref(),
            runner,
            socket_room: room.as_ref().map(SocketRoom::path),
            ttl: self.ttl,
        };
        let workdir = plan.workdir().to_owned();
        let message = boot.stdin(
            spec,
            &BootPlace {
                socket: SOCKET,
                workdir: &workdir,
                runner_dir: RUNNER,
                bundle: false,
                remove: &[],
                tunnel: None,
            },
        );
        let container = plan.name();
        let launching = launch(&self.daemon.remover, container.clone(), plan.body());
        let attached = timeout_at(deadline, launching)
            .await
            .map_err(|_| too_late(self.start_timeout, "the engine was making the container"))??;
        let path = room.as_ref().map(|room| room.path().to_owned());
        // Without a socket to share, every stream is an exec: the first ones begin while the runner boots.
        let early = path.is_none().then(|| EarlyStreams::begin(&self.daemon.docker, &container));
        let (ready, ending, last_words) = self.wait(attached, &message, room, deadline).await?;
        let ending = Arc::new(ending);
        let road = self.road(path, container.clone(), early).await?;
        self.fates.enlist(&container);
        let clock = spec.limits.wall_time.map(|time| tokio::spawn(wind(Arc::downgrade(&ending), time)));
        Ok(DockerPlace {
            ready,
            workdir,
            road,
            ending,
            container,
            fates: Arc::clone(&self.fates),
            clock,
            last_words: Some(last_words),
        })
    }

    /// Which way streams take: found out by trying, once.
    async fn road(
        &self,
        path: Option<PathBuf>,
        container: String,
        early: Option<EarlyStreams>,
    ) -> Result<Road, Error> {
        let early = early.unwrap_or_else(EarlyStreams::none);
        early.ready();
        let exec = Road::Exec { docker: self.daemon.docker.clone(), container, early };
        let Some(path) = path else { return Ok(exec) };
        if self.way.get() == Transport::Auto {
            let tried = socket::connect(&path, SOCKET_NAME).await;
            tracing::debug!(?tried, "the socket of a container was tried");
            self.way.set(if tried.is_ok() { Transport::Socket } else { Transport::Exec });
        }
        // A socket that was asked for and cannot be reached is told when the first stream is opened.
        Ok(if self.way.get() == Transport::Exec { exec } else { Road::Socket(path) })
    }

    /// Hands the boot message over and waits until the supervisor listens.
    async fn wait(
        &self,
        attached: Attached,
        message: &[u8],
        room: Option<SocketRoom>,
        deadline: Instant,
    ) -> Result<(Ready, Ending, LastWords), Error> {
        let Attached { mut stdin, stdout, tail, removal } = attached;
        let mut stdout = BufReader::new(stdout);
        let ready = async {
            // A process that ends before it reads everything says why on its stderr; the broken pipe says less.
            let _ = stdin.write_all(message).await;
            wait_ready(&mut stdout).await
        };
        let error = match timeout_at(deadline, ready).await {
            Ok(Ok(ready)) => {
                let (last_words, heard) = LastWords::of(tail);
                let reader = Handle::current().spawn(async move {
                    let _ = tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await;
                    drop(heard);
                });
                let shut = room.as_ref().map_or(Ok(()), SocketRoom::shut);
                let room = room.map(SocketRoom::inhabited);
                let ending = Ending::new(Remains { attached: Some((stdin, reader)), removal, room });
                shut.map_err(|error| SandboxError::Start {
                    problem: format!("its socket's directory cannot be shut: {error}"),
                    source: Some(error.into()),
                })?;
                return Ok((ready, ending, last_words));
            }
            Ok(Err(Error::Sandbox(SandboxError::Start { mut problem, source }))) => {
                // What it said last is on its way still.
                let _ = timeout(LAST_WORDS, tokio::io::copy(&mut stdout, &mut tokio::io::sink())).await;
                let words = tail.shown();
                if !words.is_empty() {
                    problem.push_str("; it said: ");
                    problem.push_str(&words);
                }
                SandboxError::Start { problem, source }.into()
            }
            Ok(Err(error)) => error,
            Err(_) => too_late(self.start_timeout, tail.shown()),
        };
        let _ = timeout(LEAVING, removal.run()).await;
        Err(error)
    }
}

/// Ends a sandbox when its time is over.
pub(crate) async fn wind(ending: Weak<Ending>, time: Duration) {
    tokio::time::sleep(time).await;
    if let Some(ending) = ending.upgrade() {
        ending.put_an_end(format!("its wall time of {time:?} is over"));
    }
}

/// Whether Python says that the runner's volume is empty, or was not filled to the end. What else names the runner is a fault of another kind.
fn is_unfilled(problem: &str) -> bool {
    problem.contains("No module named 'hibernaculum_runner")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_runner_that_is_not_there_is_an_unfilled_volume() {
        for missing in ["'hibernaculum_runner'", "'hibernaculum_runner.keeper'"] {
            assert!(is_unfilled(&format!("it said: ModuleNotFoundError: No module named {missing}")));
        }
        let other = "it said: File \"/opt/hibernaculum/hibernaculum_runner/boot.py\", line 9\nMemoryError";
        assert!(!is_unfilled(other));
    }
}
