//! Portable checkpoints of a session: its names leave it as blobs, and come back.
//!
//! ```text
//!  save   Port::save ─▶ the queue ─▶ `checkpoint.save` ─▶ blobs ─▶ Intake ─▶ the store, two at a time ─▶ the answer ─▶ Saved
//!  load   Port::load ─▶ the queue ─▶ `checkpoint.load` ─▶ `checkpoint.ready` ─▶ Supply ─▶ chunks ─▶ the answer
//! ```
//!
//! Both are timed, interrupted and answered as executions are. Bytes move through channels that hold a blob or two: a store that is slow slows the session
//! down (the actor does not read, the session cannot send), and a session that is slow the store. Host memory does not depend on what is saved.
//!
//! | module | what it is |
//! |---|---|
//! | `manifest` | the runner's manifest, as far as the host reads it; it is hostile |
//! | `save` | the side of whoever saves |
//! | `load` | the side of whoever restores |
//!
//! The actor's own part is in `actor/portable.rs`.

mod load;
mod manifest;
mod save;

pub(in crate::session) use load::{Loading, Restored, taken};
pub(crate) use manifest::describe;
pub(in crate::session) use manifest::is_digest;

use bytes::Bytes;
use hibernaculum_core::{CheckpointId, Error, ExecutionResult, SessionId, Status};
use tokio::sync::mpsc;

use crate::session::outcome;
use crate::wire::messages::{CheckpointLoad, CheckpointSave};

/// A blob that a session sent: the runner's name for it, and what it is.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) digest: String,
    pub(super) data: Bytes,
}

/// A save, in the actor's hands.
#[derive(Debug)]
pub(crate) struct SaveWork {
    /// What is asked; the actor puts its number in.
    pub(super) call: CheckpointSave,
    /// Where blobs go.
    pub(super) intake: mpsc::Sender<Sent>,
}

/// What whoever restores hands to the actor.
#[derive(Debug)]
pub(super) enum Piece {
    /// A chunk of the blob that the manifest names there.
    Chunk { blob: usize, data: Bytes },
    /// That was all.
    Loaded,
    /// There will be no more.
    Abort { why: String },
}

/// A load, in the actor's hands.
#[derive(Debug)]
pub(crate) struct LoadWork {
    /// What the session goes on from, once it has it.
    pub(super) checkpoint: CheckpointId,
    pub(super) call: CheckpointLoad,
    /// Where pieces come from.
    pub(super) supply: mpsc::Receiver<Piece>,
    /// Whether the runner waits for them.
    pub(super) is_ready: bool,
    /// Whether it was told that there are no more.
    pub(super) is_told: bool,
}

/// The answer of the session, where it was asked something and lived to answer.
fn answer(
    session: SessionId,
    doing: &str,
    result: ExecutionResult,
) -> Result<(serde_json::Map<String, serde_json::Value>, Vec<String>), Error> {
    if result.status() != Status::Completed {
        return Err(outcome::not_served(session, doing.to_owned(), &result.outcome));
    }
    let warnings = result.outcome.warnings;
    match result.outcome.value.and_then(|value| value.json) {
        Some(serde_json::Value::Object(answer)) => Ok((answer, warnings)),
        _ => Err(crate::failure::mistaken(doing)),
    }
}
