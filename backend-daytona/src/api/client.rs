//! One request to the service: the key, a deadline, and as many tries as it may have.
//!
//! ```text
//!  send ──▶ try ──┬─ success ──────────────────────────────▶ the body
//!           ^     ├─ the service did nothing (429, NotYet) ─▶ wait as it says ─┐
//!           │     ├─ nobody knows, or no connection ───────▶ Repeat::Freely? ──┤
//!           │     └─ anything else ────────────────────────▶ ApiError          │
//!           └──────────────── while the budget lasts ──────────────────────────┘
//! ```

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{Key, Meaning, Refusal, Speaker};

/// The client release whose manners are followed: the service behaves by it.
const VERSION: &str = "0.205.1";
const CONNECT: Duration = Duration::from_secs(10);
/// For one try. Creating a sandbox has been seen to take 35 s.
const ANSWER: Duration = Duration::from_mins(1);
/// The same, where an answer is of use at once or not at all.
const AT_ONCE: Duration = Duration::from_secs(5);
/// No answer of interest is longer.
const LONGEST: usize = 16 << 20;

/// Whether a request may be made again where nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It may: done twice is done once.
    Freely,
    /// Only where the service says that it did nothing.
    IfNothingWasDone,
}

/// The service, as one account sees it.
#[derive(Clone)]
pub(crate) struct Api {
    http: Client,
    base: String,
    headers: HeaderMap,
    budget: Duration,
    answer: Duration,
}

/// What became of a request that did not succeed.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The service answered.
    Refused(Refusal),
    /// It could not be asked, or its answer did not come whole.
    Broken { problem: String, was_sent: bool, source: Option<reqwest::Error> },
    /// It answered something that cannot be read.
    Nonsense { problem: String },
}

impl Api {
    /// `base` is where the paths begin; `budget` bounds the waiting between the tries of one request.
    pub(crate) fn new(
        base: &str,
        key: &Key,
        organization: Option<HeaderValue>,
        budget: Duration,
    ) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .connect_timeout(CONNECT)
            .redirect(Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .user_agent(concat!("hibernaculum/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let mut headers = HeaderMap::from_iter([
            (AUTHORIZATION, key.header()),
            (ACCEPT, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("x-daytona-source"), HeaderValue::from_static("hibernaculum")),
            (HeaderName::from_static("x-daytona-sdk-version"), HeaderValue::from_static(VERSION)),
        ]);
        if let Some(organization) = organization {
            headers.insert(HeaderName::from_static("x-daytona-organization-id"), organization);
        }
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), headers, budget, answer: ANSWER })
    }

    /// The address, without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The client, and the headers that every request has: for whoever upgrades a connection.
    pub(crate) fn parts(&self) -> (&Client, &HeaderMap) {
        (&self.http, &self.headers)
    }

    /// The same service, asked once and no more: for questions whose answer is of no use later.
    pub(crate) fn impatient(&self) -> Self {
        Self { budget: Duration::ZERO, answer: AT_ONCE, ..self.clone() }
    }

    /// A request below an address: the service's own, or a toolbox's.
    pub(crate) fn request(&self, method: Method, base: &str, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{base}{path}")).headers(self.headers.clone()).timeout(self.answer)
    }

    /// Makes a request, with as many tries as it may have.
    pub(crate) async fn send(
        &self,
        repeat: Repeat,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Bytes, ApiError> {
        self.tries(repeat, request, Ok).await
    }

    /// The same, where the answer is JSON. One that cannot be read is as good as none.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        repeat: Repeat,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<T, ApiError> {
        let read = |body: Bytes| {
            serde_json::from_slice(&body).map_err(|error| ApiError::Nonsense { problem: error.to_string() })
        };
        self.tries(repeat, request, read).await
    }

    async fn tries<T>(
        &self,
        repeat: Repeat,
        request: impl Fn() -> RequestBuilder,
        read: impl Fn(Bytes) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let end = Instant::now() + self.budget;
        let pause = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(3))
            .with_jitter()
            .without_max_times();
        let again = |error: &ApiError, pause: Option<Duration>| {
            let wait = match error.meaning() {
                Some(Meaning::TooMany(wait)) => wait.max(pause?),
                Some(Meaning::NotYet) => pause?,
                Some(Meaning::Unclear) if repeat == Repeat::Freely => pause?,
                None if repeat == Repeat::Freely || error.was_not_sent() => pause?,
                _ => return None,
            };
            let is_in_time = Instant::now() + wait <= end;
            is_in_time.then(|| {
                tracing::debug!(%error, ?wait, "a request to the service is made again");
                wait
            })
        };
        (|| async { read(one_try(request()).await?) }).retry(pause).adjust(again).await
    }
}

async fn one_try(request: RequestBuilder) -> Result<Bytes, ApiError> {
    let mut response = request.send().await.map_err(ApiError::of)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(ApiError::of)? {
        if body.len() + piece.len() > LONGEST {
            return Err(ApiError::Nonsense { problem: format!("an answer of more than {LONGEST} bytes") });
        }
        body.extend_from_slice(&piece);
    }
    if status.is_success() {
        Ok(body.freeze())
    } else {
        Err(ApiError::Refused(Refusal::read(status, &headers, &body)))
    }
}

impl ApiError {
    fn of(error: reqwest::Error) -> Self {
        // What lies beneath says more than "error sending request".
        let mut problem = error.to_string();
        let mut beneath = error.source();
        while let Some(cause) = beneath {
            problem = format!("{problem}: {cause}");
            beneath = cause.source();
        }
        let was_sent = !(error.is_connect() || error.is_builder());
        Self::Broken { problem, was_sent, source: Some(error) }
    }

    /// What the service's answer means; nothing where it gave none that can be read.
    pub(crate) fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Refused(refusal) => Some(refusal.meaning()),
            Self::Broken { .. } | Self::Nonsense { .. } => None,
        }
    }

    /// Whether the control plane itself says that there is no such thing (any more), and not somebody on the way to it.
    pub(crate) fn is_disowned(&self) -> bool {
        self.is_gone() && matches!(self, Self::Refused(Refusal { speaker: Speaker::Service, .. }))
    }

    /// Whether the toolbox itself says so.
    pub(crate) fn is_forgotten(&self) -> bool {
        let speaks = |speaker| matches!(speaker, Speaker::Service | Speaker::Handler);
        self.is_gone() && matches!(self, Self::Refused(refusal) if speaks(refusal.speaker))
    }

    /// Whether there is no such thing (any more), as somebody says.
    pub(crate) fn is_gone(&self) -> bool {
        self.meaning() == Some(Meaning::Gone)
    }

    /// Whether the request may have been carried out all the same.
    pub(crate) fn is_unclear(&self) -> bool {
        self.meaning().is_none_or(|meaning| meaning == Meaning::Unclear) && !self.was_not_sent()
    }

    fn was_not_sent(&self) -> bool {
        matches!(self, Self::Broken { was_sent: false, .. })
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Broken { problem, .. } => f.write_str(problem),
            Self::Nonsense { problem } => write!(f, "its answer cannot be read: {problem}"),
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base", &self.base).finish_non_exhaustive()
    }
}
