//! What the connections of one scripted sandbox share.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hibernaculum_engine::Boot;
use hibernaculum_engine::wire::messages::{Died, ForwardedText, LiveCheckpoint, RawOutput};
use hibernaculum_engine::wire::{Secret, messages::SessionStats};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::credit::Credit;
use super::files::Tree;
use super::process::Namespace;
use crate::script::Ledger;

/// How many messages may wait for the control connection.
const QUEUE: usize = 64;

/// What the connections of one sandbox share. Each lock is held for a few instructions, and never across an await.
#[derive(Debug)]
pub(crate) struct World {
    pub(super) sandbox: String,
    pub(super) secret: Secret,
    pub(super) python: String,
    pub(super) ledger: Arc<Ledger>,
    tree: Mutex<Tree>,
    frozen: Mutex<BTreeMap<String, Frozen>>,
    sessions: Mutex<HashMap<String, Door>>,
    /// Names that were signalled.
    signals: watch::Sender<BTreeSet<String>>,
    to_control: mpsc::Sender<ToControl>,
    /// Taken by the one control connection.
    from_sessions: Mutex<Option<mpsc::Receiver<ToControl>>>,
    pids: AtomicU32,
    began: Instant,
    epoch_ms: u64,
}

/// What sessions have told on the control connection.
#[derive(Debug)]
pub(crate) enum ToControl {
    /// Raw output. Its transfer is numbered when it is sent.
    Raw(RawOutput, Bytes),
    /// Text that was printed and not sent.
    Text(ForwardedText),
    /// A process is dead.
    Died(Died),
}

/// The way to a session's process for everybody else.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(super) pid: u32,
    /// The number of the execution that is to be interrupted, as a page shared by both would have it.
    pub(super) interrupt: watch::Sender<u64>,
    /// The execution whose text is to be forwarded.
    pub(super) watched: watch::Sender<u64>,
    pub(super) ending: mpsc::Sender<Order>,
    pub(super) credit: Arc<Credit>,
    /// The execution that runs; 0: none. A later one than an interrupt is meant for is left alone.
    pub(super) running: watch::Sender<u64>,
}

/// How a process is to end.
#[derive(Debug)]
pub(crate) enum Order {
    /// By SIGKILL; its death is told.
    Kill(String),
    /// With its session; nothing is told.
    Close,
    /// By its successor, who has the session now; nothing is told.
    Replace,
}

/// A live checkpoint: what a session had when it was made.
#[derive(Debug, Clone)]
pub(crate) struct Frozen {
    pub(super) session: String,
    pub(super) pid: u32,
    pub(super) namespace: Namespace,
    pub(super) count: u64,
}

impl World {
    pub(super) fn new(boot: &Boot, python: &str, ledger: Arc<Ledger>) -> Self {
        let (to_control, from_sessions) = mpsc::channel(QUEUE);
        let sandbox = boot.sandbox.to_string();
        ledger.sandbox_began(&sandbox);
        Self {
            sandbox,
            secret: boot.secret.clone(),
            python: python.to_owned(),
            ledger,
            tree: Mutex::default(),
            frozen: Mutex::default(),
            sessions: Mutex::default(),
            signals: watch::Sender::new(BTreeSet::new()),
            to_control,
            from_sessions: Mutex::new(Some(from_sessions)),
            pids: AtomicU32::new(2),
            began: Instant::now(),
            epoch_ms: u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default(),
        }
    }

    /// Now, in milliseconds since the epoch: by tokio's clock, which tests pause.
    pub(super) fn now_ms(&self) -> u64 {
        self.epoch_ms + u64::try_from(self.began.elapsed().as_millis()).unwrap_or_default()
    }

    pub(super) fn uptime_ms(&self) -> u64 {
        self.now_ms() - self.epoch_ms
    }

    pub(super) fn new_pid(&self) -> u32 {
        self.pids.fetch_add(1, Ordering::Relaxed)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Door>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue of the control connection; `None` where there is one already.
    pub(super) fn take_control(&self) -> Option<mpsc::Receiver<ToControl>> {
        self.from_sessions.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells the host something over control. Where that is gone, so is the sandbox.
    pub(super) async fn tell(&self, message: ToControl) {
        let _ = self.to_control.send(message).await;
    }

    pub(super) fn door(&self, session: &str) -> Option<Door> {
        self.sessions().get(session).cloned()
    }

    pub(super) fn has_session(&self, session: &str) -> bool {
        self.sessions().contains_key(session)
    }

    /// A process has begun; the door of the one that it takes the place of.
    pub(super) fn session_began(&self, session: &str, door: Door) -> Option<Door> {
        let before = self.sessions().insert(session.to_owned(), door);
        self.ledger.session_began(&self.sandbox, session);
        before
    }

    fn frozen(&self) -> MutexGuard<'_, BTreeMap<String, Frozen>> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a live checkpoint.
    pub(super) fn freeze(&self, checkpoint: &str, frozen: Frozen) {
        self.frozen().insert(checkpoint.to_owned(), frozen);
    }

    pub(super) fn has_checkpoint(&self, checkpoint: &str) -> bool {
        self.frozen().contains_key(checkpoint)
    }

    pub(super) fn checkpoint(&self, checkpoint: &str) -> Option<Frozen> {
        self.frozen().get(checkpoint).cloned()
    }

    /// Whether it was there.
    pub(super) fn drop_checkpoint(&self, checkpoint: &str) -> bool {
        self.frozen().remove(checkpoint).is_some()
    }

    pub(super) fn checkpoints(&self) -> BTreeMap<String, LiveCheckpoint> {
        let told = |(id, frozen): (&String, &Frozen)| {
            let Frozen { session, pid, .. } = frozen;
            (id.clone(), LiveCheckpoint { pid: *pid, session: session.clone(), memory_bytes: 0 })
        };
        self.frozen().iter().map(told).collect()
    }

    /// The process is gone. `for_good`: and so is the session.
    pub(super) fn process_ended(&self, session: &str, pid: u32, for_good: bool) {
        let mut sessions = self.sessions();
        if sessions.get(session).is_some_and(|door| door.pid == pid) {
            sessions.remove(session);
        }
        drop(sessions);
        if for_good {
            self.ledger.session_ended(&self.sandbox, session);
        }
    }

    pub(super) fn stats(&self) -> BTreeMap<String, SessionStats> {
        let told = |(id, door): (&String, &Door)| {
            let stats = SessionStats {
                pid: door.pid,
                memory_bytes: 0,
                processes: 1,
                execution: *door.running.borrow(),
            };
            (id.clone(), stats)
        };
        self.sessions().iter().map(told).collect()
    }

    /// Lets those go on who wait for this name.
    pub(super) fn signal(&self, name: &str) {
        self.signals.send_if_modified(|signalled| signalled.insert(name.to_owned()));
    }

    /// Waits until the name was signalled.
    pub(super) async fn signalled(&self, name: &str) {
        let mut signals = self.signals.subscribe();
        // It cannot fail while this world, which sends, is there.
        let _ = signals.wait_for(|signalled| signalled.contains(name)).await;
    }

    /// Everything is over.
    pub(super) fn end(&self) {
        self.sessions().clear();
        self.frozen().clear();
        self.ledger.sandbox_ended(&self.sandbox);
    }
}
