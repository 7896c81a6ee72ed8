//! A session's process: it reads a request, plays what the script says, and answers.
//!
//! ```text
//!  request ──▶ execute   the script's steps (play), its ending (answer)
//!          ├─▶ freeze    a live checkpoint: a copy of the names, kept in the world
//!          └─▶ names     questions about names, from what the script has bound
//!  control ──▶ Door      interrupt: seen while a step waits · kill, close: the whole is dropped where it stands
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `execute` | one execution, from its rule to its answer |
//! | `play` | steps, and what an interrupt does to them |
//! | `output` | the two roads: text that is buffered, forwarded and sent; raw output |
//! | `namespace` | names and what they are bound to |
//! | `freeze` | live checkpoints |
//! | `names` | questions about them |

mod execute;
mod freeze;
mod names;
mod namespace;
mod output;
mod play;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hibernaculum_engine::wire::messages::{Cause, Died, Executed, SessionCall, SessionOptions, State};
use hibernaculum_engine::wire::text::CarriesText;
use hibernaculum_engine::wire::{Frame, Id, Incoming, RpcError, Splitter, Transfers, WireError, rpc};
use tokio::sync::{mpsc, watch};

pub(crate) use self::namespace::Namespace;
use self::output::Roads;
use super::credit::Credit;
use super::greeting::Wire;
use super::world::{Door, Order, ToControl, World};

/// What a host may send in transfers that no message has named yet: as the Python runner.
const UNNAMED: usize = 256 << 20;

/// One process of a session.
pub(super) struct Process {
    world: Arc<World>,
    session: String,
    pid: u32,
    wire: Wire,
    transfers: Transfers,
    splitter: Splitter,
    interrupt: watch::Receiver<u64>,
    watched: watch::Receiver<u64>,
    running: watch::Sender<u64>,
    credit: Arc<Credit>,
    options: SessionOptions,
    roads: Roads,
    namespace: Namespace,
    /// Executions that history has taken note of.
    count: u64,
    /// Questions asked.
    questions: u64,
}

/// Why a process serves no more.
#[derive(Debug)]
enum End {
    /// The host closed the connection, or the session.
    Closed,
    /// It died.
    Died(Cause),
    /// Its successor is there.
    Replaced,
}

/// Serves a session's connection until its process, which was welcomed as that, ends.
pub(super) async fn serve(
    wire: Wire,
    session: String,
    pid: u32,
    options: SessionOptions,
    world: &Arc<World>,
) {
    let (interrupt, interrupted) = watch::channel(0);
    let (watched, watching) = watch::channel(0);
    let (running, _) = watch::channel(0);
    let (ending, mut endings) = mpsc::channel(4);
    let credit = Arc::new(Credit::new());
    let door =
        Door { pid, interrupt, watched, ending, credit: Arc::clone(&credit), running: running.clone() };
    let before = world.session_began(&session, door);
    if let Some(before) = before {
        // It may have ended by itself just now.
        let _ = before.ending.send(Order::Replace).await;
    }
    let frozen = options.branch.as_deref().and_then(|checkpoint| world.checkpoint(checkpoint));
    let (namespace, count) = frozen.map(|frozen| (frozen.namespace, frozen.count)).unwrap_or_default();
    let mut process = Process {
        world: Arc::clone(world),
        session,
        pid,
        wire,
        transfers: Transfers::new(UNNAMED),
        splitter: Splitter::default(),
        interrupt: interrupted,
        watched: watching,
        running,
        credit,
        options,
        roads: Roads::default(),
        namespace,
        count,
        questions: 0,
    };
    let end = tokio::select! {
        biased;
        order = endings.recv() => match order {
            Some(Order::Kill(reason)) => {
                End::Died(Cause::Signal { signal: 9, name: "SIGKILL".to_owned(), by: Some(reason) })
            }
            Some(Order::Replace) => End::Replaced,
            Some(Order::Close) | None => End::Closed,
        },
        end = process.run() => end,
    };
    process.end(end).await;
    // Whoever ordered the end waits for this.
    drop(endings);
}

impl Process {
    /// Answers requests until the connection ends or the process dies.
    async fn run(&mut self) -> End {
        loop {
            let Ok(Some(message)) = self.next_message().await else { return End::Closed };
            match self.request(&message).await {
                Ok(None) => {}
                Ok(Some(cause)) => return End::Died(cause),
                Err(_) => return End::Closed,
            }
        }
    }

    async fn next_message(&mut self) -> Result<Option<Bytes>, WireError> {
        while let Some(frame) = self.wire.next().await {
            match frame? {
                Frame::Message(message) => return Ok(Some(message)),
                Frame::Chunk { transfer, data } => self.transfers.chunk(transfer, &data)?,
            }
        }
        Ok(None)
    }

    /// One request. `Some`: the process dies of it.
    async fn request(&mut self, message: &Bytes) -> Result<Option<Cause>, WireError> {
        // An answer that nobody waits for is ignored, and so is everything else that is no request.
        let Incoming::Request { id, method, params } = rpc::parse(message)? else { return Ok(None) };
        let mut call = SessionCall::parse(&method, params)?;
        self.transfers.resolve(&mut call)?;
        match call {
            SessionCall::Execute(execute) => return self.execute(&id, execute).await,
            SessionCall::CheckpointFreeze(freeze) => self.freeze(&id, &freeze).await?,
            question if is_about_names(&question) => self.names(&id, question).await?,
            // What this runner does not know, whether or not this version of the protocol does.
            other => {
                let refusal = RpcError::unknown_method(&other.method());
                self.wire.send(rpc::failure(Some(&id), &refusal)?).await?;
            }
        }
        Ok(None)
    }

    /// Answers a request with what it came to.
    async fn answer(&mut self, id: &Id, mut executed: Executed) -> Result<(), WireError> {
        self.running.send_replace(executed.execution + 1);
        self.send_texts(&mut executed).await?;
        self.wire.send(rpc::response(id, &executed)?).await
    }

    /// Sends the long strings of a message ahead of it.
    async fn send_texts(&mut self, message: &mut impl CarriesText) -> Result<(), WireError> {
        for chunk in self.splitter.split(message) {
            self.wire.feed(chunk).await?;
        }
        Ok(())
    }

    /// The process is over: what it printed and did not send is salvaged, and its death told, unless its session was closed.
    async fn end(&mut self, end: End) {
        let (session, execution) = (self.session.clone(), self.execution());
        match end {
            End::Closed => self.world.process_ended(&session, self.pid, true),
            End::Replaced => self.world.process_ended(&session, self.pid, false),
            End::Died(cause) => {
                self.world.process_ended(&session, self.pid, false);
                self.salvage().await;
                let (raw, text_pos, pid) = (self.roads.raw(), self.roads.text(), self.pid);
                let died = Died { session, execution, cause, state: State::Lost, raw, text_pos, pid };
                self.world.tell(ToControl::Died(died)).await;
            }
        }
    }

    /// The number of the execution that runs; 0: none.
    fn execution(&self) -> u64 {
        self.roads.execution
    }
}

fn is_about_names(call: &SessionCall) -> bool {
    call.method().starts_with("namespace.")
}
