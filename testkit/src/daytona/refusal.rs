//! Errors, in each of the shapes in which they come.
//!
//! | from | body |
//! |---|---|
//! | the control plane | `{statusCode, error, message, path, timestamp}` |
//! | the toolbox, and the proxy before it | `{statusCode, message, code, path, method, timestamp, source}` |
//! | some of the toolbox's handlers | `{error}` |
//! | an upload of several files | `{errors, files}` |
//! | a load balancer | nothing |
//!
//! A handler gives a [`Refusal`]; the gate, which knows the request, makes the body of it.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::faults::ErrorShape;

/// A request that is not done.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    status: StatusCode,
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    Api { message: String },
    Coded { message: String, code: &'static str, source: &'static str },
    Bare { error: String },
    Uploads { errors: Vec<String>, files: Vec<String> },
    Empty,
}

impl Refusal {
    /// Of the control plane.
    pub(crate) fn api(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, shape: Shape::Api { message: message.into() } }
    }

    /// Of the toolbox, by the daemon in the sandbox.
    pub(crate) fn daemon(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, shape: Shape::Coded { message: message.into(), code, source: "DAYTONA_DAEMON" } }
    }

    /// Of the proxy that stands before every sandbox.
    pub(crate) fn proxy(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, shape: Shape::Coded { message: message.into(), code, source: "DAYTONA_PROXY" } }
    }

    /// One word and nothing more.
    pub(crate) fn bare(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, shape: Shape::Bare { error: error.into() } }
    }

    /// Of an upload, of which `files` are there all the same.
    pub(crate) fn uploads(errors: Vec<String>, files: Vec<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, shape: Shape::Uploads { errors, files } }
    }

    /// Of a load balancer: a status, and no body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, shape: Shape::Empty }
    }

    /// What a fault asks for.
    pub(crate) fn injected(status: u16, shape: ErrorShape) -> Self {
        let status = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 400);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let why = "the stand-in was told to refuse this";
        match shape {
            ErrorShape::Api => Self::api(status, why),
            ErrorShape::Daemon => Self::daemon(status, "INTERNAL_SERVER_ERROR", why),
            ErrorShape::Proxy => Self::proxy(status, "INTERNAL_SERVER_ERROR", why),
            ErrorShape::Bare => Self::bare(status, why),
            ErrorShape::Uploads => Self { status, ..Self::uploads(vec![why.to_owned()], Vec::new()) },
            ErrorShape::Empty => Self::empty(status),
        }
    }

    /// Nothing serves the port, or nothing answers in the sandbox.
    pub(crate) fn bad_gateway() -> Self {
        Self::empty(StatusCode::BAD_GATEWAY)
    }

    /// The answer to this request.
    pub(crate) fn render(&self, method: &Method, path: &str) -> Response<Body> {
        let (status, timestamp) = (self.status.as_u16(), jiff::Timestamp::now().to_string());
        let body = match &self.shape {
            Shape::Api { message } => json!({
                "statusCode": status, "error": self.status.canonical_reason().unwrap_or("Error"),
                "message": message, "path": path, "timestamp": timestamp,
            }),
            Shape::Coded { message, code, source } => json!({
                "statusCode": status, "message": message, "code": code, "path": path,
                "method": method.as_str(), "timestamp": timestamp, "source": source,
            }),
            Shape::Bare { error } => json!({ "error": error }),
            Shape::Uploads { errors, files } => json!({ "errors": errors, "files": files }),
            Shape::Empty => Value::Null,
        };
        let mut answer =
            Response::new(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) });
        *answer.status_mut() = self.status;
        if !body.is_null() {
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        answer
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = self.status;
        answer.extensions_mut().insert(self);
        answer
    }
}
