//! A runner in Rust, over in-memory streams: it answers what its script says, and breaks whatever promise a test wants broken.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hibernaculum_core::{Error, Feature, Features, NetworkPolicy, SandboxSpec};
use hibernaculum_engine::wire::messages::{
    Adopted, Cause, Census, Challenge, Changes, ControlCall, ControlNotice, Died, Done, Execute, Executed,
    Hello, Killed, Remember, SessionCall, State, Status, Timings, Value, Welcome,
};
use hibernaculum_engine::wire::{Frame, FrameCodec, Id, Incoming, Nonce, Secret, handshake, rpc};
use hibernaculum_engine::{Boot, ByteStream, Place, Provider, Ready, Role};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::sync::mpsc;
use tokio_util::codec::Framed;

type Wire = Framed<DuplexStream, FrameCodec>;

/// Which promise of the handshake is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    HangUp,
    Silence,
    Garbage,
    OtherVersion,
    OtherDigest,
    WrongProof,
}

/// Starts scripted places.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) lie: Lie,
}

/// A scripted supervisor and its sessions.
pub(crate) struct ScriptedPlace {
    ready: Ready,
    secret: Secret,
    lie: Lie,
    shared: Arc<Shared>,
}

/// What the connections of one place know of each other.
#[derive(Default)]
struct Shared {
    sessions: Mutex<HashMap<String, mpsc::Sender<Signal>>>,
    control: Mutex<Option<mpsc::Sender<Frame>>>,
    /// Whether control hears nothing any more.
    is_deaf: AtomicBool,
    /// What hosts left for the next one, where the place may outlive them.
    memos: Option<Mutex<BTreeMap<String, serde_json::Value>>>,
    /// Whether a host is there.
    has_host: AtomicBool,
    /// Whether the place has ended.
    is_over: AtomicBool,
    /// Whether connections that end are reset.
    resets: AtomicBool,
}

/// How many messages of a session control tells at once: more than wait for an actor.
const FLOOD: usize = 500;

/// What control does to a session.
enum Signal {
    Interrupt,
    Kill(String),
    Close,
}

impl Provider for Scripted {
    type Place = ScriptedPlace;

    fn features(&self) -> Features {
        Features::new("scripted", NetworkPolicy::Full).with([
            Feature::Interrupt,
            Feature::Input,
            Feature::Attach,
            Feature::LiveCheckpoints,
        ])
    }

    async fn start(&self, _spec: &SandboxSpec, boot: &Boot) -> Result<ScriptedPlace, Error> {
        let shared = Arc::default();
        Ok(ScriptedPlace { ready: Ready::default(), secret: boot.secret.clone(), lie: self.lie, shared })
    }
}

impl Place for ScriptedPlace {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn workdir(&self) -> &'static str {
        "/"
    }

    async fn connect(&self, _role: Role) -> Result<Box<dyn ByteStream>, Error> {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let (secret, lie, shared) = (self.secret.clone(), self.lie, Arc::clone(&self.shared));
        let stream = Resettable { inner: ours, shared: Arc::clone(&shared) };
        tokio::spawn(serve(Framed::new(theirs, FrameCodec::default()), secret, lie, shared));
        Ok(Box::new(stream))
    }

    async fn stop(&self) {
        self.kill().await;
    }

    async fn kill(&self) {
        // Dropping the senders ends the tasks, and with them their streams.
        self.shared.sessions.lock().unwrap().clear();
        self.shared.control.lock().unwrap().take();
        self.shared.is_over.store(true, Ordering::Relaxed);
    }
}

impl ScriptedPlace {
    /// One that may outlive its host.
    pub(crate) fn lingering(boot: &Boot) -> Self {
        let shared = Arc::new(Shared { memos: Some(Mutex::default()), ..Shared::default() });
        Self { ready: Ready::default(), secret: boot.secret.clone(), lie: Lie::None, shared }
    }

    /// The same place, in the hands of another host.
    pub(crate) fn again(&self) -> Self {
        let (ready, secret, shared) = (self.ready.clone(), self.secret.clone(), Arc::clone(&self.shared));
        Self { ready, secret, lie: self.lie, shared }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.shared.is_over.load(Ordering::Relaxed)
    }

    /// What ends its control alone.
    pub(crate) fn control(&self) -> ControlEnd {
        ControlEnd(Arc::clone(&self.shared))
    }
}

/// A stream whose end may be a reset, as the kernel has it where the other side left something unread.
struct Resettable {
    inner: DuplexStream,
    shared: Arc<Shared>,
}

impl AsyncRead for Resettable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let is_end = matches!(polled, Poll::Ready(Ok(()))) && buffer.filled().len() == before;
        if is_end && self.shared.resets.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        polled
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// See [`ScriptedPlace::control`].
pub(crate) struct ControlEnd(Arc<Shared>);

impl ControlEnd {
    pub(crate) fn end(&self) {
        self.0.control.lock().unwrap().take();
    }
}

/// One connection, from its challenge to its end.
async fn serve(mut wire: Wire, secret: Secret, lie: Lie, shared: Arc<Shared>) {
    match lie {
        Lie::HangUp => return,
        Lie::Silence => return std::future::pending().await,
        Lie::Garbage => return drop(wire.send(Frame::Message(Bytes::from_static(b"[1, 2"))).await),
        _ => {}
    }
    let challenge = Challenge {
        protocol: if lie == Lie::OtherVersion { 99 } else { 1 },
        digest: if lie == Lie::OtherDigest { "another".into() } else { hibernaculum_runner::digest().into() },
        nonce: Nonce::random().unwrap().as_str().to_owned(),
    };
    wire.send(rpc::notification(&challenge).unwrap()).await.unwrap();
    let Some(Ok(Frame::Message(message))) = wire.next().await else { return };
    let Ok(Incoming::Request { id, params, .. }) = rpc::parse(&message) else { panic!("no hello") };
    let hello: Hello = rpc::contents("hello", params).unwrap();
    handshake::verify_hello(&secret, &challenge, &hello).unwrap();
    // One that may outlive its host has one at a time, until it has ended.
    let is_control = hello.session.is_none();
    if shared.memos.is_some()
        && (shared.is_over.load(Ordering::Relaxed)
            || (is_control && shared.has_host.swap(true, Ordering::Relaxed)))
    {
        return;
    }
    let adopts = hello.options.as_ref().is_some_and(|options| options.adopt);
    let proof = handshake::welcome_proof(&secret, &challenge, &hello).unwrap();
    let welcome = Welcome {
        protocol: challenge.protocol,
        digest: challenge.digest,
        python: "3.11.7".into(),
        implementation: "scripted".into(),
        pid: 1,
        restored: None,
        adopted: adopts.then(Adopted::default),
        features: vec![],
        proof: if lie == Lie::WrongProof { "0".repeat(64) } else { proof },
    };
    wire.send(rpc::response(&id, &welcome).unwrap()).await.unwrap();
    match hello.session {
        None => {
            control(wire, &shared).await;
            shared.has_host.store(false, Ordering::Relaxed);
        }
        Some(session) => serve_session(wire, session, &shared).await,
    }
}

async fn control(mut wire: Wire, shared: &Shared) {
    let (tell, mut told) = mpsc::channel(64);
    *shared.control.lock().unwrap() = Some(tell);
    loop {
        let message = tokio::select! {
            frame = told.recv() => match frame {
                Some(frame) => { let _ = wire.send(frame).await; continue }
                None => return,
            },
            message = wire.next() => message,
        };
        let Some(Ok(Frame::Message(message))) = message else { return };
        if shared.is_deaf.load(Ordering::Relaxed) {
            continue;
        }
        let (id, method, params) = match rpc::parse(&message) {
            Ok(Incoming::Request { id, method, params }) => (id, method, params),
            Ok(Incoming::Notification { method, params }) => {
                match ControlNotice::parse(&method, params).unwrap() {
                    ControlNotice::Interrupt(order) => drop(shared.signal(&order.session, Signal::Interrupt)),
                    ControlNotice::Remember(Remember { name, memo }) => {
                        if let Some(memos) = &shared.memos {
                            memos.lock().unwrap().insert(name, memo);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            _ => continue,
        };
        let answer = match ControlCall::parse(&method, params).unwrap() {
            ControlCall::Kill(order) => {
                let delivered = shared.signal(&order.session, Signal::Kill(order.reason));
                rpc::response(&id, &Killed { delivered })
            }
            ControlCall::Close(order) => {
                shared.signal(&order.session, Signal::Close);
                shared.sessions.lock().unwrap().remove(&order.session);
                rpc::response(&id, &Done {})
            }
            ControlCall::Adopt(_) => rpc::response(&id, &shared.census()),
            _ => rpc::response(&id, &Done {}),
        };
        let _ = wire.send(answer.unwrap()).await;
    }
}

impl Shared {
    fn census(&self) -> Census {
        let sessions = self.sessions.lock().unwrap().keys().cloned().collect();
        let memos = self.memos.as_ref().map(|memos| memos.lock().unwrap().clone()).unwrap_or_default();
        Census { sessions, memos }
    }

    fn signal(&self, session: &str, signal: Signal) -> bool {
        self.sessions.lock().unwrap().get(session).is_some_and(|to| to.try_send(signal).is_ok())
    }
}

/// A session process: the code is the script.
async fn serve_session(mut wire: Wire, session: String, shared: &Shared) {
    let (signal, mut signals) = mpsc::channel(64);
    shared.sessions.lock().unwrap().insert(session.clone(), signal);
    let mut running: Option<Execute> = None;
    loop {
        let message = tokio::select! {
            signal = signals.recv() => match (signal, &running) {
                (Some(Signal::Interrupt), Some(execute)) if execute.code.as_str() != Some("stubborn") => {
                    let _ = wire.send(answer(execute, Status::Interrupted, None)).await;
                    running = None;
                    continue;
                }
                (Some(Signal::Interrupt), _) => continue,
                (Some(Signal::Kill(reason)), _) => return die(shared, session, running.as_ref(), Some(reason)),
                (Some(Signal::Close) | None, _) => return,
            },
            message = wire.next() => message,
        };
        let Some(Ok(Frame::Message(message))) = message else {
            return outlive(shared, session, running.as_ref(), signals).await;
        };
        let Ok(Incoming::Request { method, params, .. }) = rpc::parse(&message) else { continue };
        let SessionCall::Execute(execute) = SessionCall::parse(&method, params).unwrap() else { continue };
        match execute.code.as_str().unwrap_or_default() {
            "1 + 1" => drop(wire.send(answer(&execute, Status::Completed, Some("2"))).await),
            "lie" => {
                // Answers to nobody, then rubbish that may be ignored, then the truth.
                for id in [0, 77, 1_000_000] {
                    let stray =
                        rpc::response(&Id::Number(id), &executed(&execute, Status::Failed, Some("a lie")));
                    let _ = wire.send(stray.unwrap()).await;
                }
                let unknown = br#"{"jsonrpc":"2.0","method":"event","params":{"event":"sparkle"}}"#;
                let _ = wire.send(Frame::Message(Bytes::from_static(unknown))).await;
                let _ = wire.send(answer(&execute, Status::Completed, Some("'truth'"))).await;
            }
            code if code.starts_with("babble\n") => {
                if !babble(&mut wire, &execute).await {
                    drop(wire);
                    return outlive(shared, session, Some(&execute), signals).await;
                }
                running = Some(execute);
            }
            "flood" => {
                let control = shared.control.lock().unwrap().clone();
                for at in 0..FLOOD {
                    let text = format!(
                        r#"{{"jsonrpc":"2.0","method":"text","params":{{"session":"{session}","execution":{},"stream":"stdout","pos":{at},"bytes":1,"raw":[0,0],"at":1,"text":"x"}}}}"#,
                        execute.execution
                    );
                    if let Some(control) = &control {
                        let _ = control.send(Frame::Message(text.into())).await;
                    }
                }
                running = Some(execute);
            }
            "deafen control" => {
                shared.is_deaf.store(true, Ordering::Relaxed);
                let _ = wire.send(answer(&execute, Status::Completed, None)).await;
            }
            "another died" => {
                // Told late, of a process that this one has replaced.
                tell_death(shared, session.clone(), None, Some("timeout".to_owned()), 2);
                let _ = wire.send(answer(&execute, Status::Completed, Some("'alive'"))).await;
            }
            "reset" => {
                shared.resets.store(true, Ordering::Relaxed);
                drop(wire);
                // Its end is seen before anybody tells of its death.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return die(shared, session, Some(&execute), None);
            }
            "garbage" => drop(wire.send(Frame::Message(Bytes::from_static(b"}{"))).await),
            "hang up" => {
                drop(wire);
                return outlive(shared, session, Some(&execute), signals).await;
            }
            _ => running = Some(execute),
        }
    }
}

/// Says what the code's further lines say; false: and then hangs up.
async fn babble(wire: &mut Wire, execute: &Execute) -> bool {
    for line in execute.code.as_str().unwrap_or_default().lines().skip(1) {
        let said = match line {
            "!answer" => wire.send(answer(execute, Status::Completed, Some("2"))).await,
            "!chunk" => wire.send(Frame::Chunk { transfer: 5, data: Bytes::from_static(b"123456789") }).await,
            "!megabyte" => {
                // A display that waits for nine bytes of raw output, which never come.
                let (head, tail) = (
                    r#"{"jsonrpc":"2.0","method":"event","params":{"event":"display","execution":"#,
                    r#","at":1,"raw":[9,9],"text_pos":0,"data":{"text/plain":""#,
                );
                let display = format!("{head}{}{tail}{}\"}}}}}}", execute.execution, "x".repeat(1 << 20));
                wire.send(Frame::Message(display.into())).await
            }
            "!half" => {
                let _ = wire.get_mut().write_all(b"\0\0\x10\0{\"jsonrpc\"").await;
                return false;
            }
            message => {
                let message = message.replace("{id}", &execute.execution.to_string());
                wire.send(Frame::Message(message.into())).await
            }
        };
        if said.is_err() {
            return false;
        }
    }
    true
}

/// The process lives on without its connection, until it is killed.
async fn outlive(
    shared: &Shared,
    session: String,
    running: Option<&Execute>,
    mut signals: mpsc::Receiver<Signal>,
) {
    while let Some(signal) = signals.recv().await {
        if let Signal::Kill(reason) = signal {
            return die(shared, session, running, Some(reason));
        }
    }
}

fn die(shared: &Shared, session: String, running: Option<&Execute>, reason: Option<String>) {
    shared.sessions.lock().unwrap().remove(&session);
    tell_death(shared, session, running, reason, 1);
}

fn tell_death(shared: &Shared, session: String, running: Option<&Execute>, by: Option<String>, pid: u32) {
    let died = Died {
        session,
        execution: running.map_or(0, |execute| execute.execution),
        cause: Cause::Signal { signal: 9, name: "SIGKILL".into(), by },
        state: State::Lost,
        raw: [0; 2],
        text_pos: 0,
        pid,
    };
    if let Some(control) = &*shared.control.lock().unwrap() {
        let _ = control.try_send(rpc::notification(&died).unwrap());
    }
}

fn answer(execute: &Execute, status: Status, value: Option<&str>) -> Frame {
    rpc::response(&Id::Number(execute.execution), &executed(execute, status, value)).unwrap()
}

fn executed(execute: &Execute, status: Status, value: Option<&str>) -> Executed {
    let value = value.map(|repr| Value { repr: repr.into(), json: None, type_name: "int".into(), cut: 0 });
    Executed {
        execution: execute.execution,
        status,
        count: execute.execution,
        value,
        error: None,
        changes: Changes::default(),
        warnings: vec![],
        transaction: None,
        timings: Timings::default(),
        cpu_us: 0,
        memory_bytes: 0,
        memory_delta: 0,
        raw: [0; 2],
        text_pos: 0,
        at: 0,
    }
}
