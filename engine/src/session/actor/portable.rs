//! The actor's part of portable checkpoints: blobs that come are passed on while there is room, pieces that go are sent as the connection takes them.

use std::future::pending;

use bytes::Bytes;

use super::Actor;
use crate::session::job::{RunningJob, Work};
use crate::session::link::Link;
use crate::session::machine::State;
use crate::session::portable::{LoadWork, Piece, SaveWork, Sent};
use crate::wire::messages::{CheckpointAbort, CheckpointBlob, CheckpointLoaded, CheckpointReady, MAX_BLOB};
use crate::wire::text::TransferRef;
use crate::wire::{Frame, Violation, WireError, rpc};

impl Actor {
    pub(super) fn send_save(&mut self, work: &SaveWork) -> Result<(), WireError> {
        let mut call = work.call.clone();
        call.execution = self.number;
        let Link::Up(halves) = &mut self.link else { return Ok(()) };
        halves.1.push_texts(&mut call)?;
        halves.1.push(rpc::request(self.number, &call)?)
    }

    pub(super) fn send_load(&mut self, work: &LoadWork) -> Result<(), WireError> {
        let mut call = work.call.clone();
        call.execution = self.number;
        let Link::Up(halves) = &mut self.link else { return Ok(()) };
        halves.1.push_texts(&mut call)?;
        halves.1.push(rpc::request(self.number, &call)?)
    }

    /// Whether a save that runs has room for one more blob. One that is being stopped has: what comes is dropped.
    pub(super) fn has_room_for_blobs(&self) -> bool {
        match self.running.as_ref().map(|running| &running.job.work) {
            Some(Work::Save(work)) if self.state == State::Running => {
                work.intake.capacity() > 0 || work.intake.is_closed()
            }
            _ => true,
        }
    }

    /// A blob came, whole.
    pub(super) fn blob_came(&mut self, blob: CheckpointBlob) -> Result<(), WireError> {
        let Link::Up(halves) = &mut self.link else { return Ok(()) };
        let named = TransferRef { transfer: blob.transfer, bytes: blob.bytes };
        let data = Bytes::from(halves.0.transfers.take(named)?);
        let Some(RunningJob { job, .. }) = &self.running else { return Ok(()) };
        let Work::Save(work) = &job.work else { return Ok(()) };
        if data.len() as u64 > MAX_BLOB || !crate::session::portable::is_digest(&blob.digest) {
            return Err(Violation::Blob { bytes: data.len() as u64 }.into());
        }
        // It is read only while there is room; a save that is being stopped, or that nobody waits for, has no use for it.
        let _ = work.intake.try_send(Sent { digest: blob.digest, data });
        Ok(())
    }

    /// The runner waits for the pieces of a load.
    pub(super) fn load_ready(&mut self, ready: CheckpointReady) {
        if let Some(running) = self.running.as_mut().filter(|running| running.number == ready.execution)
            && let Work::Load(work) = &mut running.job.work
        {
            work.is_ready = true;
        }
    }

    /// Whether a piece could be sent now.
    pub(super) fn may_supply(&self) -> bool {
        let waits = match self.running.as_ref().map(|running| &running.job.work) {
            Some(Work::Load(work)) => work.is_ready && !work.is_told,
            _ => false,
        };
        waits && matches!(&self.link, Link::Up(halves) if halves.1.is_empty())
    }

    /// Whether the link is to tell when it has sent everything.
    pub(super) fn is_supplying(&self) -> bool {
        matches!(self.running.as_ref().map(|running| &running.job.work), Some(Work::Load(work)) if work.is_ready && !work.is_told)
    }

    /// A load that is being stopped while the runner waits for pieces is aborted: the runner hears nothing else until then.
    pub(super) fn stop_supplying(&mut self) {
        if self.is_supplying() && matches!(self.state, State::Stopping(_)) {
            self.supply(Piece::Abort { why: "the restore was given up".to_owned() });
        }
    }

    /// Sends a piece.
    pub(super) fn supply(&mut self, piece: Piece) {
        if let Err(error) = self.send_piece(piece) {
            tracing::warn!(session = %self.parts.port.id(), %error, "a piece of a checkpoint could not be sent");
        }
    }

    fn send_piece(&mut self, piece: Piece) -> Result<(), WireError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let execution = running.number;
        let Work::Load(work) = &mut running.job.work else { return Ok(()) };
        let frame = match piece {
            Piece::Chunk { blob, data } => Frame::Chunk { transfer: blob as u64 + 1, data },
            Piece::Loaded => rpc::notification(&CheckpointLoaded { execution })?,
            Piece::Abort { why } => rpc::notification(&CheckpointAbort { execution, why })?,
        };
        work.is_told = matches!(frame, Frame::Message(_));
        self.send(frame)
    }
}

/// The next piece of the load that runs; never, where none does. Whoever supplied it and is gone has given it up.
///
/// # Cancel safety
///
/// Cancel safe.
pub(super) async fn next_piece(running: &mut Option<RunningJob>) -> Piece {
    match running.as_mut().map(|running| &mut running.job.work) {
        Some(Work::Load(work)) => {
            let piece = work.supply.recv().await;
            piece.unwrap_or_else(|| Piece::Abort { why: "whoever asked for it is gone".to_owned() })
        }
        _ => pending().await,
    }
}
