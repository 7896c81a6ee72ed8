//! The two roads of output.
//!
//! Text waits in a buffer, as in the real runner: it is sent when the buffer is full, when the stream changes, before the process blocks on
//! its host, and with the end. What waits while the code goes on is forwarded over control every 20 ms, once the host has asked for that
//! (`watch`). So each piece may come twice, and the engine's merge has its work.

use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt as _;
use hibernaculum_engine::wire::messages::{Event, ForwardedText, Printed, RawOutput, Stream};
use hibernaculum_engine::wire::{WireError, rpc};

use super::Process;
use crate::runner::credit::PIECE;
use crate::runner::world::ToControl;

/// How often waiting text is looked after.
pub(super) const FORWARD_EVERY: Duration = Duration::from_millis(20);
/// How much text waits at most.
const BUFFER: usize = 64 << 10;

/// How far both roads have come.
#[derive(Debug, Default)]
pub(super) struct Roads {
    /// The execution that runs.
    pub(super) execution: u64,
    waiting: String,
    stream: Option<Stream>,
    /// The position of the first byte that waits.
    sent: u64,
    /// How much of what waits has been forwarded.
    forwarded: usize,
    raw: [u64; 2],
}

impl Roads {
    /// How much raw output there was of each descriptor.
    pub(super) fn raw(&self) -> [u64; 2] {
        self.raw
    }

    /// How much text there was, what waits included.
    pub(super) fn text(&self) -> u64 {
        self.sent + self.waiting.len() as u64
    }
}

impl Process {
    /// Prints. A full buffer is sent, which waits for a host that does not read.
    pub(super) async fn print(&mut self, stream: Stream, text: &str) -> Result<(), WireError> {
        if self.roads.stream != Some(stream) {
            self.flush().await?;
            self.roads.stream = Some(stream);
        }
        let mut rest = text;
        while !rest.is_empty() {
            let room = BUFFER.saturating_sub(self.roads.waiting.len());
            let (fits, left) = split(rest, room);
            self.roads.waiting.push_str(fits);
            rest = left;
            if !rest.is_empty() {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self) -> Result<(), WireError> {
        let roads = &mut self.roads;
        let Some(stream) = roads.stream.filter(|_| !roads.waiting.is_empty()) else { return Ok(()) };
        let text = std::mem::take(&mut roads.waiting);
        let (pos, bytes) = (roads.sent, text.len() as u64);
        roads.sent += bytes;
        roads.forwarded = 0;
        let (execution, raw, at) = (roads.execution, roads.raw, self.world.now_ms());
        let printed = Event::Output(Printed { execution, stream, pos, bytes, raw, at, text: text.into() });
        self.wire.send(rpc::notification(&printed)?).await
    }

    /// Forwards what waits and was not forwarded, where the host wants that of this execution. Whether something still waits, for credit.
    pub(super) async fn forward(&mut self) -> bool {
        let bytes = self.roads.waiting.len() - self.roads.forwarded;
        if bytes == 0 || *self.watched.borrow() != self.roads.execution {
            return false;
        }
        if !self.credit.try_spend(bytes) {
            return true;
        }
        self.forward_all().await;
        false
    }

    /// What a dead process had printed and not sent. That needs no credit.
    pub(super) async fn salvage(&mut self) {
        self.forward_all().await;
    }

    async fn forward_all(&mut self) {
        let roads = &mut self.roads;
        let new = roads.waiting.get(roads.forwarded..).unwrap_or_default();
        let Some(stream) = roads.stream.filter(|_| !new.is_empty()) else { return };
        let message = ForwardedText {
            session: self.session.clone(),
            execution: roads.execution,
            stream,
            pos: roads.sent + roads.forwarded as u64,
            bytes: new.len() as u64,
            raw: roads.raw,
            at: self.world.now_ms(),
            text: new.into(),
        };
        roads.forwarded = roads.waiting.len();
        self.world.tell(ToControl::Text(message)).await;
    }

    /// Bytes that are written past Python. A session without credit stands still here, as its pipe would be full.
    pub(super) async fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), WireError> {
        // What was printed before is sent before: the position that these bytes name.
        self.flush().await?;
        for piece in bytes.chunks(PIECE) {
            self.credit.spend(piece.len()).await;
            let roads = &mut self.roads;
            let counter = match stream {
                Stream::Stdout => &mut roads.raw[0],
                Stream::Stderr => &mut roads.raw[1],
            };
            let pos = *counter;
            *counter += piece.len() as u64;
            let output = RawOutput {
                session: self.session.clone(),
                execution: roads.execution,
                stream,
                pos,
                bytes: piece.len() as u64,
                text_pos: roads.sent,
                at: self.world.now_ms(),
                transfer: 0,
            };
            self.world.tell(ToControl::Raw(output, Bytes::copy_from_slice(piece))).await;
        }
        Ok(())
    }
}

/// The longest beginning of at most `room` bytes that ends between characters, and the rest. Where not even one character fits: nothing, unless
/// the room is a whole buffer.
fn split(text: &str, room: usize) -> (&str, &str) {
    let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.split_at(end)
}
