//! One WebSocket, once both sides have said hello: the messages that carry a stream.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink as _, Stream as _};
use reqwest::Upgraded;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// How often the other side is asked whether it is there.
const PING: Duration = Duration::from_secs(20);
/// How many questions may go unanswered.
const UNANSWERED: u32 = 2;
/// What the tunnel says when the stream goes on over another WebSocket.
const ELSEWHERE: &str = "the stream goes on elsewhere";

/// A WebSocket that carries a stream.
#[derive(Debug)]
pub(crate) struct Link<S = Upgraded> {
    socket: WebSocketStream<S>,
    next_ping: Pin<Box<Sleep>>,
    unanswered: u32,
    begun: Instant,
}

/// What the tunnel says.
#[derive(Debug)]
pub(crate) enum Told {
    Bytes(Bytes),
    Acknowledged(u64),
    Ended(u64),
}

/// The end of a link.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    /// It broke; the stream may go on over another one.
    Lost(String),
    /// Another host has the stream.
    Taken,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Ack(u64),
    Eof(u64),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    pub(crate) fn new(socket: WebSocketStream<S>) -> Self {
        let next_ping = Box::pin(tokio::time::sleep(PING));
        Self { socket, next_ping, unanswered: 0, begun: Instant::now() }
    }

    /// How long it has lasted.
    pub(crate) fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What the tunnel says next.
    pub(crate) fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<Result<Told, Parting>> {
        loop {
            let message = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Poll::Ready(Err(Parting::Lost(error.to_string()))),
                None => return Poll::Ready(Err(Parting::Lost("it ended".to_owned()))),
            };
            self.unanswered = 0;
            match message {
                Message::Binary(bytes) => return Poll::Ready(Ok(Told::Bytes(bytes))),
                Message::Text(text) => return Poll::Ready(word(&text)),
                Message::Close(frame) => {
                    let (code, why) = frame.map_or((1005, String::new()), |frame| {
                        (u16::from(frame.code), frame.reason.as_str().to_owned())
                    });
                    return Poll::Ready(Err(if why == ELSEWHERE {
                        Parting::Taken
                    } else {
                        Parting::Lost(format!("it was closed with {code} `{}`", why.escape_debug()))
                    }));
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Waits until one more message can be sent.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Parting>> {
        Pin::new(&mut self.socket).poll_ready(cx).map_err(lost)
    }

    /// Sends the stream's next bytes. There must be room.
    pub(crate) fn bytes(&mut self, bytes: Bytes) -> Result<(), Parting> {
        self.send(Message::Binary(bytes))
    }

    /// Everything up to `position` has been taken by the reader. There must be room.
    pub(crate) fn acknowledge(&mut self, position: u64) -> Result<(), Parting> {
        self.send(Message::text(format!(r#"{{"ack":{position}}}"#)))
    }

    /// The stream ends after `position` bytes in this direction. There must be room.
    pub(crate) fn end(&mut self, position: u64) -> Result<(), Parting> {
        self.send(Message::text(format!(r#"{{"eof":{position}}}"#)))
    }

    /// The stream is over. There must be room.
    pub(crate) fn close(&mut self) -> Result<(), Parting> {
        self.send(Message::text(r#"{"close":true}"#))
    }

    /// Sends what is held back.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Parting>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(lost)
    }

    /// Asks now and then whether the other side is there; fails where it has been silent for too long.
    pub(crate) fn poll_alive(&mut self, cx: &mut Context<'_>) -> Result<(), Parting> {
        while self.next_ping.as_mut().poll(cx).is_ready() {
            if self.unanswered >= UNANSWERED {
                return Err(Parting::Lost(format!("nothing was heard for {:?}", PING * UNANSWERED)));
            }
            self.next_ping.as_mut().reset(Instant::now() + PING);
            // Where there is no room, bytes are on their way: whether they arrive tells as much.
            if let Poll::Ready(room) = self.poll_room(cx) {
                room?;
                self.send(Message::Ping(Bytes::new()))?;
                // Nobody else does, where nothing is to be said: it would leave with the next one.
                if let Poll::Ready(flushed) = self.poll_flush(cx) {
                    flushed?;
                }
            }
            self.unanswered += 1;
        }
        Ok(())
    }

    fn send(&mut self, message: Message) -> Result<(), Parting> {
        Pin::new(&mut self.socket).start_send(message).map_err(lost)
    }
}

/// A word of the tunnel's. One that this version does not know is a fault of the link, not of the stream.
fn word(text: &str) -> Result<Told, Parting> {
    match serde_json::from_str(text) {
        Ok(Word::Ack(position)) => Ok(Told::Acknowledged(position)),
        Ok(Word::Eof(position)) => Ok(Told::Ended(position)),
        Err(_) => Err(Parting::Lost("the tunnel said something that cannot be understood".to_owned())),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn lost(error: tokio_tungstenite::tungstenite::Error) -> Parting {
    Parting::Lost(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::StreamExt as _;
    use tokio::io::DuplexStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    /// Both ends of a WebSocket.
    async fn ends() -> (Link<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (near, far) = tokio::io::duplex(1 << 10);
        let near = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        (Link::new(near), WebSocketStream::from_raw_socket(far, Role::Server, None).await)
    }

    /// Does nothing with a link but to listen, as the pump of an idle stream does; why it ended, in the end.
    async fn idle(mut link: Link<DuplexStream>) -> Parting {
        poll_fn(|cx| {
            if let Poll::Ready(Err(parting)) = link.poll_told(cx) {
                return Poll::Ready(parting);
            }
            link.poll_alive(cx).map_or_else(Poll::Ready, |()| Poll::Pending)
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_link_asks_when_it_is_time() {
        let (link, mut far) = ends().await;
        let idling = tokio::spawn(idle(link));
        let begun = Instant::now();
        for turn in 1..5 {
            // Reading answers it.
            assert_eq!(far.next().await.unwrap().unwrap(), Message::Ping(Bytes::new()));
            assert_eq!(begun.elapsed().as_secs(), turn * PING.as_secs());
        }
        idling.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed_after_two_questions() {
        let (link, far) = ends().await;
        let begun = Instant::now();
        let parting = idle(link).await;
        assert_eq!(parting, Parting::Lost("nothing was heard for 40s".to_owned()));
        assert_eq!(
            begun.elapsed().as_secs(),
            3 * PING.as_secs(),
            "two questions, and the time to answer each"
        );
        drop(far);
    }
}
