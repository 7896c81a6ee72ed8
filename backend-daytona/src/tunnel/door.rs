//! One way in: an address behind which a tunnel listens, and the WebSocket that is opened through it.

use std::fmt;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hibernaculum_engine::wire::Secret;
use reqwest::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use reqwest::{Client, StatusCode, Upgraded};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use super::hello::{Ask, Greeting};
use super::link::Link;

/// What the tunnel answers to.
const PATH: &str = "/hibernaculum/1";
/// From the first byte to the end of the hello.
const PATIENCE: Duration = Duration::from_secs(10);
/// The tunnel sends at most 64 KiB at once; proxies may put messages together.
const LONGEST_MESSAGE: usize = 4 << 20;
/// How much is read at once. All of it is wiped before each read, and there are two for each message.
const AT_ONCE: usize = 16 << 10;

/// A way in.
#[derive(Clone)]
pub(crate) struct Door {
    http: Client,
    url: String,
    headers: HeaderMap,
}

/// Why nobody was let in.
#[derive(Debug)]
pub(crate) enum Knock {
    /// Nobody was reached, or the connection broke.
    Broken(String),
    /// Something before the tunnel answered, with this status and these words.
    Turned(StatusCode, String),
    /// Something else than this sandbox's tunnel is there.
    Stranger(String),
    /// The tunnel is there, and refuses: the stream is over, or its bytes are not kept any more.
    Refused(String),
}

impl Door {
    /// The way through `base`, under which the port of the tunnel is seen.
    pub(crate) fn new(http: &Client, base: &str, headers: HeaderMap) -> Self {
        Self { http: http.clone(), url: format!("{}{PATH}", base.trim_end_matches('/')), headers }
    }

    /// Opens a WebSocket, and says hello.
    pub(crate) async fn knock(&self, secret: &Secret, ask: Ask<'_>) -> Result<(Link, Greeting), Knock> {
        let late = |_| Knock::Broken(format!("no answer within {PATIENCE:?}"));
        tokio::time::timeout(PATIENCE, self.enter(secret, ask)).await.map_err(late)?
    }

    async fn enter(&self, secret: &Secret, ask: Ask<'_>) -> Result<(Link, Greeting), Knock> {
        let mut socket = self.upgrade().await?;
        let challenge = text(&mut socket).await?;
        let (hello, said) = ask.answer(secret, &challenge)?;
        socket.send(Message::text(hello)).await.map_err(broken)?;
        let greeting = said.verify(secret, &text(&mut socket).await?)?;
        Ok((Link::new(socket), greeting))
    }

    async fn upgrade(&self) -> Result<WebSocketStream<Upgraded>, Knock> {
        let key = generate_key();
        let request = self
            .http
            .get(&self.url)
            .headers(self.headers.clone())
            .header(CONNECTION, HeaderValue::from_static("Upgrade"))
            .header(UPGRADE, HeaderValue::from_static("websocket"))
            .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
            .header(SEC_WEBSOCKET_KEY, &key);
        let response = request.send().await.map_err(broken)?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let body = response.bytes().await.unwrap_or_default();
            let said =
                String::from_utf8_lossy(&body).chars().take(200).flat_map(char::escape_debug).collect();
            return Err(Knock::Turned(status, said));
        }
        let accepted = response.headers().get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
        if accepted != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
            return Err(Knock::Stranger("it is no WebSocket".to_owned()));
        }
        let stream = response.upgrade().await.map_err(broken)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(AT_ONCE)
            .max_message_size(Some(LONGEST_MESSAGE))
            .max_frame_size(Some(LONGEST_MESSAGE));
        Ok(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)
    }
}

/// The next text; everything that comes before the hello is answered is one.
async fn text(socket: &mut WebSocketStream<Upgraded>) -> Result<String, Knock> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(frame))) => {
                let code = frame.map_or(1005, |frame| u16::from(frame.code));
                return Err(Knock::Broken(format!("it was closed with {code} before the hello")));
            }
            Some(Ok(_)) => return Err(Knock::Stranger("it does not begin as a tunnel does".to_owned())),
            Some(Err(error)) => return Err(broken(error)),
            None => return Err(Knock::Broken("it ended before the hello".to_owned())),
        }
    }
}

fn broken(error: impl std::error::Error) -> Knock {
    let mut problem = error.to_string();
    let mut beneath = error.source();
    while let Some(cause) = beneath {
        problem = format!("{problem}: {cause}");
        beneath = cause.source();
    }
    Knock::Broken(problem)
}

impl fmt::Display for Knock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(problem) => f.write_str(problem),
            Self::Turned(status, said) => write!(f, "the way in answered {status} `{said}`"),
            Self::Stranger(problem) => write!(f, "something else is there: {problem}"),
            Self::Refused(why) => write!(f, "the tunnel refused: {why}"),
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("url", &self.url).finish_non_exhaustive()
    }
}
