//! The published specs, and holding every request and every answer to them.
//!
//! `daytona-spec/` beside this package's sources has them as they were published, with their notices: the control plane as `OpenAPI` 3, the toolbox
//! as Swagger 2. What is checked: paths and methods, names and types of parameters, bodies with their required fields and types, the statuses and
//! bodies of answers. Objects are taken to be closed: a field that a schema does not have is a violation too.
//!
//! ```text
//!  document ──▶ operations, schemas     (once)
//!                    │
//!  request ──▶ asked ┴▶ violations      answer ──▶ judge ──▶ violations
//! ```

mod asked;
mod document;
mod exceptions;
mod operation;
mod schema;
mod served;

use std::fmt;
use std::sync::LazyLock;

pub(crate) use asked::Asked;
pub use exceptions::{Exception, exceptions};
use operation::Operation;
pub use served::SERVED;

use super::faults::Part;

const API: &str = include_str!("../../../daytona-spec/api.json");
const TOOLBOX: &str = include_str!("../../../daytona-spec/toolbox.json");

/// Something that the specs do not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The request's method and path.
    pub request: String,
    /// Whether the answer is meant, which is the stand-in's fault, or the request, which is the client's.
    pub in_answer: bool,
    /// What is not as it should be.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = if self.in_answer { "the answer to " } else { "" };
        write!(f, "{part}{}: {}", self.request, self.what)
    }
}

/// Both specs.
#[derive(Debug)]
pub(crate) struct Contract {
    api: Vec<Operation>,
    toolbox: Vec<Operation>,
}

impl Contract {
    /// As published with release 0.205.1.
    pub(crate) fn published() -> &'static Self {
        static PUBLISHED: LazyLock<Contract> = LazyLock::new(|| Contract {
            api: document::operations(API, "components/schemas"),
            toolbox: document::operations(TOOLBOX, "definitions"),
        });
        &PUBLISHED
    }

    /// The names of all operations of a part, with its base in front of their paths.
    #[cfg(test)]
    pub(crate) fn names(&self, part: Part) -> impl Iterator<Item = &str> {
        let operations = if part == Part::Api { &self.api } else { &self.toolbox };
        operations.iter().map(|operation| operation.name.as_str())
    }

    /// The operation of a request; the path is the one below the part's base.
    fn find(&self, part: Part, method: &str, path: &str) -> Option<&Operation> {
        let operations = match part {
            Part::Api => &self.api,
            Part::Toolbox => &self.toolbox,
            Part::Proxy => return None,
        };
        operations
            .iter()
            .filter(|operation| operation.matches(method, path))
            // `/process/session/entrypoint` before `/process/session/{sessionId}`.
            .min_by_key(|operation| operation.variables())
    }
}

#[cfg(test)]
mod tests;
