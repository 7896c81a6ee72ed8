//! Recording: a tap on each connection.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::{Buf as _, Bytes, BytesMut};
use hibernaculum_core::{Error, Features, Limits, SandboxFiles, SandboxId, SandboxSpec};
use hibernaculum_engine::{Boot, ByteStream, Fate, Place, Provider, Ready, Role};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinSet;

use super::entry::{Entry, Greeting, Said, Start, What, WireCassette};
use super::tidy;
use crate::frames::{HEADER, is_chunk, is_noise, take_frame};

/// How many bytes a connection holds that nobody has read yet, each way.
const BUFFER: usize = 256 << 10;
/// What only paces: it comes as time goes, and not on a cassette.
const PACING: [&str; 2] = ["watch", "credit"];

/// Wraps any [`Provider`], and writes down what passes between the engine and its places.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hibernaculum_core::Error> {
/// use std::sync::Arc;
/// use hibernaculum_backend_mock::wire::{WirePlayer, WireRecorder};
/// # use hibernaculum_backend_mock::{Account, Script, ScriptedProvider, when};
/// use hibernaculum_core::{Backend, Error, Sandbox, SandboxSpec};
/// use hibernaculum_engine::Engine;
///
/// async fn program(backend: Arc<dyn Backend>) -> Result<String, Error> {
///     let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
///     let printed = sandbox.session().await?.execute("print('hi')").await?.stdout;
///     sandbox.close().await?;
///     Ok(printed.to_string())
/// }
///
/// # let real = ScriptedProvider::new(Script::in_order([when("print('hi')").prints("hi\n")]));
/// # Account::of(&real).waive();
/// let engine = Engine::new(WireRecorder::new(real))?;
/// assert_eq!(program(Arc::new(engine.clone())).await?, "hi\n");
/// let cassette = engine.provider().cassette();
///
/// let player = WirePlayer::new(cassette);
/// let account = player.account();
/// assert_eq!(program(Arc::new(Engine::new(player)?)).await?, "hi\n");
/// account.verify();
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct WireRecorder<P> {
    inner: P,
    log: Log,
    sandboxes: AtomicU32,
}

/// What was written down until now.
#[derive(Debug, Clone)]
struct Log {
    entries: Arc<Mutex<Vec<Entry>>>,
    began: Instant,
}

impl Log {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, sandbox: u32, connection: u32, what: What) {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or_default();
        self.entries().push(Entry { sandbox, connection, ms, what });
    }
}

impl<P: Provider> WireRecorder<P> {
    /// Wraps a provider.
    pub fn new(inner: P) -> Self {
        let log = Log { entries: Arc::default(), began: Instant::now() };
        Self { inner, log, sandboxes: AtomicU32::new(0) }
    }

    /// What passed until now, made fit to be kept: ids and processes numbered, times and figures taken out or rounded, pieces merged.
    pub fn cassette(&self) -> WireCassette {
        let entries = tidy::tidied(self.log.entries().clone());
        WireCassette { features: self.inner.features(), entries }
    }
}

impl<P: Provider> Provider for WireRecorder<P> {
    type Place = TappedPlace<P::Place>;

    fn features(&self) -> Features {
        self.inner.features()
    }

    async fn start(&self, spec: &SandboxSpec, boot: &Boot) -> Result<Self::Place, Error> {
        let sandbox = self.sandboxes.fetch_add(1, Ordering::Relaxed) + 1;
        let mut start = Start { sandbox: boot.sandbox.to_string(), ..Start::default() };
        let started = self.inner.start(spec, boot).await;
        match &started {
            Ok(place) => {
                let Ready { pid, python, executable, implementation, .. } = place.ready().clone();
                let workdir = place.workdir().to_owned();
                start = Start { pid, python, executable, implementation, workdir, ..start };
            }
            Err(error) => start.fails = Some(error.explain()),
        }
        self.log.add(sandbox, 0, What::Start(Box::new(start)));
        let inner = started?;
        let (log, tasks) = (self.log.clone(), Mutex::new(JoinSet::new()));
        Ok(TappedPlace { inner, sandbox, log, connections: AtomicU32::new(0), tasks })
    }

    /// Sandboxes of an earlier host are not recorded, for their beginning is not known.
    async fn adopt(&self, _known: &[SandboxId]) -> Result<Vec<(SandboxId, Self::Place)>, Error> {
        Ok(Vec::new())
    }
}

/// One sandbox of a [`WireRecorder`].
pub struct TappedPlace<P> {
    inner: P,
    sandbox: u32,
    log: Log,
    connections: AtomicU32,
    /// One for each connection. They end with it, or with the place.
    tasks: Mutex<JoinSet<()>>,
}

impl<P> fmt::Debug for TappedPlace<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TappedPlace").field("sandbox", &self.sandbox).finish_non_exhaustive()
    }
}

impl<P: Place> Place for TappedPlace<P> {
    fn ready(&self) -> &Ready {
        self.inner.ready()
    }

    fn workdir(&self) -> &str {
        self.inner.workdir()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn connect(&self, role: Role) -> Result<Box<dyn ByteStream>, Error> {
        let far = self.inner.connect(role).await?;
        let (near, ours) = tokio::io::duplex(BUFFER);
        let connection = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let tap = Tap { log: self.log.clone(), sandbox: self.sandbox, connection };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(carry(ours, far, tap, role));
        Ok(Box::new(near))
    }

    async fn stop(&self) {
        self.inner.stop().await;
        self.end().await;
    }

    async fn kill(&self) {
        self.inner.kill().await;
        self.end().await;
    }

    async fn release(&self) {
        self.inner.release().await;
        self.end().await;
    }

    async fn fate(&self) -> Fate {
        self.inner.fate().await
    }

    async fn revive(&self, spec: &SandboxSpec, boot: &Boot) -> Result<(), Error> {
        self.inner.revive(spec, boot).await
    }

    fn files(&self) -> Option<&dyn SandboxFiles> {
        self.inner.files()
    }
}

impl<P> TappedPlace<P> {
    async fn end(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

#[derive(Debug, Clone)]
struct Tap {
    log: Log,
    sandbox: u32,
    connection: u32,
}

impl Tap {
    fn add(&self, what: What) {
        self.log.add(self.sandbox, self.connection, what);
    }
}

/// Carries a connection until both sides have ended. Whatever passes is written down first, so that nothing can follow from it before.
async fn carry(host: DuplexStream, runner: Box<dyn ByteStream>, tap: Tap, role: Role) {
    let (host_reads, host_writes) = tokio::io::split(host);
    let (runner_reads, runner_writes) = tokio::io::split(runner);
    let (greeted, greets) = (AtomicBool::new(false), AtomicBool::new(true));
    let inward = one_way(host_reads, runner_writes, |said| {
        if greets.swap(false, Ordering::Relaxed) {
            greeted.store(true, Ordering::Relaxed);
            tap.add(What::Hello(Box::new(greeting(role, &said))));
        } else if is_meant(&said) {
            tap.add(What::ToRunner(said));
        }
    });
    let outward = async {
        one_way(runner_reads, host_writes, |said| {
            // Before the hello there is the challenge.
            if greeted.swap(false, Ordering::Relaxed) {
                tap.add(answer(&said));
            } else if said.method() != Some("challenge") {
                tap.add(What::ToHost(said));
            }
        })
        .await;
        tap.add(What::End);
    };
    tokio::join!(inward, outward);
}

/// Whether the host's word is part of the run: not what only paces, nor what it gave up in the middle of a frame.
pub(super) fn is_meant(said: &Said) -> bool {
    !matches!(said, Said::Noise(_)) && said.method().is_none_or(|method| !PACING.contains(&method))
}

fn greeting(role: Role, hello: &Said) -> Greeting {
    let options = hello.contents().and_then(|params| params.get("options"));
    let options =
        options.and_then(|options| serde_json::from_value(options.clone()).ok()).unwrap_or_default();
    let (role, session) = match role {
        Role::Control => ("control", String::new()),
        Role::Session(session) => ("", session.to_string()),
        _ => ("files", String::new()),
    };
    Greeting { role: role.to_owned(), session, options }
}

/// What a hello was answered with.
fn answer(said: &Said) -> What {
    let Said::Message(message) = said else { return What::ToHost(said.clone()) };
    let part = |name| message.get(name).cloned();
    let welcome = part("result").and_then(|result| serde_json::from_value(result).ok()).map(What::Welcome);
    let refused = || part("error").and_then(|error| serde_json::from_value(error).ok()).map(What::Refused);
    welcome.or_else(refused).unwrap_or_else(|| What::ToHost(said.clone()))
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut hear: impl FnMut(Said),
) {
    let mut buffer = BytesMut::new();
    let mut passed = 0;
    loop {
        let has_ended = !matches!(from.read_buf(&mut buffer).await, Ok(1..));
        // It is heard before it is passed on, so that nothing can follow from it before.
        let new = Bytes::copy_from_slice(buffer.get(passed..).unwrap_or_default());
        while let Some(frame) = take_frame(&mut buffer) {
            hear(said(&frame));
        }
        if !buffer.is_empty() && (has_ended || is_noise(&buffer)) {
            hear(Said::Noise(buffer.split().to_vec()));
        }
        passed = buffer.len();
        if to.write_all(&new).await.is_err() || to.flush().await.is_err() {
            return;
        }
        if has_ended {
            let _ = to.shutdown().await;
            return;
        }
    }
}

/// What a frame says.
pub(super) fn said(frame: &Bytes) -> Said {
    let noise = || Said::Noise(frame.to_vec());
    let mut body = frame.get(HEADER..).unwrap_or_default();
    if is_chunk(frame) {
        return match body.try_get_u64() {
            Ok(transfer) => Said::Chunk { transfer, data: body.to_vec() },
            Err(_) => noise(),
        };
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut message)) => {
            message.remove("jsonrpc");
            Said::Message(Value::Object(message))
        }
        _ => noise(),
    }
}
