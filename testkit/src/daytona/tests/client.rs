//! A client that knows nothing: requests as they are written, answers as they come.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::super::{StandIn, StandInConfig};

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// A stand-in, and what it is asked with.
pub(super) struct Client {
    pub stand_in: StandIn,
}

impl Client {
    pub(super) async fn start(config: StandInConfig) -> Self {
        Self { stand_in: StandIn::start(config).await.unwrap() }
    }

    pub(super) fn origin(&self) -> String {
        self.stand_in.api_url().strip_suffix("/api").unwrap().to_owned()
    }

    /// Asks at a path of the stand-in.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let kind = if body.is_some() { "application/json" } else { "" };
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.send(method, path, kind, body).await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, Some(body)).await
    }

    /// The same with any body; an error where there was no answer, or not the whole of it.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> Result<Answer, hyper::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.origin()))
            .header("authorization", format!("Bearer {}", self.stand_in.api_key()))
            .header("x-daytona-source", "unit-test")
            .header("x-daytona-sdk-version", "0.205.1");
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        request_of(request.body(Body::from(body)).unwrap()).await
    }

    /// A sandbox that runs; its id.
    pub(super) async fn sandbox(&self) -> String {
        let made = self.post("/api/sandbox", json!({ "env": {}, "labels": {} })).await;
        assert_eq!((made.status, &made.json()["state"]), (200, &json!("started")), "{:?}", made.json());
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a sandbox is in a state; `gone` is one.
    pub(super) async fn until(&self, id: &str, state: &str) {
        let reached = || async {
            let read = self.get(&format!("/api/sandbox/{id}")).await;
            let now = if read.status == 404 { json!("gone") } else { read.json()["state"].clone() };
            now == state
        };
        eventually(&format!("{id} is {state}"), reached).await;
    }

    /// Waits until a command has ended.
    pub(super) async fn until_ended(&self, run: &str) {
        let ended = || async { self.get(run).await.json().get("exitCode").is_some() };
        eventually(&format!("{run} ends"), ended).await;
    }

    /// Ends, and with it the test, if anything broke the specs.
    pub(super) async fn close(self) {
        let violations = self.stand_in.violations();
        assert!(violations.is_empty(), "{violations:#?}");
        self.stand_in.close().await;
    }
}

/// One request on a connection of its own.
pub(super) async fn request_of(request: Request<Body>) -> Result<Answer, hyper::Error> {
    let address = request.uri().authority().unwrap().as_str().to_owned();
    let stream = TcpStream::connect(&address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let path = request.uri().path_and_query().unwrap().as_str().to_owned();
    let (mut parts, body) = request.into_parts();
    parts.uri = path.parse().unwrap();
    parts.headers.insert("host", address.parse().unwrap());
    let answer = sender.send_request(Request::from_parts(parts, body)).await?;
    let (status, headers): (StatusCode, HeaderMap) = (answer.status(), answer.headers().clone());
    let body = answer.into_body().collect().await?.to_bytes().to_vec();
    Ok(Answer { status: status.as_u16(), headers, body })
}

/// Looks again and again, for at most 20 s.
pub(super) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let until = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), until).await.is_ok(), "not within 20 s: {what}");
}
