//! One stream: the task that moves its bytes between the engine and whichever link carries it now.
//!
//! ```text
//!             ┌──────────── Lost: reach ◀───────────┐
//!             v                                     │
//!  begin ─▶ carrying ── both ends have been told ─▶ over
//!             │  collect: engine ─▶ outbox    speak:  outbox ─▶ link
//!             │  deliver: inbox ─▶ engine     listen: link ─▶ inbox
//!             └─ the tunnel refuses, breaks its word, or is gone for too long ─▶ given up: the engine reads an end
//! ```

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::hello::Ask;
use super::inbox::Inbox;
use super::link::{Link, Parting, Told};
use super::outbox::Outbox;
use super::road::Road;

/// How much is read at once, and what is between the engine and the pump.
const PIECE: usize = 64 << 10;
const BETWEEN: usize = 256 << 10;
/// For the first link of a stream: the sandbox is there, and has just answered.
const BEGIN: Duration = Duration::from_secs(15);
/// How long a stream that nobody holds any more waits for the tunnel's end of it.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// A link that does not last so long has not mended anything: the next one is waited for.
const SHORT: Duration = Duration::from_millis(500);

/// The engine's end of a stream. Dropping it ends the stream, once what was written has been sent.
#[derive(Debug)]
pub(crate) struct TunnelStream {
    io: DuplexStream,
    /// Its drop is seen by the pump.
    _held: oneshot::Sender<()>,
}

impl TunnelStream {
    /// Begins a stream; the future is what moves its bytes, and has to be spawned.
    pub(crate) async fn begin(
        road: Arc<Road>,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), String> {
        let mut name = [0; 16];
        getrandom::fill(&mut name).map_err(|error| error.to_string())?;
        let name = format!("{}-{}", road.host(), hex::encode(name));
        let (link, _) = road.reach(Ask::Begin(&name), BEGIN, 0).await?;
        let (io, far) = tokio::io::duplex(BETWEEN);
        let (held, holder) = oneshot::channel();
        let pump = Pump {
            name,
            road,
            engine: far,
            holder: Some(holder),
            buffer: BytesMut::new(),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            engine_ended: false,
            engine_told: false,
            last_words: None,
            said: Said::default(),
        };
        Ok((Self { io, _held: held }, pump.run(link)))
    }
}

struct Pump {
    name: String,
    road: Arc<Road>,
    engine: DuplexStream,
    /// Until the engine drops its end.
    holder: Option<oneshot::Receiver<()>>,
    buffer: BytesMut,
    outbox: Outbox,
    inbox: Inbox,
    /// The engine writes no more.
    engine_ended: bool,
    /// The engine has read everything, and knows.
    engine_told: bool,
    /// Runs from when nobody holds the stream any more.
    last_words: Option<Pin<Box<Sleep>>>,
    said: Said,
}

/// What has been said on this link, besides bytes.
#[derive(Default)]
struct Said {
    greeted: bool,
    end: bool,
    close: bool,
}

/// Why a link carries the stream no more.
enum Halt {
    /// All has been said on both sides.
    Over,
    Parting(Parting),
    /// The tunnel broke its word.
    Breach(&'static str),
}

impl From<Parting> for Halt {
    fn from(parting: Parting) -> Self {
        Self::Parting(parting)
    }
}

impl Pump {
    async fn run(mut self, mut link: Link) {
        let road = Arc::clone(&self.road);
        let mut failures = 0;
        loop {
            let halt = tokio::select! {
                halt = poll_fn(|cx| self.poll_carry(&mut link, cx)) => halt,
                () = road.ended() => return,
            };
            let why = match halt {
                Halt::Over => return,
                Halt::Parting(Parting::Lost(why)) => why,
                Halt::Parting(Parting::Taken) => {
                    tracing::warn!(stream = self.name, "another host has taken the stream over");
                    return;
                }
                Halt::Breach(breach) => {
                    tracing::warn!(stream = self.name, breach, "the stream is given up");
                    return;
                }
            };
            failures = if link.age() < SHORT { failures + 1 } else { 0 };
            tracing::debug!(stream = self.name, why, "a link broke; the stream waits for the next one");
            let ask = Ask::GoOn(&self.name, self.inbox.received());
            let (next, greeting) = match road.reach(ask, road.patience(), failures).await {
                Ok(reached) => reached,
                Err(problem) => {
                    tracing::warn!(stream = self.name, problem, "the stream is given up");
                    road.give_up(problem);
                    return;
                }
            };
            if !self.outbox.rewind(greeting.received) {
                tracing::warn!(stream = self.name, "the tunnel wants bytes that are not kept any more");
                return;
            }
            (link, self.said) = (next, Said::default());
        }
    }

    fn poll_carry(&mut self, link: &mut Link, cx: &mut Context<'_>) -> Poll<Halt> {
        match self.carry(link, cx) {
            Ok(()) => Poll::Pending,
            Err(halt) => Poll::Ready(halt),
        }
    }

    /// Moves whatever can be moved now.
    fn carry(&mut self, link: &mut Link, cx: &mut Context<'_>) -> Result<(), Halt> {
        loop {
            self.notice_holder(cx);
            let delivered = self.deliver(cx);
            let collected = self.collect(cx);
            let spoken = self.speak(link, cx)?;
            // What has been said is under way before anything is waited for.
            let is_flushed = link.poll_flush(cx);
            if self.said.close && is_flushed.is_ready() {
                return Err(Halt::Over);
            }
            if let Poll::Ready(flushed) = is_flushed {
                flushed?;
            }
            let heard = self.listen(link, cx)?;
            if !(delivered || collected || spoken || heard) {
                break;
            }
        }
        link.poll_alive(cx)?;
        Ok(())
    }

    /// Inbox to engine; whether anything was moved.
    fn deliver(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(piece) = self.inbox.front() {
            match Pin::new(&mut self.engine).poll_write(cx, piece) {
                Poll::Ready(Ok(count)) => self.inbox.take(count),
                Poll::Ready(Err(_)) => self.inbox.discard(), // nobody reads
                Poll::Pending => return false,
            }
            return true;
        }
        let is_news = self.inbox.is_over() && !self.engine_told;
        if is_news {
            self.engine_told = Pin::new(&mut self.engine).poll_shutdown(cx).is_ready();
        }
        is_news && self.engine_told
    }

    /// Engine to outbox.
    fn collect(&mut self, cx: &mut Context<'_>) -> bool {
        let room = usize::try_from(self.outbox.room()).unwrap_or(usize::MAX);
        if self.engine_ended || room == 0 {
            return false;
        }
        if self.buffer.capacity() < PIECE / 16 {
            self.buffer.reserve(PIECE);
        }
        let mut limited = (&mut self.buffer).limit(room);
        match pin!(self.engine.read_buf(&mut limited)).poll(cx) {
            Poll::Pending => return false,
            Poll::Ready(Ok(0) | Err(_)) => self.engine_ended = true,
            Poll::Ready(Ok(_)) => self.outbox.push(self.buffer.split().freeze()),
        }
        true
    }

    /// Outbox to link, and what else there is to say.
    fn speak(&mut self, link: &mut Link, cx: &mut Context<'_>) -> Result<bool, Halt> {
        let must_end = self.engine_ended && !self.said.end;
        let must_close = self.said.end && !self.said.close && self.is_over(cx);
        let has_words = must_end || must_close || !self.said.greeted || !self.outbox.is_sent();
        if !(has_words || self.inbox.owes_acknowledgement()) {
            return Ok(false);
        }
        match link.poll_room(cx) {
            Poll::Pending => return Ok(false),
            Poll::Ready(room) => room?,
        }
        if let Some(position) = self.inbox.acknowledgement(!self.said.greeted) {
            self.said.greeted = true;
            link.acknowledge(position)?;
        } else if let Some(piece) = self.outbox.next() {
            link.bytes(piece)?;
        } else if must_end {
            self.said.end = true;
            link.end(self.outbox.end())?;
        } else if must_close {
            self.said.close = true;
            link.close()?;
        }
        Ok(true)
    }

    /// Link to inbox.
    fn listen(&mut self, link: &mut Link, cx: &mut Context<'_>) -> Result<bool, Halt> {
        let Poll::Ready(told) = link.poll_told(cx) else { return Ok(false) };
        let is_right = match told? {
            Told::Bytes(bytes) => self.inbox.push(bytes),
            Told::Acknowledged(position) => self.outbox.acknowledge(position),
            Told::Ended(position) => self.inbox.end(position),
        };
        if is_right { Ok(true) } else { Err(Halt::Breach("the tunnel's positions cannot be")) }
    }

    /// Whether nothing more is to be waited for, once our own end has been told.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let is_late = self.last_words.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready());
        self.engine_told || is_late
    }

    fn notice_holder(&mut self, cx: &mut Context<'_>) {
        if self.holder.as_mut().is_some_and(|holder| Pin::new(holder).poll(cx).is_ready()) {
            self.holder = None;
            self.last_words = Some(Box::pin(tokio::time::sleep(LAST_WORDS)));
        }
    }
}

impl AsyncRead for TunnelStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for TunnelStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
