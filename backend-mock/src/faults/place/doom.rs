//! Faults of processes: which session is to die, of what, and which interrupts get lost.
//!
//! ```text
//!  session: execute #n ──swallowed──▶ control: kill (ours) ──▶ supervisor ──▶ died {by us} ──rewritten──▶ died {by what the plan says}
//! ```
//!
//! So the process does die, wherever it runs, and only its cause is made up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use hibernaculum_engine::Role;
use hibernaculum_engine::wire::messages::{Call as _, Cause, Died, Execute, Interrupt, Kill, Notice as _};
use hibernaculum_engine::wire::{Frame, FrameCodec, Id, Incoming, rpc};
use tokio::sync::mpsc;
use tokio_util::codec::Encoder as _;

use super::plan::{CrashBy, PlaceFault};
use super::provider::Plan;
use crate::frames::{HEADER, is_chunk};
use crate::signals;

/// Ids of our own requests, that the host must not hear of.
const OURS: &str = "fault";
/// How many deaths may be on their way at once.
const ORDERS: usize = 1024;

/// What is done with a frame.
#[derive(Debug)]
pub(super) enum Verdict {
    Pass(Bytes),
    Swallow,
}

/// The faults of one sandbox's processes.
#[derive(Debug)]
pub(super) struct Doom {
    plan: Arc<Plan>,
    orders: mpsc::Sender<Bytes>,
    /// Taken by the control connection.
    ordered: Mutex<Option<mpsc::Receiver<Bytes>>>,
    /// Sessions that die of our doing: at which execution, and of what.
    doomed: Mutex<HashMap<String, (u64, CrashBy)>>,
}

impl Doom {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let (orders, ordered) = mpsc::channel(ORDERS);
        Self { plan, orders, ordered: Mutex::new(Some(ordered)), doomed: Mutex::default() }
    }

    pub(super) fn take_orders(&self) -> Option<mpsc::Receiver<Bytes>> {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A frame on its way to the runner.
    pub(super) fn to_runner(&self, role: &Role, frame: Bytes) -> Verdict {
        let is_lost = match (role, read(&frame)) {
            (Role::Session(session), Some(Incoming::Request { method, params, .. }))
                if method == Execute::METHOD =>
            {
                let execution = rpc::contents::<Execute>(Execute::METHOD, params).map(|call| call.execution);
                self.is_deadly(&session.to_string(), execution.unwrap_or_default())
            }
            (Role::Control, Some(Incoming::Notification { method, .. })) if method == interrupt() => {
                self.is_stuck()
            }
            _ => false,
        };
        if is_lost { Verdict::Swallow } else { Verdict::Pass(frame) }
    }

    /// A frame on its way to the host.
    pub(super) fn to_host(&self, role: &Role, frame: Bytes) -> Verdict {
        if *role != Role::Control {
            return Verdict::Pass(frame);
        }
        match read(&frame) {
            Some(Incoming::Response { id: Id::Text(id), .. }) if id == OURS => Verdict::Swallow,
            Some(Incoming::Notification { method, params }) if method == Died::METHOD => {
                let told =
                    rpc::contents::<Died>(Died::METHOD, params).ok().and_then(|died| self.as_planned(died));
                Verdict::Pass(told.unwrap_or(frame))
            }
            _ => Verdict::Pass(frame),
        }
    }

    /// Whether the session's process dies at this execution; then it is on its way.
    fn is_deadly(&self, session: &str, execution: u64) -> bool {
        let mut is_doomed = false;
        for armed in &self.plan.faults {
            let PlaceFault::Crash { at, by } = armed.fault else { continue };
            // Each fault counts every execution, and one dies once.
            let time = armed.asked.next();
            if is_doomed || !at.strikes(time, armed.dice) {
                continue;
            }
            let kill = Kill {
                session: session.to_owned(),
                reason: "a fault of a test".to_owned(),
                pid: None,
                execution: None,
            };
            let Some(order) = rpc::request(Id::Text(OURS.to_owned()), &kill).ok().and_then(encoded) else {
                continue;
            };
            let Ok(permit) = self.orders.try_reserve() else { continue };
            self.plan.note(format!("execution #{time}: {by:?}"));
            let mut doomed = self.doomed.lock().unwrap_or_else(PoisonError::into_inner);
            doomed.insert(session.to_owned(), (execution, by));
            permit.send(order);
            is_doomed = true;
        }
        is_doomed
    }

    fn is_stuck(&self) -> bool {
        let mut is_stuck = false;
        for armed in &self.plan.faults {
            if let PlaceFault::StuckInterrupt(when) = armed.fault {
                let time = armed.asked.next();
                if when.strikes(time, armed.dice) {
                    self.plan.note(format!("interrupt #{time} stuck"));
                    is_stuck = true;
                }
            }
        }
        is_stuck
    }

    /// The death as the plan has it, where it is of our doing.
    fn as_planned(&self, mut died: Died) -> Option<Bytes> {
        let doom = self.doomed.lock().unwrap_or_else(PoisonError::into_inner).remove(&died.session);
        let (execution, by) = doom?;
        died.execution = execution;
        died.cause = match by {
            CrashBy::Exit(exit) => Cause::Exit { exit, by: None },
            CrashBy::Signal(signal) => Cause::Signal { signal, name: signals::name(signal), by: None },
            CrashBy::OutOfMemory => signals::out_of_memory(),
        };
        rpc::notification(&died).ok().and_then(encoded)
    }
}

fn interrupt() -> &'static str {
    <Interrupt as hibernaculum_engine::wire::messages::Notice>::METHOD
}

/// A message, where the frame is one.
fn read(frame: &Bytes) -> Option<Incoming<'_>> {
    frame.get(HEADER..).filter(|_| !is_chunk(frame)).and_then(|message| rpc::parse(message).ok())
}

fn encoded(frame: Frame) -> Option<Bytes> {
    let mut bytes = BytesMut::new();
    FrameCodec::default().encode(frame, &mut bytes).ok()?;
    Some(bytes.freeze())
}
