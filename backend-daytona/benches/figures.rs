//! The figures of the Daytona backend, on loopback, through the stand-in: never through the service itself.
//!
//! | figure | beside it |
//! |---|---|
//! | `1+1` through the `Session` API, p50 | a bare echo of the same size: a WebSocket of the standard library's Python behind the same port proxy; at most twice |
//! | 100 MB up, and down, through `Sandbox::files` | at least 80 MB/s |
//!
//! How soon an execution goes on after a cut network is back is held to 300 ms by the tests (`cuts`).

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench speaks to people, and one that cannot run says so by a panic"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use hibernaculum_backend_daytona::DaytonaBackend;
use hibernaculum_core::{ByteSize, Sandbox, SandboxSpec, Session};
use hibernaculum_testkit::daytona::{StandIn, StandInConfig};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// How often each is done; in turns, so that a busy moment meets both.
const ROUNDS: usize = 2000;
/// As long as a request for `1+1` is.
const BYTES: usize = 256;
const MEGABYTES: u32 = 100;

fn main() {
    // The service has threads of its own, as it is elsewhere; what is measured has one, as the figures of `hib bench` have: a future that `block_on` drives
    // beside many pays two more switches for each round trip.
    let service = tokio::runtime::Runtime::new().expect("a runtime");
    let stand_in = service.block_on(StandIn::start(StandInConfig::default())).expect("a stand-in");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(figures(&stand_in));
    service.block_on(stand_in.close());
}

async fn figures(service: &StandIn) {
    let builder = DaytonaBackend::builder().api_url(service.api_url()).api_key(service.api_key());
    let backend = builder.python(python()).build().expect("a backend");
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.expect("a sandbox");
    let session = sandbox.session().await.expect("a session");
    let mut echo = Echo::start(service).await;

    let (mut product, mut floor) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS + 50 {
        let (ours, theirs) = (one_and_one(&session).await, echo.round().await);
        if round >= 50 {
            product.push(ours);
            floor.push(theirs);
        }
    }
    let (product, floor) = (median(&mut product), median(&mut floor));
    let times = product.as_secs_f64() / floor.as_secs_f64();
    println!("roundtrip   p50 {product:?}; the echo {floor:?}; {times:.2} times (at most 2, or 500 us)");

    let body = bytes::Bytes::from(vec![b'x'; MEGABYTES as usize * 1_000_000]);
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let begun = Instant::now();
        sandbox.files().write("file", body.clone()).await.expect("it is written");
        up.push(begun.elapsed());
        let begun = Instant::now();
        let read = sandbox.files().read("file", ByteSize::mib(100)).await.expect("it is read");
        down.push(begun.elapsed());
        assert_eq!(read.len(), body.len());
    }
    for (name, mut times) in [("upload", up), ("download", down)] {
        let took = median(&mut times);
        println!("{name:<11} {:.0} MB/s (at least 80)", f64::from(MEGABYTES) / took.as_secs_f64());
    }
    sandbox.close().await.expect("it closes");
}

async fn one_and_one(session: &Session) -> Duration {
    let begun = Instant::now();
    let result = session.execute("1+1").await.expect("it answers");
    let took = begun.elapsed();
    assert_eq!(result.value().map(|value| value.repr.as_str()), Some("2"));
    took
}

/// The floor.
struct Echo {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    process: Child,
}

impl Echo {
    /// Starts one on this machine, whose loopback is that of the stand-in's sandboxes, and connects through the port proxy.
    async fn start(service: &StandIn) -> Self {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("a port").port();
        let mut process = Command::new(python())
            .args(["-I", "-u", "-c", include_str!("echo.py"), &port.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("it speaks");
        let (sandbox, _) = service.sandboxes().into_iter().next().expect("a sandbox");
        let url = format!("{}/{sandbox}/proxy/{port}/", service.api_url().replace("/api", "/toolbox"));
        let mut request = url.replacen("http", "ws", 1).into_client_request().expect("a request");
        let key = HeaderValue::from_str(&format!("Bearer {}", service.api_key())).expect("a key");
        request.headers_mut().insert("authorization", key);
        let (socket, _) = tokio_tungstenite::connect_async(request).await.expect("it connects");
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_nodelay(true).expect("it is TCP");
        }
        Self { socket, process }
    }

    async fn round(&mut self) -> Duration {
        let begun = Instant::now();
        self.socket.send(Message::binary(vec![b'x'; BYTES])).await.expect("it takes");
        let answer = self.socket.next().await.expect("it answers").expect("it answers");
        assert_eq!(answer.len(), BYTES);
        begun.elapsed()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn python() -> String {
    std::env::var("HIBERNACULUM_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}
