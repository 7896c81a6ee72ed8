//! The control connection of a sandbox: orders out; raw output, forwarded text and deaths in.
//!
//! ```text
//!   actors ──Order──▶ ┌─────────┐ ──frames──▶ supervisor
//!   actors ◀──Told─── │ Control │ ◀──frames──
//!                     └─────────┘ ──lost────▶ engine, once, when the connection ends
//! ```
//!
//! Each session's share of what comes is bounded by its credit, and an actor always takes what it is told, so that no session can make
//! another wait here.

use std::collections::HashMap;

use hibernaculum_core::{CheckpointId, OutputStream, SessionId};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::connection::{Connection, Inbound, Outbound};
use crate::session::{RawPiece, TextPiece, memo};
use crate::wire::messages::{
    Adopt, Call as _, Census, CheckpointDrop, CheckpointList, Checkpoints, Close, Credit, Died, Interrupt,
    Kill, RawOutput, Remember, Shutdown, Stream, SupervisorNotice, Watch,
};
use crate::wire::{Frame, Incoming, Pending, WireError, rpc};

/// What an actor, or the engine, wants done.
#[derive(Debug)]
pub(crate) enum Order {
    /// From now on, tell this session's actor; and have the sandbox keep what another host would have to know of it.
    Enlist { session: SessionId, inbox: mpsc::Sender<Told>, memo: Option<Value> },
    /// Have the sandbox keep something for another host.
    Remember { name: String, memo: Value },
    /// SIGINT, for this execution of that process only.
    Interrupt { session: SessionId, execution: u64, pid: Option<u32> },
    /// SIGKILL, for that process only, and for an execution that is heard no more.
    Kill { session: SessionId, reason: &'static str, pid: Option<u32>, execution: Option<u64> },
    /// End the session with all its processes, and say when it is done. Its actor is told no more.
    Close { session: SessionId, done: oneshot::Sender<()> },
    /// Forward what this execution prints and does not send.
    Watch { session: SessionId, execution: u64 },
    /// So many bytes were taken.
    Credit { session: SessionId, bytes: u64 },
    /// End a live checkpoint.
    Drop { checkpoint: CheckpointId },
    /// Tell which live checkpoints are there, and what they take.
    Measure { done: oneshot::Sender<Checkpoints> },
    /// End everything.
    Shutdown { done: oneshot::Sender<()> },
    /// End the connection, and nothing else.
    Release,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It was let go.
    Released,
    /// The sandbox is gone, or must go.
    Lost(String),
}

/// Who waits for an answer.
#[derive(Debug)]
enum Waiter {
    /// Nobody.
    Nobody,
    /// Somebody who wants to know that it is done.
    Done(oneshot::Sender<()>),
    /// Somebody who wants to know what the live checkpoints take.
    Checkpoints(oneshot::Sender<Checkpoints>),
    /// Somebody who wants to know what an earlier host left.
    Census(oneshot::Sender<Census>),
}

/// What an actor is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// Raw output.
    Raw(RawPiece),
    /// Text that the session has not sent.
    Text(TextPiece),
    /// The session's process is dead.
    Died(Died),
    /// So is everything in the sandbox, for this reason; but the sandbox comes back.
    Stopped(String),
    /// The session's guard goes on with its connection, as that process. `ended`: how many child processes are no more.
    Restored { pid: u32, ended: u64 },
}

/// The task that owns the connection.
#[derive(Debug)]
pub(crate) struct Control {
    inbound: Inbound,
    outbound: Outbound,
    pub(super) orders: mpsc::Receiver<Order>,
    /// By the session's id as the wire writes it.
    actors: HashMap<String, mpsc::Sender<Told>>,
    pending: Pending<Waiter>,
    /// What the sandbox keeps for another host.
    memos: HashMap<String, Value>,
    /// Whether it was told to end.
    is_ending: bool,
}

impl Control {
    pub(crate) fn new(connection: Connection, orders: mpsc::Receiver<Order>) -> Self {
        let Connection { inbound, outbound, .. } = connection;
        let (actors, memos) = (HashMap::new(), HashMap::new());
        Self { inbound, outbound, orders, actors, pending: Pending::new(), memos, is_ending: false }
    }

    /// What an earlier host left: the first that is asked, before any order comes.
    pub(crate) async fn census(&mut self) -> Census {
        let (done, told) = oneshot::channel();
        let id = self.pending.insert(Waiter::Census(done));
        if rpc::request(id, &Adopt {}).and_then(|frame| self.push(frame)).is_err() {
            return Census::default();
        }
        tokio::select! {
            biased;
            census = told => census.unwrap_or_default(),
            _ = self.serve() => Census::default(),
        }
    }

    /// Goes on over a connection to another supervisor, which is told what that of before had been told to keep.
    pub(super) fn go_on(&mut self, connection: Connection) {
        let Connection { inbound, outbound, .. } = connection;
        (self.inbound, self.outbound, self.pending) = (inbound, outbound, Pending::new());
        // Live checkpoints ended with the supervisor that had them.
        self.memos.retain(|name, _| name == memo::SANDBOX || self.actors.contains_key(name));
        for (name, memo) in self.memos.clone() {
            let memo = rpc::notification(&Remember { name, memo }).and_then(|frame| self.push(frame));
            if let Err(error) = memo {
                tracing::debug!(%error, "a memo could not be told again");
            }
        }
    }

    /// Whether anybody wants the sandbox to go on.
    pub(super) fn is_needed(&self) -> bool {
        !(self.is_ending || self.orders.is_closed())
    }

    /// Tells the actors of all sessions.
    pub(super) async fn tell_all(&mut self, told: impl Fn() -> Told) {
        for actor in self.actors.values() {
            // One that is gone has closed its session.
            let _ = actor.send(told()).await;
        }
    }

    /// Runs until the connection ends, or everybody who could give orders is gone.
    pub(super) async fn serve(&mut self) -> End {
        loop {
            // Messages come last: a flood of them must not keep an interrupt from being sent.
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(Order::Release) => {
                        // What it was told before is to arrive.
                        let _ = self.outbound.flush().await;
                        return End::Released;
                    }
                    Some(order) => if let Err(error) = self.obey(order) {
                        return End::Lost(format!("an order could not be written: {error}"));
                    },
                    None => return End::Lost("nobody uses it any more".to_owned()),
                },
                sent = self.outbound.flush(), if !self.outbound.is_empty() => if let Err(error) = sent {
                    return End::Lost(format!("the connection to its supervisor broke: {error}"));
                },
                message = self.inbound.message() => match message {
                    Ok(Some(message)) => {
                        if let Err(error) = self.hear(&message).await {
                            return End::Lost(format!("its supervisor broke the protocol: {error}"));
                        }
                    }
                    Ok(None) => return End::Lost("its supervisor ended".to_owned()),
                    Err(error) => return End::Lost(format!("the connection to its supervisor broke: {error}")),
                },
            }
        }
    }

    fn obey(&mut self, order: Order) -> Result<(), WireError> {
        let frame = match order {
            Order::Enlist { session, inbox, memo } => {
                let name = session.to_string();
                self.actors.insert(name.clone(), inbox);
                let Some(memo) = memo else { return Ok(()) };
                self.memos.insert(name.clone(), memo.clone());
                rpc::notification(&Remember { name, memo })
            }
            Order::Remember { name, memo } => {
                self.memos.insert(name.clone(), memo.clone());
                rpc::notification(&Remember { name, memo })
            }
            Order::Release => return Ok(()),
            Order::Interrupt { session, execution, pid } => {
                rpc::notification(&Interrupt { session: session.to_string(), execution, pid })
            }
            Order::Kill { session, reason, pid, execution } => {
                let id = self.pending.insert(Waiter::Nobody);
                let (session, reason) = (session.to_string(), reason.to_owned());
                rpc::request(id, &Kill { session, reason, pid, execution })
            }
            Order::Close { session, done } => {
                let session = session.to_string();
                self.forget(&session);
                let id = self.pending.insert(Waiter::Done(done));
                rpc::request(id, &Close { session })
            }
            Order::Shutdown { done } => {
                self.is_ending = true;
                let id = self.pending.insert(Waiter::Done(done));
                rpc::request(id, &Shutdown {})
            }
            Order::Drop { checkpoint } => {
                self.memos.remove(&checkpoint.to_string());
                let id = self.pending.insert(Waiter::Nobody);
                rpc::request(id, &CheckpointDrop { checkpoint: checkpoint.to_string() })
            }
            Order::Measure { done } => {
                let id = self.pending.insert(Waiter::Checkpoints(done));
                rpc::request(id, &CheckpointList {})
            }
            Order::Watch { session, execution } => {
                rpc::notification(&Watch { session: session.to_string(), execution })
            }
            Order::Credit { session, bytes } => {
                rpc::notification(&Credit { session: session.to_string(), bytes })
            }
        }?;
        self.push(frame)
    }

    /// The same while there is no supervisor: nothing runs, so most of it is done already. How the sandbox ended, where the order ends it.
    pub(super) fn obey_without(&mut self, order: Order) -> Result<(), End> {
        // Who does not wait any more need not be told.
        match order {
            Order::Enlist { session, inbox, memo } => {
                self.memos.extend(memo.map(|memo| (session.to_string(), memo)));
                self.actors.insert(session.to_string(), inbox);
            }
            Order::Remember { name, memo } => drop(self.memos.insert(name, memo)),
            Order::Close { session, done } => {
                self.forget(&session.to_string());
                let _ = done.send(());
            }
            Order::Measure { done } => drop(done.send(Checkpoints::default())),
            Order::Shutdown { done } => {
                let _ = done.send(());
                return Err(End::Lost("it was ended".to_owned()));
            }
            Order::Release => return Err(End::Released),
            Order::Interrupt { .. }
            | Order::Kill { .. }
            | Order::Watch { .. }
            | Order::Credit { .. }
            | Order::Drop { .. } => {}
        }
        Ok(())
    }

    fn forget(&mut self, session: &str) {
        self.actors.remove(session);
        self.memos.remove(session);
    }

    fn push(&mut self, frame: Frame) -> Result<(), WireError> {
        self.outbound.push(frame)
    }

    /// Passes on what came. What is for a session that nobody here knows is dropped.
    async fn hear(&mut self, message: &[u8]) -> Result<(), WireError> {
        match rpc::parse(message)? {
            Incoming::Notification { method, params } => {
                let mut notice = SupervisorNotice::parse(&method, params)?;
                self.inbound.transfers.resolve(&mut notice)?;
                self.notice(notice).await
            }
            Incoming::Response { id, outcome } => {
                // An answer to nobody is a lie that does no harm; and who does not wait any more need not be told.
                match self.pending.take(&id) {
                    Ok(Waiter::Done(done)) => drop(done.send(())),
                    Ok(Waiter::Checkpoints(done)) => {
                        let told =
                            outcome.ok().and_then(|told| rpc::contents(CheckpointList::METHOD, told).ok());
                        drop(done.send(told.unwrap_or_default()));
                    }
                    Ok(Waiter::Census(done)) => {
                        let told = outcome.ok().and_then(|told| rpc::contents(Adopt::METHOD, told).ok());
                        let census: Census = told.unwrap_or_default();
                        self.memos.extend(census.memos.clone());
                        drop(done.send(census));
                    }
                    Ok(Waiter::Nobody) | Err(_) => {}
                }
                Ok(())
            }
            Incoming::Request { id, method, .. } => {
                let refusal = rpc::failure(Some(&id), &crate::wire::RpcError::unknown_method(&method))?;
                self.push(refusal)
            }
            Incoming::Complaint { .. } => Ok(()),
        }
    }

    async fn notice(&mut self, notice: SupervisorNotice) -> Result<(), WireError> {
        let (session, told) = match notice {
            SupervisorNotice::Output(output) => {
                let data = self.inbound.transfers.take(output.named())?;
                (output.session.clone(), Told::Raw(raw(&output, data)))
            }
            SupervisorNotice::Text(text) => {
                let at = timestamp(text.at);
                let stream = stream(text.stream);
                let (execution, pos, raw) = (text.execution, text.pos, text.raw);
                let piece = TextPiece { execution, stream, pos, raw, at, content: text.text.into_string()? };
                (text.session, Told::Text(piece))
            }
            SupervisorNotice::Died(died) => (died.session.clone(), Told::Died(died)),
            SupervisorNotice::Restored(restored) => {
                (restored.session, Told::Restored { pid: restored.pid, ended: restored.ended })
            }
            SupervisorNotice::Unknown { .. } => return Ok(()),
        };
        if let Some(actor) = self.actors.get(&session) {
            // An actor that is gone has closed its session: what is still told of it is for nobody.
            let _ = actor.send(told).await;
        }
        Ok(())
    }
}

fn raw(output: &RawOutput, data: Vec<u8>) -> RawPiece {
    RawPiece {
        execution: output.execution,
        stream: stream(output.stream),
        pos: output.pos,
        text_pos: output.text_pos,
        at: timestamp(output.at),
        data: data.into(),
    }
}

/// A stream of the wire as one of the contract.
pub(crate) fn stream(stream: Stream) -> OutputStream {
    match stream {
        Stream::Stdout => OutputStream::Stdout,
        Stream::Stderr => OutputStream::Stderr,
    }
}

/// Milliseconds since the epoch as a time; what is out of range becomes the nearest that is not.
pub(crate) fn timestamp(ms: u64) -> Timestamp {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX)
}
