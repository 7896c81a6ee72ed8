//! How the runner gets in, and how it is met: nothing of it need be in the sandbox but a `python3`.
//!
//! ```text
//!  work-dir, a private directory, a shell ─▶ upload: boot message + runner ─▶ exec: python3 -I -c STAGE0 < message
//!                                                    ^                                   │
//!                                                    └── the port was taken ─────────────┤ ended: its log says why
//!                                                                                        v
//!                          ready ◀── greeted ◀── knock at the port proxy, or the preview URL
//! ```

use std::time::Duration;

use bytes::Bytes;
use hibernaculum_core::{Error, SandboxError, SandboxId, SandboxSpec};
use hibernaculum_engine::boot::wait_ready;
use hibernaculum_engine::{Boot, BootPlace, BootTunnel, Ready, STAGE0};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::api::{Api, Command, Sandbox, Toolbox};
use crate::inquiry;
use crate::transport::{Transport, Way};
use crate::trouble::{not_started, trouble};
use crate::tunnel::{Ask, Door, Greeting, Knock, Link};

/// What the runner ends with where its port is taken.
const PORT_IN_USE: i64 = 98;
/// What a shell says where there is no such program.
const NOT_FOUND: i64 = 127;
/// How often another port is tried.
const PORTS: u32 = 5;
/// Where ports are chosen from: below those that systems give to outgoing connections.
const FIRST_PORT: u16 = 20_000;
const PORT_COUNT: u16 = 10_000;
/// How long is waited between two knocks while Python starts.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// How often a command whose begin was not answered is looked for until it is begun again, and how long is waited after each look.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(400);
/// For how long a tunnel that refuses us may be somebody else's: until our process finds that its port is taken, and ends.
const STRANGER: Duration = Duration::from_secs(10);
/// From how many times on that somebody else answered the preview URL is tried, too: until the tunnel listens, the port proxy answers 502, and where it lets
/// no WebSockets through it may do so for ever.
const TURNED: u32 = 6;
const PREVIEW_TOKEN: &str = "x-daytona-preview-token";

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

/// The runner's first process, as the service knows it.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) toolbox: Toolbox,
    pub(crate) session: String,
    pub(crate) command: String,
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
        let line = format!("{make}{} -I -u -c {} < {}", quoted(self.python), quoted(STAGE0), quoted(&file));
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

/// Begins a command, once: where no answer comes, it is looked for before it is begun again.
async fn begun(toolbox: &Toolbox, session: &str, line: &str) -> Result<Command, Error> {
    const DOING: &str = "starting the runner";
    let known = toolbox.commands(session).await.map_err(|error| trouble(DOING, error))?.len();
    for _ in 0..3 {
        match toolbox.begin(session, line).await {
            Ok(command) if !command.id.is_empty() => return Ok(command),
            Ok(_) => {}
            Err(error) if error.is_unclear() => {
                tracing::debug!(%error, "whether the runner was started is not known");
            }
            Err(error) => return Err(trouble(DOING, error)),
        }
        // It is there a moment after it was begun: one that is begun again too early is begun twice.
        for _ in 0..LOOKS {
            let commands = toolbox.commands(session).await.map_err(|error| trouble(DOING, error))?;
            if let Some(command) = commands.into_iter().nth(known) {
                return Ok(command);
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }
    Err(not_started("the service did not start its command"))
}

/// A directory for one life of the sandbox: what an earlier life left under `/tmp` is none of this one's business.
fn directory(sandbox: SandboxId) -> Result<String, Error> {
    let life = getrandom::u32().map_err(|error| not_started(format!("no random numbers: {error}")))?;
    Ok(format!("/tmp/{sandbox}-{life:08x}"))
}

/// The shell in which a sandbox's runner is begun.
pub(crate) fn shell(sandbox: SandboxId) -> String {
    format!("hibernaculum-{sandbox}")
}

/// The ports of a sandbox's tunnel, in the order in which they are tried: the same for every host, so that the next one finds it.
pub(crate) fn ports(sandbox: SandboxId) -> impl Iterator<Item = u16> {
    // FNV-1a, of 32 bits.
    let hash = sandbox
        .to_string()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (0..PORTS).map(move |turn| {
        let nth = hash.wrapping_add(turn.wrapping_mul(7919)) % u32::from(PORT_COUNT);
        FIRST_PORT + u16::try_from(nth).unwrap_or_default()
    })
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

/// The way to a port.
async fn door(
    api: &Api,
    sandbox: &str,
    toolbox: &Toolbox,
    transport: Transport,
    port: u16,
) -> Result<Door, Error> {
    let (http, headers) = api.parts();
    if transport != Transport::Preview {
        return Ok(Door::new(http, &toolbox.port(port), headers.clone()));
    }
    let preview = api.preview_url(sandbox, port).await;
    let preview = preview.map_err(|error| trouble("asking for the port's preview URL", error))?;
    // The account's key is none of the preview's business: it may be served from elsewhere.
    let mut headers = HeaderMap::new();
    if let Ok(mut token) = HeaderValue::from_str(&preview.token) {
        token.set_sensitive(true);
        headers.insert(HeaderName::from_static(PREVIEW_TOKEN), token);
    }
    Ok(Door::new(http, &preview.url, headers))
}

/// All ways to a port that may be taken.
pub(crate) async fn doors(
    api: &Api,
    sandbox: &str,
    toolbox: &Toolbox,
    allowed: Transport,
    port: u16,
) -> Vec<Door> {
    let ways = match allowed {
        Transport::Auto => vec![Transport::Proxy, Transport::Preview],
        forced => vec![forced],
    };
    let mut found = Vec::new();
    for way in ways {
        found.extend(door(api, sandbox, toolbox, way, port).await);
    }
    found
}

/// Why a runner ended as it started, in its own words.
async fn last_words(process: &Process, exit: i64) -> Error {
    let log = match process.toolbox.log(&process.session, &process.command).await {
        Ok(log) => printed(&log),
        Err(error) => {
            return not_started(format!("its process ended with {exit}; its output cannot be had: {error}"));
        }
    };
    match wait_ready(&mut log.as_bytes()).await {
        Err(error) => error,
        Ok(_) => not_started(format!("its process ended with {exit} after it had started")),
    }
}

/// What a command printed: newer services tell it as JSON, older ones as text with marks before each stream's parts.
fn printed(log: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Log {
        output: Option<String>,
        stdout: Option<String>,
        stderr: Option<String>,
    }
    let text = String::from_utf8_lossy(log);
    let told = match serde_json::from_str::<Log>(&text) {
        Ok(Log { output, stdout, stderr }) => {
            let streams = [stdout, stderr].into_iter().flatten().collect::<Vec<_>>().join("\n");
            if streams.is_empty() { output.unwrap_or_default() } else { streams }
        }
        Err(_) => text.into_owned(),
    };
    told.replace(['\u{1}', '\u{2}'], "")
}

/// One word of a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::service;

    #[tokio::test]
    async fn a_command_that_is_listed_late_is_not_begun_twice() {
        let none = (200, r#"{"commands":[]}"#);
        let unclear = (502, "");
        // What a second order would be answered.
        let still_none = (200, r#"{"commands":[],"cmdId":"the second"}"#);
        let answers = [none, unclear, none, still_none, (200, r#"{"commands":[{"id":"c"}]}"#)];
        let api = service(&answers, Duration::ZERO).await;
        let sandbox =
            Sandbox { id: "a".to_owned(), toolbox_proxy_url: api.base().to_owned(), ..Sandbox::default() };
        let toolbox = Toolbox::of(&api, &sandbox).await.unwrap();
        assert_eq!(begun(&toolbox, "s", "true").await.unwrap().id, "c");
    }

    #[test]
    fn a_log_is_read_in_every_form() {
        for log in [
            r#"{"output":"hibernaculum-failed {}\n","stdout":"hibernaculum-failed {}\n","stderr":""}"#,
            r#"{"output":"hibernaculum-failed {}\n"}"#,
            "\u{1}\u{1}\u{1}hibernaculum-failed {}\n",
        ] {
            assert_eq!(printed(log.as_bytes()).trim_end(), "hibernaculum-failed {}", "{log}");
        }
    }

    #[test]
    fn a_word_of_a_shell_is_one_word() {
        assert_eq!(quoted("a'b; rm -rf $HOME"), r"'a'\''b; rm -rf $HOME'");
    }
}
