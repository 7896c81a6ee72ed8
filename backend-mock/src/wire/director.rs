//! Plays one sandbox's entries, one after the other.
//!
//! ```text
//!  the host's frames ──readers──▶ Stage: heard, by connection ──▶ Director: next entry?
//!                                                                    hello: a caller of that role is there → go on
//!                                                                    >     it was heard → go on
//!                                                                    <     say it
//! ```

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use hibernaculum_engine::wire::{Frame, FrameCodec, Secret};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::codec::{Encoder as _, FramedRead};

use super::entry::{Entry, Greeting, Said, Welcomed, What};
use super::player::Shared;
use super::recorder::is_meant;
use super::tidy;
use crate::runner::greeting::{Caller, Guest};
use crate::script::difference;

/// The longest chunk of a transfer.
const CHUNK: usize = 1 << 20;
/// How many frames may wait to be read by the host, for each connection.
const UNREAD: usize = 1 << 14;
/// How long another connection's turn takes.
const ATTENTION: Duration = Duration::from_millis(1);

/// What has come from the host, and what is waited for.
#[derive(Debug, Default)]
pub(super) struct Stage {
    state: Mutex<State>,
    /// Something has come. The director alone waits.
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    callers: Vec<Caller>,
    lines: HashMap<u32, Line>,
    waits_for: Option<String>,
}

/// What came on one connection.
#[derive(Debug, Default)]
struct Line {
    heard: VecDeque<Said>,
    is_control: bool,
    has_ended: bool,
}

impl Stage {
    /// Each change under the lock leaves the state whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody has said hello.
    pub(super) fn came(&self, caller: Caller) {
        self.state().callers.push(caller);
        self.news.notify_one();
    }

    fn hear(&self, line: u32, said: Option<Said>) {
        let mut state = self.state();
        let line = state.lines.entry(line).or_default();
        match said {
            None => line.has_ended = true,
            Some(Said::Chunk { transfer, data }) => match line.heard.back_mut() {
                Some(Said::Chunk { transfer: same, data: all }) if *same == transfer => {
                    all.extend_from_slice(&data);
                }
                _ => line.heard.push_back(Said::Chunk { transfer, data }),
            },
            Some(said) => line.heard.push_back(said),
        }
        drop(state);
        self.news.notify_one();
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        let state = self.state();
        let mut complaints = Vec::new();
        if let Some(waits_for) = &state.waits_for {
            complaints.push(format!("to the end the cassette waited for\n{waits_for}"));
        }
        for (line, heard) in &state.lines {
            complaints.extend(heard.heard.iter().map(|said| {
                format!("on connection {line} the host said what is not on the cassette:\n{}", shown(said))
            }));
        }
        complaints
    }
}

fn shown(said: &Said) -> String {
    match said {
        Said::Message(message) => serde_json::to_string_pretty(message).unwrap_or_default(),
        Said::Chunk { transfer, data } => format!("{} bytes of the transfer {transfer}", data.len()),
        Said::Noise(data) => format!("{} bytes that are no message", data.len()),
    }
}

/// Plays one sandbox.
#[derive(Debug)]
pub(super) struct Director {
    entries: Vec<Entry>,
    stage: Arc<Stage>,
    shared: Shared,
    secret: Secret,
    began: Instant,
    epoch_ms: u64,
    /// By connection: the recorded session.
    sessions: HashMap<u32, String>,
    /// Executions that were answered, by session.
    answered: HashSet<(String, u64)>,
    /// Who waits to be welcomed.
    greeted: HashMap<u32, Caller>,
    /// By connection: where what the runner said is written.
    mouths: HashMap<u32, mpsc::Sender<Bytes>>,
    /// The connection on which something was said last.
    spoke_last: u32,
    /// By connection and recorded id: the ids of the host's requests.
    ids: HashMap<(u32, String), (Value, Instant)>,
    tasks: JoinSet<()>,
}

impl Director {
    pub(super) fn new(entries: Vec<Entry>, stage: Arc<Stage>, shared: Shared, secret: Secret) -> Self {
        let epoch_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
        Self {
            entries,
            stage,
            shared,
            secret,
            began: Instant::now(),
            epoch_ms,
            sessions: HashMap::new(),
            answered: HashSet::new(),
            spoke_last: 0,
            greeted: HashMap::new(),
            mouths: HashMap::new(),
            ids: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Plays to the end, and stays: what the host says then is still heard.
    pub(super) async fn run(mut self) {
        for entry in std::mem::take(&mut self.entries) {
            let Entry { connection, what, ms, .. } = entry;
            if !matches!(what, What::Hello(_) | What::ToRunner(_)) {
                tokio::time::sleep_until(self.began + Duration::from_millis(ms)).await;
            }
            let goes_on = match what {
                What::Start(_) => true,
                What::Hello(greeting) => {
                    self.greet(connection, &greeting).await;
                    true
                }
                What::Welcome(welcome) => {
                    self.welcome(connection, *welcome).await;
                    true
                }
                What::Refused(error) => {
                    if let Some(caller) = self.greeted.remove(&connection) {
                        caller.refuse(&error).await;
                    }
                    true
                }
                What::ToRunner(said) => self.wait_for(connection, &said).await,
                What::ToHost(said) => {
                    self.say(connection, said).await;
                    true
                }
                What::End => {
                    self.mouths.remove(&connection);
                    true
                }
            };
            if !goes_on {
                // The sandbox is lost with its connections, as if its supervisor had died.
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Waits until somebody has come for this.
    async fn greet(&mut self, connection: u32, greeting: &Greeting) {
        let caller = loop {
            if let Some(caller) = self.caller(greeting) {
                break caller;
            }
            self.stage.state().waits_for = Some(format!("a connection: {}", json!(greeting)));
            self.stage.news.notified().await;
        };
        self.stage.state().waits_for = None;
        self.sessions.insert(connection, greeting.session.clone());
        self.greeted.insert(connection, caller);
    }

    async fn welcome(&mut self, connection: u32, welcome: Welcomed) {
        let Some(caller) = self.greeted.remove(&connection) else { return };
        let is_control = matches!(caller.guest, Guest::Control);
        let Some((wire, _)) = caller.welcome(&self.secret, welcome).await else { return };
        let (reads, writes) = tokio::io::split(wire.into_inner());
        let (mouth, words) = mpsc::channel(UNREAD);
        self.mouths.insert(connection, mouth);
        self.stage.state().lines.insert(connection, Line { is_control, ..Line::default() });
        self.tasks.spawn(listen(
            FramedRead::new(reads, FrameCodec::default()),
            connection,
            Arc::clone(&self.stage),
        ));
        self.tasks.spawn(speak(writes, words));
    }

    /// The caller that this greeting was of, if it is there.
    fn caller(&self, greeting: &Greeting) -> Option<Caller> {
        let mut state = self.stage.state();
        let mut bindings = self.shared.bindings.lock().unwrap_or_else(PoisonError::into_inner);
        let index = state.callers.iter().position(|caller| match &caller.guest {
            Guest::Control => greeting.role == "control",
            Guest::Files => greeting.role == "files",
            Guest::Session { id, options } => {
                greeting.role.is_empty()
                    && bindings.unify(&json!([greeting.session, greeting.options]), &json!([id, options]))
            }
        })?;
        Some(state.callers.remove(index))
    }

    /// Waits until the host has said this on the connection.
    async fn wait_for(&mut self, connection: u32, said: &Said) -> bool {
        let is_late = self.is_late(said);
        loop {
            match self.heard(connection, said) {
                Heard::Yes => break,
                Heard::NotYet | Heard::Never(_) if is_late => break,
                Heard::NotYet => {}
                Heard::Never(complaint) => {
                    self.stage.state().waits_for = None;
                    self.shared.complain(complaint);
                    return false;
                }
            }
            self.stage.state().waits_for = Some(format!("connection {connection}: {}", shown(said)));
            self.stage.news.notified().await;
        }
        self.stage.state().waits_for = None;
        true
    }

    /// Whether it is an interrupt of what has been answered: when it was recorded, both were on their way at once.
    fn is_late(&self, said: &Said) -> bool {
        let params = said.contents().filter(|_| said.method() == Some("interrupt"));
        let session = params.and_then(|params| params.get("session")).and_then(Value::as_str);
        let execution = params.and_then(|params| params.get("execution")).and_then(Value::as_u64);
        session
            .zip(execution)
            .is_some_and(|(session, execution)| self.answered.contains(&(session.to_owned(), execution)))
    }

    fn heard(&mut self, connection: u32, wanted: &Said) -> Heard {
        let mut state = self.stage.state();
        let Some(line) = state.lines.get_mut(&connection) else { return Heard::NotYet };
        // Sessions share control, and their order on it may differ. Elsewhere order is order.
        let within = if line.is_control { line.heard.len() } else { line.heard.len().min(1) };
        let mut bindings = self.shared.bindings.lock().unwrap_or_else(PoisonError::into_inner);
        let found = line.heard.iter().take(within).position(|said| match (wanted, said) {
            (Said::Message(wanted), Said::Message(said)) => {
                let [wanted, said] =
                    [wanted, said].map(|message| without_id(message, wanted.get("method").is_some()));
                bindings.unify(&wanted, &said)
            }
            // Of an upload that was refused more may have come.
            (Said::Chunk { data, .. }, Said::Chunk { data: same, .. }) => same.starts_with(data),
            _ => false,
        });
        if let Some(index) = found {
            if let (Some(Said::Message(said)), Said::Message(wanted)) = (line.heard.remove(index), wanted)
                && let (Some(recorded), Some(id)) = (wanted.get("id"), said.get("id"))
            {
                self.ids.insert((connection, recorded.to_string()), (id.clone(), Instant::now()));
            }
            return Heard::Yes;
        }
        let is_growing = matches!((wanted, line.heard.front()), (Said::Chunk { data, .. }, Some(Said::Chunk { data: part, .. })) if part.len() < data.len());
        match line.heard.front() {
            Some(said) if !line.is_control && !is_growing => Heard::Never(format!(
                "on connection {connection} the host says something else:\n{}",
                difference(&shown(wanted), &shown(said))
            )),
            None if line.has_ended => {
                Heard::Never(format!("connection {connection} ended before the host said\n{}", shown(wanted)))
            }
            _ => Heard::NotYet,
        }
    }

    /// Says what the runner said, with the ids and the time of now, and not before its time.
    async fn say(&mut self, connection: u32, mut said: Said) {
        if let Some(due) = self.due(connection, &said) {
            tokio::time::sleep_until(due).await;
        }
        self.hush(connection).await;
        if let (None, Some(execution), Some(session)) = (
            said.method(),
            said.contents().and_then(|result| result.get("execution")).and_then(Value::as_u64),
            self.sessions.get(&connection),
        ) {
            self.answered.insert((session.clone(), execution));
        }
        let Some(mouth) = self.mouths.get(&connection) else { return };
        let now = self.epoch_ms + u64::try_from(self.began.elapsed().as_millis()).unwrap_or_default();
        if let Some(contents) = said.contents_mut() {
            tidy::with_time(contents, now);
        }
        let frames = match said {
            Said::Noise(noise) => vec![Bytes::from(noise)],
            Said::Chunk { transfer, data } => {
                let pieces = data.chunks(CHUNK).map(Bytes::copy_from_slice);
                pieces.filter_map(|data| encoded(Frame::Chunk { transfer, data })).collect()
            }
            Said::Message(mut message) => {
                self.shared.bindings.lock().unwrap_or_else(PoisonError::into_inner).revive(&mut message);
                if let Value::Object(fields) = &mut message {
                    if !fields.contains_key("method")
                        && let Some(id) = fields.get_mut("id")
                        && let Some((asked, _)) = self.ids.get(&(connection, id.to_string()))
                    {
                        id.clone_from(asked);
                    }
                    fields.insert("jsonrpc".to_owned(), json!("2.0"));
                }
                encoded(Frame::Message(message.to_string().into())).into_iter().collect()
            }
        };
        for frame in frames {
            // Who has hung up hears nothing.
            let _ = mouth.send(frame).await;
        }
    }

    /// Before another connection has its say, the host is done with what was said on the one before, so that the order is that of the recording. Under a
    /// paused clock time goes on only when nobody has anything to do: that is what is waited for.
    async fn hush(&mut self, connection: u32) {
        if std::mem::replace(&mut self.spoke_last, connection) != connection {
            tokio::time::sleep(ATTENTION).await;
        }
    }

    /// When an answer is due: not before the time has passed that it says it took.
    fn due(&self, connection: u32, said: &Said) -> Option<Instant> {
        let Said::Message(message) = said else { return None };
        let (_, asked) = self.ids.get(&(connection, message.get("id")?.to_string()))?;
        let timings = said.contents()?.get("timings")?.as_object()?;
        let took = timings.values().filter_map(Value::as_u64).sum();
        Some(*asked + Duration::from_micros(took))
    }
}

fn encoded(frame: Frame) -> Option<Bytes> {
    let mut bytes = BytesMut::new();
    FrameCodec::default().encode(frame, &mut bytes).ok()?;
    Some(bytes.freeze())
}

/// Whether something was heard.
enum Heard {
    Yes,
    NotYet,
    Never(String),
}

/// A request's id is its sender's own business; that of an answer is not.
fn without_id(message: &Value, is_request: bool) -> Value {
    let mut message = message.clone();
    if let (true, Value::Object(fields)) = (is_request, &mut message)
        && fields.contains_key("id")
    {
        fields.insert("id".to_owned(), json!("any"));
    }
    message
}

async fn listen(
    mut frames: FramedRead<ReadHalf<DuplexStream>, FrameCodec>,
    connection: u32,
    stage: Arc<Stage>,
) {
    while let Some(Ok(frame)) = frames.next().await {
        let said = match frame {
            Frame::Chunk { transfer, data } => Said::Chunk { transfer, data: data.to_vec() },
            Frame::Message(message) => match serde_json::from_slice(&message) {
                Ok(Value::Object(mut message)) => {
                    message.remove("jsonrpc");
                    Said::Message(Value::Object(message))
                }
                _ => Said::Noise(message.to_vec()),
            },
        };
        if is_meant(&said) {
            stage.hear(connection, Some(said));
        }
    }
    stage.hear(connection, None);
}

async fn speak(mut to: WriteHalf<DuplexStream>, mut words: mpsc::Receiver<Bytes>) {
    while let Some(frame) = words.recv().await {
        if to.write_all(&frame).await.is_err() {
            return;
        }
    }
    // Whoever has left needs no farewell.
    let _ = to.shutdown().await;
}
