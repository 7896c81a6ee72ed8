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

use hibernaculum_core::{OutputStream, SessionId};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::connection::{Connection, Inbound, Outbound};
use crate::session::{Raw, Text};
use crate::wire::messages::{
    Close, Credit, Died, Interrupt, Kill, RawOutput, Shutdown, Stream, SupervisorNotice, Watch,
};
use crate::wire::{Frame, Incoming, Pending, WireError, rpc};

/// What an actor, or the engine, wants done.
#[derive(Debug)]
pub(crate) enum Order {
    /// From now on, tell this session's actor.
    Enlist { session: SessionId, inbox: mpsc::Sender<Told> },
    /// SIGINT, for this execution only.
    Interrupt { session: SessionId, execution: u64 },
    /// SIGKILL.
    Kill { session: SessionId, reason: &'static str },
    /// End the session with all its processes, and say when it is done. Its actor is told no more.
    Close { session: SessionId, done: oneshot::Sender<()> },
    /// Forward what this execution prints and does not send.
    Watch { session: SessionId, execution: u64 },
    /// So many bytes were taken.
    Credit { session: SessionId, bytes: u64 },
    /// End everything.
    Shutdown { done: oneshot::Sender<()> },
}

/// What an actor is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// Raw output.
    Raw(Raw),
    /// Text that the session has not sent.
    Text(Text),
    /// The session's process is dead.
    Died(Died),
}

/// The task that owns the connection.
#[derive(Debug)]
pub(crate) struct Control {
    inbound: Inbound,
    outbound: Outbound,
    orders: mpsc::Receiver<Order>,
    /// By the session's id as the wire writes it.
    actors: HashMap<String, mpsc::Sender<Told>>,
    pending: Pending<Option<oneshot::Sender<()>>>,
}

impl Control {
    pub(crate) fn new(connection: Connection, orders: mpsc::Receiver<Order>) -> Self {
        let Connection { inbound, outbound, .. } = connection;
        Self { inbound, outbound, orders, actors: HashMap::new(), pending: Pending::new() }
    }

    /// Runs until the connection ends, or everybody who could give orders is gone. Says why, and tells it before the actors hear of it.
    pub(crate) async fn run(mut self, lost: &watch::Sender<Option<String>>) -> String {
        let why = self.serve().await;
        lost.send_replace(Some(why.clone()));
        why
    }

    async fn serve(&mut self) -> String {
        loop {
            // Messages come last: a flood of them must not keep an interrupt from being sent.
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => if let Err(error) = self.obey(order) {
                        return format!("an order could not be written: {error}");
                    },
                    None => return "nobody uses it any more".to_owned(),
                },
                sent = self.outbound.flush(), if !self.outbound.is_empty() => if let Err(error) = sent {
                    return format!("the connection to its supervisor broke: {error}");
                },
                message = self.inbound.message() => match message {
                    Ok(Some(message)) => {
                        if let Err(error) = self.hear(&message).await {
                            return format!("its supervisor broke the protocol: {error}");
                        }
                    }
                    Ok(None) => return "its supervisor ended".to_owned(),
                    Err(error) => return format!("the connection to its supervisor broke: {error}"),
                },
            }
        }
    }

    fn obey(&mut self, order: Order) -> Result<(), WireError> {
        let frame = match order {
            Order::Enlist { session, inbox } => {
                self.actors.insert(session.to_string(), inbox);
                return Ok(());
            }
            Order::Interrupt { session, execution } => {
                rpc::notification(&Interrupt { session: session.to_string(), execution })
            }
            Order::Kill { session, reason } => {
                let id = self.pending.insert(None);
                rpc::request(id, &Kill { session: session.to_string(), reason: reason.to_owned() })
            }
            Order::Close { session, done } => {
                let session = session.to_string();
                self.actors.remove(&session);
                let id = self.pending.insert(Some(done));
                rpc::request(id, &Close { session })
            }
            Order::Shutdown { done } => {
                let id = self.pending.insert(Some(done));
                rpc::request(id, &Shutdown {})
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
            Incoming::Response { id, .. } => {
                // An answer to nobody is a lie that does no harm.
                if let Ok(Some(done)) = self.pending.take(&id) {
                    let _ = done.send(());
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
                let text_piece = Text { execution, stream, pos, raw, at, content: text.text.into_string()? };
                (text.session, Told::Text(text_piece))
            }
            SupervisorNotice::Died(died) => (died.session.clone(), Told::Died(died)),
            SupervisorNotice::Unknown { .. } => return Ok(()),
        };
        if let Some(actor) = self.actors.get(&session) {
            // An actor that is gone has closed its session: what is still told of it is for nobody.
            let _ = actor.send(told).await;
        }
        Ok(())
    }
}

fn raw(output: &RawOutput, data: Vec<u8>) -> Raw {
    Raw {
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
