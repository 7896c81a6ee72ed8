//! The port proxy: HTTP and WebSocket to a port of the sandbox's loopback, by the toolbox or by a preview URL.
//!
//! ```text
//!  client ──request──▶ proxy ──request──▶ 127.0.0.1:port
//!         ◀──answer───       ◀──answer───
//!         ══ after 101: bytes, in both directions, as they come ══
//! ```
//!
//! What is a WebSocket is not ended here: after the 101 bytes are passed on as they are, so nothing is too long, and a reader that is slow slows the
//! writer down. Only where a [`Manner`](super::Manner) or a fault asks for it are frames looked at.

mod frames;
mod reframe;
mod tunnel;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONNECTION, HOST, UPGRADE};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::faults::{Fault, Part};
use super::gate::{self, Struck, is_authorized, unauthorized};
use super::refusal::Refusal;
use super::toolbox::enter;
use super::world::World;
use tunnel::Tunnel;

/// The header that carries a preview's token.
const PREVIEW_TOKEN: HeaderName = HeaderName::from_static("x-daytona-preview-token");
/// The same in the query, as browsers have it.
const PREVIEW_QUERY: &str = "DAYTONA_SANDBOX_AUTH_KEY";

/// Below a sandbox's toolbox.
pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/proxy/{port}", any(by_toolbox))
        .route("/proxy/{port}/", any(by_toolbox))
        .route("/proxy/{port}/{*rest}", any(by_toolbox))
}

/// Everything at a preview's own address.
pub(crate) fn preview(world: &Arc<World>, sandbox: String, port: u16, token: String) -> Router {
    let target = Arc::new(Preview { sandbox, port, token });
    let serve = move |state: State<Arc<World>>, request: Request| by_preview(state, target.clone(), request);
    gate::guard(world, Router::new().route("/", any(serve.clone())).route("/{*path}", any(serve)))
}

#[derive(Debug)]
struct Preview {
    sandbox: String,
    port: u16,
    token: String,
}

/// A key that is right is asked for before a port that is.
async fn by_toolbox(
    State(world): State<Arc<World>>,
    Path(place): Path<Vec<(String, String)>>,
    request: Request,
) -> Response {
    if !is_authorized(&world, request.headers()) {
        return unauthorized(Part::Proxy);
    }
    let of =
        |name: &str| place.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str());
    let Ok(port) = of("port").parse() else {
        return Refusal::daemon(StatusCode::BAD_REQUEST, "BAD_REQUEST", "invalid port").into_response();
    };
    if !world.config.proxies_web_sockets && request.headers().contains_key(UPGRADE) {
        return Refusal::bad_gateway().into_response();
    }
    // Behind `/proxy/{port}/`, as it was sent and not as it was decoded.
    let path = request.uri().path().splitn(4, '/').nth(3).unwrap_or_default().to_owned();
    forward(&world, of("sandbox"), port, &path, request).await
}

async fn by_preview(State(world): State<Arc<World>>, target: Arc<Preview>, request: Request) -> Response {
    let headers = request.headers();
    let has_token =
        headers.get(&PREVIEW_TOKEN).is_some_and(|given| given.as_bytes() == target.token.as_bytes());
    let in_query = request
        .uri()
        .query()
        .is_some_and(|query| query.contains(&format!("{PREVIEW_QUERY}={}", target.token)));
    let is_public = world.find(&target.sandbox).is_ok_and(|sandbox| sandbox.wanted.public == Some(true));
    if !(is_public || has_token || in_query || is_authorized(&world, headers)) {
        return unauthorized(Part::Proxy);
    }
    let path = request.uri().path().trim_start_matches('/').to_owned();
    forward(&world, &target.sandbox, target.port, &path, request).await
}

async fn forward(world: &Arc<World>, sandbox: &str, port: u16, path: &str, request: Request) -> Response {
    let fault = request.extensions().get::<Struck>().and_then(|struck| struck.0.clone());
    let sandbox = match enter(world, sandbox, fault.as_ref()).await {
        Ok(sandbox) => sandbox.id,
        Err(refusal) => return refusal.into_response(),
    };
    if fault == Some(Fault::StopDuringCall) {
        let (world, sandbox) = (world.clone(), sandbox.clone());
        world.clone().spawn(async move { world.stop_by_itself(&sandbox).await });
    }
    let port = if let Some(Fault::Misrouted { port: other }) = fault { other } else { port };
    match exchange(world, port, path, request, fault).await {
        Ok(answer) => answer,
        Err(_) => Refusal::bad_gateway().into_response(),
    }
}

/// Sends the request on, and gives the answer; bytes that follow a 101 go on by themselves.
async fn exchange(
    world: &Arc<World>,
    port: u16,
    path: &str,
    mut request: Request,
    fault: Option<Fault>,
) -> Result<Response, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    world.spawn(async move {
        let _ = connection.with_upgrades().await;
    });
    let client = request.extensions_mut().remove::<OnUpgrade>();
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let (parts, body) = request.into_parts();
    let is_upgrade = parts.headers.contains_key(UPGRADE);
    let mut onward =
        hyper::Request::builder().method(parts.method).uri(format!("/{path}{query}").parse::<Uri>()?);
    if let Some(headers) = onward.headers_mut() {
        *headers = passed_on(&parts.headers, is_upgrade);
        headers.insert(HOST, format!("127.0.0.1:{port}").parse()?);
    }
    let mut answer = sender.send_request(onward.body(body)?).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let server = hyper::upgrade::on(&mut answer);
        let client = client.ok_or("the client asked for no upgrade")?;
        let tunnel = Tunnel::new(world.config.manner, fault.as_ref());
        let shared = world.clone();
        world.spawn(async move {
            if let (Ok(client), Ok(server)) = tokio::join!(client, server) {
                shared.network.carry(tunnel.join(client, server)).await;
            }
        });
    }
    let is_switch = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
    let (parts, body) = answer.into_parts();
    let mut passed = Response::new(Body::new(body));
    *passed.status_mut() = parts.status;
    *passed.headers_mut() = passed_on(&parts.headers, is_switch);
    Ok(passed)
}

/// Headers without those that are of one connection only, and without the key, which is none of the sandbox's business.
fn passed_on(headers: &HeaderMap, is_upgrade: bool) -> HeaderMap {
    let of_one_hop =
        ["keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding"];
    let mut passed = headers.clone();
    for name in of_one_hop {
        passed.remove(name);
    }
    passed.remove(AUTHORIZATION);
    passed.remove(PREVIEW_TOKEN);
    if !is_upgrade {
        passed.remove(CONNECTION);
        passed.remove(UPGRADE);
    }
    passed
}
