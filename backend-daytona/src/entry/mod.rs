//! How the runner gets in, and how it is met: nothing of it need be in the sandbox but a `python3`.
//!
//! ```text
//!  work-dir, a private directory, a shell ─▶ upload: boot message + runner ─▶ exec: python3 -I -c STAGE0 < message
//!                                                    ^                                   │
//!                                                    └── the port was taken ─────────────┤ ended: its log says why
//!                                                                                        v
//!                          ready ◀── greeted ◀── knock at the port proxy, or the preview URL
//! ```

mod command;
mod ways;

use std::time::Duration;

use bytes::Bytes;
use hibernaculum_core::{Error, SandboxError, SandboxId, SandboxSpec};
use hibernaculum_engine::{Boot, BootPlace, BootTunnel, Ready, STAGE0};
use tokio::time::{Instant, sleep};

use self::command::{begun, last_words, quoted};
use self::ways::{PORTS, door};
use crate::api::{Api, Sandbox, Toolbox};
use crate::inquiry;
use crate::transport::{Transport, Way};
use crate::trouble::{not_started, trouble};
use crate::tunnel::{Ask, Door, Greeting, Knock, Link};

pub(crate) use self::command::{Process, shell};
pub(crate) use self::ways::{doors, ports};

/// What the runner ends with where its port is taken.
const PORT_IN_USE: i64 = 98;
/// What a shell says where there is no such program.
const NOT_FOUND: i64 = 127;
/// How long is waited between two knocks while Python starts.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// For how long a tunnel that refuses us may be somebody else's: until our process finds that its port is taken, and ends.
const STRANGER: Duration = Duration::from_secs(10);
/// From how many times on that somebody else answered the preview URL is tried, too: until the tunnel listens, the port proxy answers 502, and where it lets
/// no WebSockets through it may do so for ever.
const TURNED: u32 = 6;

/// What is needed to get in.
pub(crate) struct Entry<'a> {
    pub(crate) api: &'a Api,
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) spec: &'a SandboxSpec,
    pub(crate) boot: &'a Boot,
    pub(crate) python: &'a str,
    /// For how long no host need be there.
    pub(crate) window: Duration,
    pub(crate) way: &'a Way,
}

/// A runner that has been met.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) ready: Ready,
    pub(crate) workdir: String,
    pub(crate) door: Door,
    pub(crate) process: Process,
}

/// What came of a start.
enum Begun {
    Met(Box<Met>),
    PortInUse,
}

impl Entry<'_> {
    /// Starts the runner and meets it. The caller bounds it in time.
    pub(crate) async fn enter(&self) -> Result<Met, Error> {
        let toolbox = Toolbox::of(self.api, self.sandbox)
            .await
            .map_err(|error| trouble("finding its toolbox", error))?;
        let directory = directory(self.boot.sandbox)?;
        let session = shell(self.boot.sandbox);
        let (home, made, opened) = tokio::join!(
            toolbox.work_dir(),
            toolbox.make_private(&directory),
            toolbox.open_session(&session)
        );
        let home = home.map_err(|error| trouble("asking for its working directory", error))?;
        made.map_err(|error| trouble("making a directory in it", error))?;
        opened.map_err(|error| trouble("opening a shell in it", error))?;
        let workdir = match &self.spec.workdir {
            Some(named) => named.clone(),
            None => format!("{}/hibernaculum", home.trim_end_matches('/')),
        };
        for port in ports(self.boot.sandbox) {
            match self.begin(&toolbox, &session, &directory, &workdir, port).await? {
                Begun::Met(met) => return Ok(*met),
                Begun::PortInUse => tracing::debug!(port, "the port is taken in the sandbox"),
            }
        }
        Err(not_started(format!("no port was free in it, of {PORTS} that were tried")))
    }

    async fn begin(
        &self,
        toolbox: &Toolbox,
        session: &str,
        directory: &str,
        workdir: &str,
        port: u16,
    ) -> Result<Begun, Error> {
        let file = format!("{directory}/boot");
        let place = BootPlace {
            socket: &format!("{directory}/s"),
            workdir,
            runner_dir: &format!("{directory}/runner"),
            bundle: true,
            remove: &[directory],
            tunnel: Some(BootTunnel { port, window: self.window, unlink: Some(&file) }),
        };
        let message = Bytes::from(self.boot.stdin(self.spec, &place));
        toolbox.upload(&[(&file, message)]).await.map_err(|error| trouble("uploading the runner", error))?;
        // A directory that the spec names has to be there; one of our own is made.
        let make = if self.spec.workdir.is_some() {
            String::new()
        } else {
            format!("mkdir -p -m 700 {} && ", quoted(workdir))
        };
        let clear = cleared(self.boot.sandbox, directory);
        let line =
            format!("{clear}{make}{} -I -u -c {} < {}", quoted(self.python), quoted(STAGE0), quoted(&file));
        let command = begun(toolbox, session, &line).await?;
        let process = Process { toolbox: toolbox.clone(), session: session.to_owned(), command: command.id };
        self.meet(process, workdir, port).await
    }

    /// Knocks until the tunnel answers, or its process has ended.
    async fn meet(&self, process: Process, workdir: &str, port: u16) -> Result<Begun, Error> {
        let (mut pause, mut turned) = (FIRST_PAUSE, 0);
        let mut refused_since = None;
        loop {
            let mut transport = match self.way.get() {
                Transport::Auto if turned >= TURNED && turned % 2 == 1 => Transport::Preview,
                Transport::Auto => Transport::Proxy,
                forced => forced,
            };
            let mut found = door(self.api, &self.sandbox.id, &process.toolbox, transport, port).await?;
            match found.knock(&self.boot.secret, Ask::WhoIsThere).await.and_then(is_ours) {
                Ok(ready) => {
                    // Perhaps the tunnel began to listen just now, and the proxy would do.
                    if transport == Transport::Preview && self.way.get() == Transport::Auto {
                        let proxy =
                            door(self.api, &self.sandbox.id, &process.toolbox, Transport::Proxy, port)
                                .await?;
                        if proxy.knock(&self.boot.secret, Ask::WhoIsThere).await.is_ok() {
                            (transport, found) = (Transport::Proxy, proxy);
                        }
                    }
                    self.way.set(transport);
                    let workdir = workdir.to_owned();
                    return Ok(Begun::Met(Box::new(Met { ready, workdir, door: found, process })));
                }
                Err(Knock::Refused(why))
                    if refused_since.get_or_insert_with(Instant::now).elapsed() > STRANGER =>
                {
                    return Err(not_started(format!("its tunnel refused: {why}")));
                }
                Err(knock) => {
                    turned += u32::from(!matches!(knock, Knock::Broken(_)));
                    tracing::debug!(%knock, "the runner does not answer yet");
                }
            }
            if let Some(begun) = self.look(&process).await? {
                return Ok(begun);
            }
            sleep(pause).await;
            pause = (pause * 5 / 4).min(LONGEST_PAUSE);
        }
    }

    /// Whether the runner's process has ended, and why.
    async fn look(&self, process: &Process) -> Result<Option<Begun>, Error> {
        let exit = match process.toolbox.impatient().command(&process.session, &process.command).await {
            Ok(command) => command.exit_code,
            Err(error) => {
                tracing::debug!(%error, "the toolbox does not answer");
                // The sandbox itself says more than a toolbox that cannot be reached.
                return match inquiry::of_sandbox(&self.api.impatient(), &self.sandbox.id).await.why() {
                    Some(why) => Err(not_started(why)),
                    None => Ok(None),
                };
            }
        };
        match exit {
            None => Ok(None),
            Some(PORT_IN_USE) => Ok(Some(Begun::PortInUse)),
            Some(NOT_FOUND) => {
                let tried = format!("`{}` along the PATH of the sandbox", self.python);
                Err(SandboxError::NoPython { tried, source: None }.into())
            }
            Some(exit) => Err(last_words(process, exit).await),
        }
    }
}

/// A directory for one life of the sandbox.
fn directory(sandbox: SandboxId) -> Result<String, Error> {
    let life = getrandom::u32().map_err(|error| not_started(format!("no random numbers: {error}")))?;
    Ok(format!("/tmp/{sandbox}-{life:08x}"))
}

/// Removes what earlier lives left: where one was stopped before its runner had read its message, the secret is in it.
fn cleared(sandbox: SandboxId, directory: &str) -> String {
    format!(
        "for old in /tmp/{sandbox}-????????; do [ \"$old\" = {} ] || rm -rf \"$old\"; done; ",
        quoted(directory)
    )
}

/// What the runner says that we have just begun: nobody has had a stream there. One that somebody had is of an earlier life, though the secret is the same: it
/// holds the port, and ours ends for want of it.
fn is_ours((_, greeting): (Link, Greeting)) -> Result<Ready, Knock> {
    if greeting.had_host {
        Err(Knock::Stranger("the sandbox's runner of before".to_owned()))
    } else {
        Ok(greeting.ready)
    }
}
