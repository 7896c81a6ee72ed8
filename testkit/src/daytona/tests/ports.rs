//! The port proxy, by the toolbox and by a preview URL, with a real WebSocket client at one end and a server at the other.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message as Sent, WebSocketUpgrade};
use axum::http::{HeaderMap, Request};
use axum::routing::{any, get};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::super::{Cut, Fault, Faults, Manner, On, StandInConfig, When};
use super::client::request_of;
use super::{Client, eventually};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A server on loopback: `/echo` is a WebSocket that says what it hears, everything else tells what it was asked. It ends with the test's runtime.
async fn server() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let echo = async |upgrade: WebSocketUpgrade| {
        let upgrade = upgrade.max_message_size(64 << 20).max_frame_size(64 << 20);
        upgrade.on_upgrade(async |mut socket| {
            while let Some(Ok(message)) = socket.recv().await {
                let answer = match message {
                    Sent::Text(text) if text.as_str() == "go" => {
                        Sent::Close(Some(CloseFrame { code: 4000, reason: "gone".into() }))
                    }
                    said @ (Sent::Binary(_) | Sent::Text(_)) => said,
                    _ => continue,
                };
                if socket.send(answer).await.is_err() {
                    return;
                }
            }
        })
    };
    let tell = async |headers: HeaderMap, request: Request<Body>| {
        let has_key = headers.contains_key("authorization");
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let body = axum::body::to_bytes(request.into_body(), 1 << 30).await.unwrap();
        format!("{method} {uri} {} key:{has_key}", body.len())
    };
    let router = Router::new().route("/echo", get(echo)).fallback(any(tell));
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

async fn dial(client: &Client, url: &str, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let mut request = url.replacen("http", "ws", 1).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    if headers.is_empty() {
        let key = format!("Bearer {}", client.stand_in.api_key());
        request.headers_mut().insert("authorization", key.parse().unwrap());
    }
    let config = WebSocketConfig::default().max_message_size(Some(64 << 20)).max_frame_size(Some(64 << 20));
    let dialled = tokio_tungstenite::connect_async_with_config(request, Some(config), true).await;
    dialled.map(|(socket, _)| socket)
}

async fn echo(client: &Client, id: &str) -> Socket {
    dial(client, &format!("{}/toolbox/{id}/proxy/{}/echo", client.origin(), server().await), &[])
        .await
        .unwrap()
}

/// Bytes of which no two neighbours are alike, of every value.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}

async fn says_back(socket: &mut Socket, payload: Vec<u8>) {
    socket.send(Message::binary(payload.clone())).await.unwrap();
    let answer = socket.next().await.unwrap().unwrap();
    assert!(answer.into_data() == payload, "{} bytes came back changed", payload.len());
}

#[tokio::test]
async fn http_is_passed_on_without_the_key() {
    let client = Client::start(StandInConfig::default()).await;
    let (id, port) = (client.sandbox().await, server().await);
    let base = format!("/toolbox/{id}/proxy/{port}");
    assert_eq!(
        client.get(&format!("{base}/a%20b/c?d=e&f=%2F")).await.body,
        b"GET /a%20b/c?d=e&f=%2F 0 key:false"
    );
    assert_eq!(client.get(&base).await.body, b"GET / 0 key:false");
    let sent = client.send("PUT", &format!("{base}/put"), "", bytes(3 << 20)).await.unwrap();
    assert_eq!(sent.body, b"PUT /put 3145728 key:false");
    client.close().await;
}

#[tokio::test]
async fn a_port_on_which_nothing_listens_is_an_empty_502() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let refused = client.get(&format!("/toolbox/{id}/proxy/{port}/")).await;
    assert_eq!((refused.status, refused.body.len()), (502, 0));
    client.close().await;
}

#[tokio::test]
async fn messages_of_any_size_and_value_come_through() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let mut socket = echo(&client, &id).await;
    for size in [0, 1, 125, 126, 65_535, 65_536, 5 << 20] {
        says_back(&mut socket, bytes(size)).await;
    }
    socket.send(Message::text("go")).await.unwrap();
    let Message::Close(Some(close)) = socket.next().await.unwrap().unwrap() else { panic!("no close") };
    assert_eq!(u16::from(close.code), 4000);
    client.close().await;
}

/// The server's socket fills, then the proxy's, and then the client waits.
#[tokio::test]
async fn a_reader_that_is_slow_slows_the_writer_down() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    // Accepts the upgrade and reads nothing.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let deaf = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        std::future::pending::<()>().await;
        drop(socket);
    });
    let mut socket =
        dial(&client, &format!("{}/toolbox/{id}/proxy/{port}/", client.origin()), &[]).await.unwrap();
    let mut sent = 0_usize;
    let writing = async {
        loop {
            socket.send(Message::binary(bytes(1 << 20))).await.unwrap();
            sent += 1;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(2), writing).await;
    assert!(waited.is_err(), "it never waits");
    assert!(sent < 64, "{sent} MiB were taken by nobody");
    deaf.abort();
    client.close().await;
}

#[tokio::test]
async fn a_preview_reaches_the_same_port_with_its_token_or_the_key() {
    let client =
        Client::start(StandInConfig { proxies_web_sockets: false, ..StandInConfig::default() }).await;
    let (id, port) = (client.sandbox().await, server().await);
    let by_proxy = format!("{}/toolbox/{id}/proxy/{port}/echo", client.origin());
    let Err(Error::Http(refused)) = dial(&client, &by_proxy, &[]).await else { panic!("it was let in") };
    assert_eq!(refused.status(), 502);

    let preview = client.get(&format!("/api/sandbox/{id}/ports/{port}/preview-url")).await.json();
    assert_eq!(client.get(&format!("/api/sandbox/{id}/ports/{port}/preview-url")).await.json(), preview);
    let (url, token) = (preview["url"].as_str().unwrap(), preview["token"].as_str().unwrap());
    let socket_url = format!("{url}/echo");
    let mut by_token = dial(&client, &socket_url, &[("x-daytona-preview-token", token)]).await.unwrap();
    says_back(&mut by_token, bytes(100_000)).await;
    says_back(&mut dial(&client, &socket_url, &[]).await.unwrap(), bytes(10)).await;
    let Err(Error::Http(refused)) = dial(&client, &socket_url, &[("x-daytona-preview-token", "wrong")]).await
    else {
        panic!("a wrong token was let in")
    };
    assert_eq!(refused.status(), 401);
    let plain = Request::get(format!("{url}/path")).header("x-daytona-preview-token", token);
    assert_eq!(request_of(plain.body(Body::empty()).unwrap()).await.unwrap().body, b"GET /path 0 key:false");

    client.ask("DELETE", &format!("/api/sandbox/{id}"), None).await;
    client.until(&id, "gone").await;
    let address = url.strip_prefix("http://").unwrap();
    eventually("the preview is gone", || async { TcpStream::connect(address).await.is_err() }).await;
    client.close().await;
}

#[tokio::test]
async fn fragments_and_delays_change_nothing_of_what_is_said() {
    let manner = Manner { piece: Some(1000), delay: Duration::from_micros(100), frame: Some(777) };
    let client = Client::start(StandInConfig { manner, ..StandInConfig::default() }).await;
    let id = client.sandbox().await;
    let mut socket = echo(&client, &id).await;
    for size in [0, 776, 777, 778, 100_000] {
        says_back(&mut socket, bytes(size)).await;
    }
    client.close().await;
}

#[tokio::test]
async fn a_close_comes_between_two_frames_and_says_its_code() {
    for code in [1008, 1009] {
        let faults = Faults::none().with(Fault::Close { code, after: 150_000 }, On::Proxy, When::next(1));
        let client = Client::start(StandInConfig { faults, ..StandInConfig::default() }).await;
        let id = client.sandbox().await;
        let mut socket = echo(&client, &id).await;
        says_back(&mut socket, bytes(100_000)).await;
        says_back(&mut socket, bytes(100_000)).await;
        let Message::Close(Some(close)) = socket.next().await.unwrap().unwrap() else { panic!("no close") };
        assert_eq!(u16::from(close.code), code);
        says_back(&mut echo(&client, &id).await, bytes(300_000)).await;
        client.close().await;
    }
}

#[tokio::test]
async fn an_abnormal_close_comes_in_the_middle_and_says_nothing() {
    let faults = Faults::none().with(Fault::Close { code: 1006, after: 150_000 }, On::Proxy, When::next(1));
    let client = Client::start(StandInConfig { faults, ..StandInConfig::default() }).await;
    let id = client.sandbox().await;
    let mut socket = echo(&client, &id).await;
    says_back(&mut socket, bytes(100_000)).await;
    socket.send(Message::binary(bytes(100_000))).await.unwrap();
    let broken = socket.next().await.unwrap();
    assert!(matches!(broken, Err(Error::Protocol(_) | Error::Io(_))), "{broken:?}");
    client.close().await;
}

#[tokio::test]
async fn a_reset_network_ends_web_sockets_and_takes_new_ones_when_it_is_back() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let mut socket = echo(&client, &id).await;
    says_back(&mut socket, bytes(1000)).await;
    client.stand_in.sever();
    assert!(!matches!(socket.next().await, Some(Ok(_))), "it goes on");
    says_back(&mut echo(&client, &id).await, bytes(1000)).await;
    client.close().await;
}

#[tokio::test]
async fn a_silent_network_loses_nothing_of_what_is_under_way() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let mut socket = echo(&client, &id).await;
    says_back(&mut socket, bytes(1000)).await;
    client.stand_in.cut(Cut::Silent);
    socket.send(Message::binary(bytes(10_000))).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), socket.next()).await;
    assert!(early.is_err(), "something came through: {early:?}");
    client.stand_in.restore();
    assert!(socket.next().await.unwrap().unwrap().into_data() == bytes(10_000));
    client.close().await;
}

#[tokio::test]
async fn a_sandbox_that_is_stopped_by_its_clock_takes_no_new_connection() {
    let faults = Faults::none().with(Fault::StopDuringCall, On::Proxy, When::next(1));
    let client = Client::start(StandInConfig { faults, ..StandInConfig::default() }).await;
    let id = client.sandbox().await;
    let _under_way = echo(&client, &id).await;
    client.until(&id, "stopped").await;
    let url = format!("{}/toolbox/{id}/proxy/9/", client.origin());
    let Err(Error::Http(refused)) = dial(&client, &url, &[]).await else { panic!("it was let in") };
    assert_eq!(refused.status(), 400);
    client.close().await;
}

/// Whatever the proxy does with them, messages are what they were, in both directions and at once.
#[test]
fn any_manner_keeps_any_messages() {
    use proptest::prelude::*;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let manners = (prop::option::of(1_usize..3000), 0_u64..50, prop::option::of(1_usize..5000))
        .prop_map(|(piece, delay, frame)| Manner { piece, delay: Duration::from_micros(delay), frame });
    let messages = prop::collection::vec(prop_oneof![0_usize..200, 60_000_usize..70_000], 1..8);
    let cases = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(cases, |(manner in manners, sizes in messages)| {
        // Pieces of a byte and a delay each would take for ever: large messages come in pieces that are not so small.
        let piece = manner.piece.map(|piece| piece.max(sizes.iter().max().unwrap() / 200 + 1));
        let manner = Manner { piece, ..manner };
        runtime.block_on(async {
            let client = Client::start(StandInConfig { manner, ..StandInConfig::default() }).await;
            let id = client.sandbox().await;
            let (mut out, mut back) = echo(&client, &id).await.split();
            let sending = async {
                for size in &sizes {
                    out.send(Message::binary(bytes(*size))).await.unwrap();
                }
            };
            let receiving = async {
                for size in &sizes {
                    let heard = back.next().await.unwrap().unwrap().into_data();
                    assert!(heard == bytes(*size), "{size} bytes came back changed, {manner:?}");
                }
            };
            tokio::join!(sending, receiving);
            client.close().await;
        });
    });
}
