//! One request, seen by the contract, and the answer to it.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;

use super::super::faults::Part;
use super::operation::Operation;
use super::{Contract, Violation};

/// How much of an answer is read to be judged; what is longer is no JSON of ours.
const JUDGED_AT_MOST: usize = 16 << 20;

/// A request.
pub(crate) struct Asked {
    part: Part,
    operation: Option<&'static Operation>,
    name: String,
    method: String,
    path: String,
    /// The path below the part's base.
    below: String,
    query: Vec<(String, String)>,
    body: Option<Value>,
}

impl Asked {
    pub(crate) fn new(contract: &'static Contract, part: Part, parts: &Parts, body: Option<&Value>) -> Self {
        let path = parts.uri.path();
        let below = match part {
            Part::Api => path.strip_prefix("/api").unwrap_or(path).to_owned(),
            // Behind `/toolbox/{sandbox}`.
            Part::Toolbox => path.splitn(4, '/').nth(3).map(|rest| format!("/{rest}")).unwrap_or_default(),
            Part::Proxy => path.to_owned(),
        };
        let operation = contract.find(part, parts.method.as_str(), &below);
        let name = match (operation, part) {
            (Some(operation), _) => operation.name.clone(),
            (None, Part::Proxy) => "proxy".to_owned(),
            (None, _) => format!("{} {below}", parts.method),
        };
        let query = axum::extract::Query::try_from_uri(&parts.uri).map(|query| query.0).unwrap_or_default();
        Self {
            part,
            operation,
            name,
            method: parts.method.to_string(),
            path: path.to_owned(),
            below,
            query,
            body: body.cloned(),
        }
    }

    pub(crate) fn operation(&self) -> &str {
        &self.name
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn query(&self) -> &[(String, String)] {
        &self.query
    }

    pub(crate) fn body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    /// What is wrong with the request.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        let wrong = match self.operation {
            Some(operation) => operation.complaints(&self.below, &self.query, self.body.as_ref()),
            // A port's HTTP is not the service's: see the exceptions.
            None if self.part == Part::Proxy => Vec::new(),
            None => vec!["no such path and method".to_owned()],
        };
        self.violation(false, wrong)
    }

    /// The answer as it was, and what is wrong with it.
    pub(crate) async fn judge(&self, answer: Response) -> (Response, Vec<Violation>) {
        let is_json = answer
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        let Some(operation) = self.operation.filter(|_| self.part != Part::Proxy) else {
            return (answer, Vec::new());
        };
        if !is_json {
            let wrong = without_json(operation, answer.status().as_u16());
            return (answer, self.violation(true, wrong));
        }
        let (parts, body) = answer.into_parts();
        let bytes = axum::body::to_bytes(body, JUDGED_AT_MOST).await.unwrap_or_default();
        let wrong = match serde_json::from_slice::<Value>(&bytes) {
            Ok(value) => in_json(operation, parts.status.as_u16(), &value),
            Err(error) => vec![format!("says that it is JSON: {error}")],
        };
        (Response::from_parts(parts, Body::from(bytes)), self.violation(true, wrong))
    }

    fn violation(&self, in_answer: bool, wrong: Vec<String>) -> Vec<Violation> {
        let request = format!("{} {}", self.method, self.path);
        wrong.into_iter().map(|what| Violation { request: request.clone(), in_answer, what }).collect()
    }
}

/// What is wrong with an answer in JSON.
fn in_json(operation: &Operation, status: u16, value: &Value) -> Vec<String> {
    if status >= 400 && !is_of_the_daemon(value) {
        // The specs of the control plane know no errors, and those of the toolbox but one shape: see the exceptions.
        return if is_an_error(value) { Vec::new() } else { vec![format!("no shape of an error: {value}")] };
    }
    // A daemon has errors that an operation does not list; their body is that of those which it lists.
    let listed = operation.answers.get(&status).or_else(|| {
        operation.answers.range(400..).next().map(|(_, schema)| schema).filter(|_| status >= 400)
    });
    match listed {
        Some(Some(schema)) => schema.complaints(value),
        Some(None) => vec![format!("{status} has a body, and none is described")],
        None => vec![format!("no status {status} is described")],
    }
}

/// What is wrong with an answer that is none.
fn without_json(operation: &Operation, status: u16) -> Vec<String> {
    match (status, operation.answers.get(&status)) {
        // 101 where logs are followed; empty errors are those of proxies on the way.
        (101 | 400.., _) | (_, Some(None)) => Vec::new(),
        // Plain text for clients before the switch of versions; multipart.
        (_, Some(Some(_))) if operation.otherwise => Vec::new(),
        (_, Some(Some(_))) => vec![format!("{status} is no JSON")],
        (_, None) => vec![format!("no status {status} is described")],
    }
}

/// An error of the daemon in the sandbox, whose shape the toolbox's spec has.
fn is_of_the_daemon(value: &Value) -> bool {
    value.get("source").and_then(Value::as_str) == Some("DAYTONA_DAEMON")
}

/// One of the other shapes that are known.
fn is_an_error(value: &Value) -> bool {
    let has = |names: &[&str]| names.iter().all(|name| value.get(name).is_some());
    let shapes: [&[&str]; 4] = [
        &["statusCode", "error", "message", "path", "timestamp"],
        &["statusCode", "message", "code", "path", "timestamp", "source"],
        &["errors", "files"],
        &["error"],
    ];
    shapes.iter().any(|shape| has(shape))
}
