//! What every request goes through before it is served, and every answer after it.
//!
//! ```text
//!  request ─▶ read JSON ─▶ held to the contract ─▶ key? ─▶ fault? ─▶ served
//!                                                            │         │
//!  answer ◀─ labelled ◀─ slowed, cut short, lost ◀─ held to the contract ◀─ error rendered
//!              └──▶ journal
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::faults::{Fault, Part};
use super::journal::Recorded;
use super::refusal::Refusal;
use super::spec::Asked;
use super::world::World;

/// The header that every answer of the stand-in carries.
pub const LABEL: &str = "x-stand-in";
/// What it says.
const LABEL_SAYS: &str = "hibernaculum-testkit; this is not Daytona";
/// How the router says what it cannot read.
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
/// How much JSON is read at most.
const JSON_AT_MOST: usize = 64 << 20;

/// The connection that a request came on, so that it can be ended without an answer.
#[derive(Debug, Clone)]
pub(crate) struct Line(pub CancellationToken);

/// What goes wrong with this request; handlers that know how to look for it.
#[derive(Debug, Clone)]
pub(crate) struct Struck(pub Option<Fault>);

/// The names of a form's parts, as a handler met them.
#[derive(Debug, Clone)]
pub(crate) struct Parts(pub Vec<String>);

/// Puts the gate before all routes.
pub(crate) fn guard(world: &Arc<World>, routes: Router<Arc<World>>) -> Router {
    routes
        .fallback(nowhere)
        .method_not_allowed_fallback(nowhere)
        .layer(from_fn_with_state(world.clone(), pass))
        .with_state(world.clone())
}

async fn nowhere(request: Request) -> Refusal {
    let what = format!("Cannot {} {}", request.method(), request.uri().path());
    match part(request.uri().path()) {
        Part::Api => Refusal::api(StatusCode::NOT_FOUND, what),
        _ => Refusal::daemon(StatusCode::NOT_FOUND, "NOT_FOUND", what),
    }
}

fn part(path: &str) -> Part {
    let Some(inside) = path.strip_prefix("/toolbox/") else {
        return if path.starts_with("/api/") { Part::Api } else { Part::Proxy };
    };
    match inside.split('/').nth(1) {
        Some("proxy") => Part::Proxy,
        _ => Part::Toolbox,
    }
}

async fn pass(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let part = part(&path);
    let line = parts.extensions.get::<Line>().cloned();
    let (body, json) = match read(&parts.headers, body).await {
        Ok(read) => read,
        Err(refusal) => return refusal.render(&method, &path),
    };
    let asked = Asked::new(world.contract, part, &parts, json.as_ref());
    world.journal.object(asked.violations());
    let mut record = record(&asked, &parts.headers);

    let fault = world.dice.cast(part, &record.operation);
    record.fault = fault.as_ref().map(|fault| format!("{fault:?}"));
    let refused = if part == Part::Proxy || is_authorized(&world, &parts.headers) {
        fault.as_ref().and_then(|fault| refused(fault, part))
    } else {
        Some(unauthorized(part))
    };
    let mut answer = if let Some(answer) = refused {
        answer
    } else {
        let mut request = Request::from_parts(parts, body);
        request.extensions_mut().insert(Struck(fault.clone()));
        next.run(request).await
    };
    if let Some(refusal) = refusal(&mut answer, part).await {
        let headers = std::mem::take(answer.headers_mut());
        answer = refusal.render(&method, &path);
        answer.headers_mut().extend(headers);
    }
    let (answer, violations) = asked.judge(answer).await;
    world.journal.object(violations);
    let mut answer = afterwards(answer, fault.as_ref());
    answer.headers_mut().insert(HeaderName::from_static(LABEL), HeaderValue::from_static(LABEL_SAYS));
    if let Some(Fault::NoAnswer { after }) = fault {
        world.journal.record(record);
        return hang_up(line, after).await;
    }
    record.parts = answer.extensions_mut().remove::<Parts>().map(|Parts(parts)| parts).unwrap_or_default();
    record.status = Some(answer.status().as_u16());
    world.journal.record(record);
    answer
}

/// The body, and again as JSON where it is that.
async fn read(headers: &HeaderMap, body: Body) -> Result<(Body, Option<serde_json::Value>), Refusal> {
    let is_json = kind(headers).is_some_and(|kind| kind.starts_with("application/json"));
    if !is_json {
        return Ok((body, None));
    }
    let bytes = axum::body::to_bytes(body, JSON_AT_MOST)
        .await
        .map_err(|error| Refusal::bare(StatusCode::BAD_REQUEST, error.to_string()))?;
    // What does not parse is the handler's to refuse.
    let json = serde_json::from_slice(&bytes).ok();
    Ok((Body::from(bytes), json))
}

fn kind(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

fn record(asked: &Asked, headers: &HeaderMap) -> Recorded {
    let telling = |name: &&HeaderName| *name == AUTHORIZATION || name.as_str().starts_with("x-daytona");
    let mut names: Vec<String> =
        headers.keys().filter(telling).map(|name| name.as_str().to_owned()).collect();
    names.sort_unstable();
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Recorded {
        source: value("x-daytona-source"),
        organization: value("x-daytona-organization-id"),
        operation: asked.operation().to_owned(),
        path: asked.path().to_owned(),
        query: asked.query().to_vec(),
        headers: names,
        body: asked.body().cloned(),
        content_type: kind(headers).map(str::to_owned),
        parts: Vec::new(),
        status: None,
        fault: None,
    }
}

/// Whether the request carries the stand-in's key.
pub(crate) fn is_authorized(world: &World, headers: &HeaderMap) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    given.and_then(|value| value.strip_prefix("Bearer ")) == Some(world.api_key.as_str())
}

/// The answer to a request without it.
pub(crate) fn unauthorized(part: Part) -> Response {
    let refusal = match part {
        Part::Api => Refusal::api(StatusCode::UNAUTHORIZED, "Invalid credentials"),
        _ => Refusal::proxy(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "unauthorized"),
    };
    axum::response::IntoResponse::into_response(refusal)
}

/// What a handler refused, or the router before it: it says in plain text what it cannot read.
async fn refusal(answer: &mut Response, part: Part) -> Option<Refusal> {
    if let Some(refusal) = answer.extensions_mut().remove::<Refusal>() {
        return Some(refusal);
    }
    let status = answer.status();
    if part == Part::Proxy || !status.is_client_error() || kind(answer.headers()) != Some(PLAIN_TEXT) {
        return None;
    }
    answer.headers_mut().clear();
    let text =
        axum::body::to_bytes(std::mem::take(answer.body_mut()), JSON_AT_MOST).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    Some(match part {
        Part::Api => Refusal::api(status, text),
        _ => Refusal::daemon(status, "BAD_REQUEST", text),
    })
}

/// The answer of a fault that comes before anything is done.
fn refused(fault: &Fault, part: Part) -> Option<Response> {
    let refusal = match fault {
        Fault::BadGateway => Refusal::bad_gateway(),
        Fault::NoRunnerInfo if part == Part::Api => Refusal::api(StatusCode::BAD_REQUEST, "no runner info"),
        Fault::NoRunnerInfo => Refusal::proxy(StatusCode::BAD_REQUEST, "BAD_REQUEST", "no runner info found"),
        Fault::Refused { status, shape } => Refusal::injected(*status, *shape),
        Fault::Conflict => super::clockwork::in_progress(),
        Fault::Throttled { throttler, retry_after } => return Some(throttled(throttler, *retry_after)),
        _ => return None,
    };
    Some(axum::response::IntoResponse::into_response(refusal))
}

/// 429, with one set of headers for the throttler: no plain `Retry-After`.
fn throttled(throttler: &str, retry_after: Duration) -> Response {
    let refusal = Refusal::api(StatusCode::TOO_MANY_REQUESTS, "ThrottlerException: Too Many Requests");
    let mut answer = axum::response::IntoResponse::into_response(refusal);
    let seconds = retry_after.as_secs();
    let headers = [
        (format!("retry-after-{throttler}"), seconds),
        (format!("x-ratelimit-limit-{throttler}"), 10),
        (format!("x-ratelimit-remaining-{throttler}"), 0),
        (format!("x-ratelimit-reset-{throttler}"), seconds),
    ];
    for (name, value) in headers {
        if let Ok(name) = HeaderName::try_from(name) {
            answer.headers_mut().insert(name, HeaderValue::from(value));
        }
    }
    answer
}

/// What a fault does to an answer that there is.
fn afterwards(answer: Response, fault: Option<&Fault>) -> Response {
    match fault {
        Some(Fault::AnswerLost) => {
            let mut lost = Response::new(Body::empty());
            *lost.status_mut() = StatusCode::BAD_GATEWAY;
            lost
        }
        Some(Fault::SlowBody { piece, pause }) => {
            let (piece, pause) = ((*piece).max(1), *pause);
            remake(answer, |body| {
                Body::from_stream(body.into_data_stream().flat_map(move |data| slowly(data, piece, pause)))
            })
        }
        Some(Fault::TruncatedBody { after }) => {
            let after = *after;
            remake(answer, |body| truncated(body, after))
        }
        _ => answer,
    }
}

/// Another body; its length is told as it was.
fn remake(answer: Response, change: impl FnOnce(Body) -> Body) -> Response {
    use axum::body::HttpBody as _;
    let length = answer.body().size_hint().exact();
    let mut changed = answer.map(change);
    if let Some(length) = length {
        changed.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    changed
}

type Data = Result<Bytes, axum::Error>;

fn slowly(data: Data, piece: usize, pause: Duration) -> impl stream::Stream<Item = Data> {
    stream::unfold(Some(data), move |rest| async move {
        tokio::time::sleep(pause).await;
        match rest? {
            Ok(mut bytes) if bytes.len() > piece => {
                let first = bytes.split_to(piece);
                Some((Ok(first), Some(Ok(bytes))))
            }
            last => Some((last, None)),
        }
    })
}

fn truncated(body: Body, after: usize) -> Body {
    let cut = || Err(axum::Error::new(std::io::Error::other("the stand-in cuts this body short")));
    let data = body.into_data_stream().chain(stream::once(async move { cut() }));
    Body::from_stream(data.scan(Some(after), move |left, data: Data| {
        let next = match (left.take(), data) {
            (None, _) => None,
            (Some(0), _) => Some(cut()),
            (Some(some), Ok(mut bytes)) => {
                bytes.truncate(some);
                *left = Some(some - bytes.len());
                Some(Ok(bytes))
            }
            (Some(_), error) => Some(error),
        };
        std::future::ready(next)
    }))
}

/// Ends the connection without an answer.
async fn hang_up(line: Option<Line>, after: Duration) -> Response {
    tokio::time::sleep(after).await;
    if let Some(Line(connection)) = line {
        connection.cancel();
    }
    std::future::pending().await
}
