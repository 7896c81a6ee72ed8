//! What was asked of the stand-in, in order.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::shape::Shape;
use super::spec::Violation;

/// One request and how it was answered.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Who says it asks: the header `X-Daytona-Source`.
    pub source: Option<String>,
    /// For which organisation: the header `X-Daytona-Organization-ID`.
    pub organization: Option<String>,
    /// The method and the path's template in the specs, as `POST /sandbox`; with the path as it was, where the specs have none like it.
    pub operation: String,
    /// The path, without the query.
    pub path: String,
    /// The query's names and values, decoded.
    pub query: Vec<(String, String)>,
    /// The names of the headers that matter to the service: the authorization and those that begin with `x-daytona`. No value.
    pub headers: Vec<String>,
    /// The body, where it was JSON.
    pub body: Option<Value>,
    /// The kind of the body.
    pub content_type: Option<String>,
    /// The names of a form's parts, in their order.
    pub parts: Vec<String>,
    /// The status of the answer; none where there was none.
    pub status: Option<u16>,
    /// The fault that was put in its way.
    pub fault: Option<String>,
}

impl Recorded {
    /// What it has in common with any other client's request that does the same job.
    pub fn shape(&self) -> Shape {
        Shape::of(self)
    }
}

/// Requests and violations since the start.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    requests: Mutex<Vec<Recorded>>,
    violations: Mutex<Vec<Violation>>,
}

impl Journal {
    pub(crate) fn record(&self, request: Recorded) {
        held(&self.requests).push(request);
    }

    pub(crate) fn object(&self, found: Vec<Violation>) {
        held(&self.violations).extend(found);
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        held(&self.requests).clone()
    }

    pub(crate) fn violations(&self) -> Vec<Violation> {
        held(&self.violations).clone()
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
