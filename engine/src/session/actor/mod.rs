//! The task of one session.
//!
//! It waits for whatever comes next — an execution, a question, a message of the session, something told by control, a deadline — and never
//! for anything in particular: nothing that it does can block, so that an interrupt always gets through.
//!
//! ```text
//!   loop { pump: merge ─▶ ring, begin the next, finish what ended   (no await)
//!          wait: one of the above }
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | `hear` | takes messages in, and delivers what they bring |
//! | `adopt` | takes a session up that an earlier host left |
//! | `begin` | sets things going: processes, executions, the steps of the ladder |
//! | `death` | how a process ended |
//! | `end` | tells how executions ended |
//! | `clock` | what time brings |
//! | `portable` | blobs that come and pieces that go |
//! | `recall` | takes the session back to its newest checkpoint, after a death |
//! | `undo` | takes the session back: to before an execution, or to a live checkpoint |

mod adopt;
mod begin;
mod clock;
mod death;
mod end;
mod hear;
mod portable;
mod recall;
mod undo;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{
    CheckpointId, CrashCause, Error, ExecutionId, InputReply, InputToken, SandboxId, SessionSpec,
    SessionState,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use self::death::Death;
use self::recall::Recovery;
pub(crate) use self::recall::{Found, Recall, Sought, passed_over};
use super::alarm::Alarm;
use super::background::Background;
use super::decode::Decoder;
use super::job::{Afterword, Job, RunningJob};
use super::link::{Connecting, Link, LinkEvent, connected};
use super::machine::{Input, State, step};
use super::merge::Merge;
use super::port::Port;
use super::state::PendingTransaction;
use crate::connection::Connection;
use crate::sandbox::{Dial, Order, Told};
use crate::wire::messages::{Display, Executed};
use crate::wire::{Id, RpcError, WireError};

/// An execution that lasts longer has its output forwarded.
const WATCH_AFTER: Duration = Duration::from_millis(10);
/// How long a killed process may take to be told dead.
const KILL_WAIT: Duration = Duration::from_secs(10);
/// How long a connection may go on after its process was told dead.
const DRAIN_WAIT: Duration = Duration::from_secs(2);
/// How long a process may live on after its connection ended.
const ENDED_WAIT: Duration = Duration::from_millis(300);
/// How long raw output may take that a message of the session waits for: it had left the session before the message was sent. Counted twice,
/// so that a host that stood still itself has had the time to look.
const RAW_WAIT: Duration = Duration::from_secs(5);

/// What callers ask of the actor, besides executions.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Answer a question; whether anybody waited for it.
    Answer { token: InputToken, reply: InputReply, done: oneshot::Sender<bool> },
    /// Close the session; answered when nothing is left of it.
    Close { done: oneshot::Sender<()> },
}

/// What the session connection carries besides text.
#[derive(Debug)]
enum FromSession {
    Display(Display),
    Question { id: Id, token: InputToken, prompt: String, password: bool, at: u64, raw: [u64; 2] },
    Answer(Result<Box<Executed>, RpcError>),
}

/// What an actor is made of.
pub(crate) struct Parts {
    pub(crate) sandbox: SandboxId,
    pub(crate) spec: SessionSpec,
    pub(crate) port: Arc<Port>,
    pub(crate) jobs: mpsc::Receiver<Job>,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) inbox: mpsc::Receiver<Told>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) dial: Arc<dyn Dial>,
    /// Why the sandbox is gone, once it is.
    pub(crate) lost: watch::Receiver<Option<String>>,
    /// Told when the session takes code, or why it never will.
    pub(crate) opened: oneshot::Sender<Result<(), Error>>,
    /// Finds the checkpoints that it may go back to.
    pub(crate) recall: Arc<dyn Recall>,
    /// The live checkpoint that it begins with, and the highest number that an execution of that had.
    pub(crate) branch: Option<(CheckpointId, u64)>,
    /// Whether the sandbox may outlive this host, and has to know what only the host knows.
    pub(crate) lingers: bool,
    /// Whether an earlier host left it.
    pub(crate) is_adopted: bool,
}

/// The task's state.
pub(crate) struct Actor {
    parts: Parts,
    /// Taken when it was used.
    opened: Option<oneshot::Sender<Result<(), Error>>>,
    state: State,
    link: Link,
    merge: Merge<FromSession>,
    decoders: [Decoder; 2],
    queue: VecDeque<Job>,
    running: Option<RunningJob>,
    /// The number of the newest execution in this process.
    number: u64,
    /// Counts the processes, so that no question of an old one can be answered in a new one.
    process: u64,
    background: Background,
    death: Option<Death>,
    /// A death that was told while a connection was being made: that of the process at its other end, which may yet have answered.
    early_death: Option<Death>,
    /// The process that the session is, or was until now.
    pid: Option<u32>,
    /// What ended the process last, for those who come too late.
    cause: Option<CrashCause>,
    /// What the next execution's outcome has to warn of.
    losses: Vec<String>,
    orders: VecDeque<Order>,
    credit: u64,
    closers: Vec<oneshot::Sender<()>>,
    alarm: Alarm,
    /// When the grace, or the wait for a killed process, is over.
    ladder: Option<Instant>,
    /// When a connection or a process that outlived the other is given up.
    parting: Option<Instant>,
    /// When raw output that a message waits for is given up, and whether that was put off once.
    awaited: Option<(Instant, bool)>,
    /// The transaction that waits for its commit or rollback.
    pending: Option<PendingTransaction>,
    /// What became of the last transaction that waited, for those who come too late.
    settled: Option<(ExecutionId, String)>,
    /// How many child processes a rollback ended, where that was told before the answer came.
    woken: Option<u64>,
    /// The connection to a copy that is to take the session's place.
    swap: Option<Connecting>,
    /// How often a connection was tried to what follows a dead process.
    attempts: u32,
    /// The way back to a checkpoint, after a death.
    recovery: Option<Recovery>,
    /// Of what was answered, and whose callers have yet to put down what came of it.
    afterwords: Vec<Afterword>,
    /// Whether it is not known yet where the session is: nothing that is told of it can be delivered.
    is_adopting: bool,
}

impl Actor {
    pub(crate) fn new(mut parts: Parts) -> Self {
        let (unused, _) = oneshot::channel();
        let opened = Some(std::mem::replace(&mut parts.opened, unused));
        let mut actor = Self {
            parts,
            opened,
            state: State::Starting,
            link: Link::Over,
            merge: Merge::default(),
            decoders: [Decoder::default(), Decoder::default()],
            queue: VecDeque::new(),
            running: None,
            number: 0,
            process: 0,
            background: Background::default(),
            death: None,
            early_death: None,
            pid: None,
            cause: None,
            losses: Vec::new(),
            orders: VecDeque::new(),
            credit: 0,
            closers: Vec::new(),
            alarm: Alarm::default(),
            ladder: None,
            parting: None,
            awaited: None,
            pending: None,
            settled: None,
            woken: None,
            swap: None,
            attempts: 0,
            recovery: None,
            afterwords: Vec::new(),
            is_adopting: false,
        };
        actor.is_adopting = actor.parts.is_adopted;
        actor.number = actor.parts.branch.map_or(0, |(_, number)| number);
        actor.connect();
        actor
    }

    /// Runs until the session is closed or its sandbox is gone.
    pub(crate) async fn run(mut self) {
        let (port, orders) = (Arc::clone(&self.parts.port), self.parts.orders.clone());
        while !matches!(self.state, State::Closed | State::Broken) {
            self.pump();
            self.alarm.set(self.due());
            let (may_read, may_supply, is_supplying) =
                (self.may_read(), self.may_supply(), self.is_supplying());
            // The session's own messages come last: a flood of them must not keep anything else from being heard.
            tokio::select! {
                biased;
                () = self.alarm.ring() => self.on_alarm(Instant::now()),
                Some(job) = self.parts.jobs.recv() => self.queue.push_back(job),
                ask = self.parts.asks.recv() => match ask {
                    Some(ask) => self.on_ask(ask),
                    None => self.apply(Input::Close),
                },
                permit = orders.reserve(), if !self.orders.is_empty() => {
                    if let (Ok(permit), Some(order)) = (permit, self.orders.pop_front()) {
                        permit.send(order);
                    } else {
                        // Control is gone; the inbox tells of it.
                        self.orders.clear();
                    }
                }
                // What is told of an adopted session makes sense only once it is known where it is.
                told = self.parts.inbox.recv(), if !self.is_adopting => self.on_told(told),
                () = port.attention().notified() => {}
                recalled = recall::recalled(&mut self.recovery) => self.on_recalled(recalled),
                swapped = connected(&mut self.swap) => self.on_swapped(swapped),
                piece = portable::next_piece(&mut self.running), if may_supply => self.supply(piece),
                event = self.link.next(may_read, is_supplying) => self.on_link(event),
            }
        }
        self.leave().await;
    }

    /// Everything that can be done now.
    fn pump(&mut self) {
        loop {
            if self.is_adopting {
                return;
            }
            self.deliver();
            self.drop_unwanted();
            self.stop_supplying();
            if self.is_parted() && self.merge.is_empty() && self.swap.is_none() {
                self.bury();
            } else if !(self.state == State::Idle
                && self.link.is_up()
                && self.death.is_none()
                && self.begin())
            {
                return;
            }
        }
    }

    /// Whether the process is dead and its connection read to the end.
    fn is_parted(&self) -> bool {
        self.death.is_some() && self.link.is_over()
    }

    /// Whether the host has room for what the session says.
    fn may_read(&self) -> bool {
        // More than the credit, so that text on which raw output waits can always be read.
        const WAITING: usize = 3 << 20;
        self.merge.waiting().session < WAITING && self.has_room() && self.has_room_for_blobs()
    }

    /// Whether what runs can be stopped: a copy that is taking the session's place is left to.
    fn may_stop(&self) -> bool {
        self.state == State::Running && self.swap.is_none()
    }

    fn has_room(&self) -> bool {
        self.running.as_ref().is_none_or(|running| running.job.ring.has_room())
    }

    /// The next moment at which time matters.
    fn due(&self) -> Option<Instant> {
        let running = self.running.as_ref();
        let deadline = running.filter(|_| self.may_stop()).and_then(|running| running.job.deadline);
        let watch = running.filter(|running| !running.watched).map(|running| running.sent + WATCH_AFTER);
        let queued = self.queue.iter().filter_map(|job| job.deadline).min();
        let awaited = self.awaited.map(|(due, _)| due);
        [deadline, watch, queued, self.ladder, self.parting, awaited].into_iter().flatten().min()
    }

    /// Takes a step of the state machine, and does what it says.
    fn apply(&mut self, input: Input) {
        let (state, effects) = step(self.state, input);
        if state != self.state {
            tracing::trace!(session = %self.parts.port.id(), from = ?self.state, to = ?state, ?input, "step");
            self.state = state;
            self.tell_state();
        }
        for effect in effects.into_iter().flatten() {
            self.perform(effect);
        }
    }

    /// Has everybody know what the session is doing.
    fn tell_state(&self) {
        let (state, pending) = (told_state(self.state), self.pending.map(|pending| pending.execution));
        let running = self.running.as_ref().filter(|running| running.job.is_code());
        let execution = running.map(|running| running.job.ring.execution());
        self.parts.port.note(|info| {
            info.last_execution = execution.or(info.last_execution);
            info.state = match (state, pending) {
                (SessionState::Idle, Some(_)) => SessionState::PendingTransaction,
                (state, _) => state,
            };
            info.pending = pending;
        });
    }

    /// The actor's end: everything of the session is closed, and those who wait for that are told.
    async fn leave(mut self) {
        // Nobody hears any more what is told of it: control must not wait for room here, or it would wait for the order below.
        self.parts.inbox.close();
        if self.state == State::Closed {
            self.link = Link::Over;
            let (done, closed) = oneshot::channel();
            let order = Order::Close { session: self.parts.port.id(), done };
            if self.parts.orders.send(order).await.is_ok()
                && tokio::time::timeout(KILL_WAIT, closed).await.is_err()
            {
                self.parts.dial.give_up("a session could not be closed");
            }
        }
        self.parts.asks.close();
        while let Some(ask) = self.parts.asks.recv().await {
            match ask {
                Ask::Answer { done, .. } => drop(done.send(false)),
                Ask::Close { done } => self.closers.push(done),
            }
        }
        for closer in self.closers {
            // Who does not wait any more need not be told.
            let _ = closer.send(());
        }
    }

    fn on_ask(&mut self, ask: Ask) {
        match ask {
            Ask::Answer { token, reply, done } => {
                let taken = self.answer(&token, reply);
                // Who does not wait any more need not be told.
                let _ = done.send(taken);
            }
            Ask::Close { done } => {
                self.closers.push(done);
                self.apply(Input::Close);
            }
        }
    }

    fn on_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Message(message) => self.hear(&message),
            LinkEvent::Connected(connection) => {
                let Connection { inbound, outbound, welcome } = *connection;
                self.link = Link::Up(Box::new((inbound, outbound)));
                self.parts.port.note(|info| info.python = welcome.python);
                self.came_up(welcome.restored.as_ref());
                if self.is_adopting {
                    self.adopt(welcome.adopted.unwrap_or_default());
                }
                self.is_process(welcome.pid);
                self.tell_opened(Ok(()));
            }
            LinkEvent::Flushed => {}
            LinkEvent::Refused(error) => self.refused(error),
            // A process that dies with something unread resets its connection.
            LinkEvent::Over(None | Some(WireError::Stream(_) | WireError::Torn { .. })) => self.parted(),
            LinkEvent::Over(Some(error)) => self.violated(&error),
        }
    }

    /// Tells whoever opened the session. Who does not wait any more gave the session up.
    fn tell_opened(&mut self, result: Result<(), Error>) {
        if let Some(opened) = self.opened.take()
            && opened.send(result).is_err()
        {
            self.apply(Input::Close);
        }
    }
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Actor")
            .field("session", &self.parts.port.id())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// The machine's state, as the contract tells it.
fn told_state(state: State) -> SessionState {
    match state {
        State::Starting | State::Restoring(_) => SessionState::Starting,
        State::Idle => SessionState::Idle,
        State::Running | State::Stopping(_) | State::Killing(_) => SessionState::Running,
        State::Crashed => SessionState::Crashed,
        State::Closed | State::Broken => SessionState::Closed,
    }
}
