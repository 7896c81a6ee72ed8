//! Questions about a session's names: sent and timed like executions, answered with what was asked for.
//!
//! ```text
//!  Question ─▶ Port::ask ─▶ the queue ─▶ `namespace.…` on the wire ─▶ Executed ─▶ Answer, or a typed error
//! ```

use hibernaculum_core::{
    ByteSize, ConfigError, Error, ExecutionResult, NamespaceFilter, NamespaceListing, SessionError,
    SessionId, Status, Value, VariableKind,
};
use serde::Deserialize as _;

use super::outcome;
use crate::connection::Outbound;
use crate::failure;
use crate::wire::messages::{
    NamespaceClear, NamespaceDelete, NamespaceGet, NamespaceList, NamespaceRepr, NamespaceSet,
};
use crate::wire::{WireError, rpc};

/// What is asked.
#[derive(Debug)]
pub(crate) enum Question {
    List(NamespaceFilter),
    Get { name: String },
    Repr { name: String, bytes: ByteSize },
    Set { name: String, value: String },
    Delete { name: String },
    Clear,
}

/// What comes back.
#[derive(Debug)]
pub(crate) enum Answer {
    Listing(NamespaceListing),
    Json(serde_json::Value),
    Repr(Value),
    /// It was done; whether the name was bound before.
    Done {
        was_bound: bool,
    },
}

/// The longest name, in bytes.
const NAME_LIMIT: usize = 1000;
/// The longest JSON of a value, in bytes.
const VALUE_LIMIT: usize = 64 << 20;

impl Question {
    /// Refuses what no session could do.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let too_long = |field: &str, bytes: usize, limit: usize| ConfigError::Invalid {
            field: field.to_owned(),
            value: format!("{bytes} bytes"),
            rule: format!("must have at most {limit}"),
        };
        if self.name().len() > NAME_LIMIT {
            return Err(too_long("name", self.name().len(), NAME_LIMIT));
        }
        match self {
            Self::Set { value, .. } if value.len() > VALUE_LIMIT => {
                Err(too_long("value", value.len(), VALUE_LIMIT))
            }
            Self::List(NamespaceFilter { prefix: Some(prefix), .. }) if prefix.len() > NAME_LIMIT => {
                Err(too_long("prefix", prefix.len(), NAME_LIMIT))
            }
            _ => Ok(()),
        }
    }

    /// Puts the question into the session's outgoing bytes.
    pub(super) fn push(&self, execution: u64, outbound: &mut Outbound) -> Result<(), WireError> {
        let request = match self {
            Self::List(filter) => {
                let kinds = filter.kinds.iter().filter_map(|kind| word(*kind)).collect();
                rpc::request(execution, &NamespaceList { execution, prefix: filter.prefix.clone(), kinds })?
            }
            Self::Get { name } => rpc::request(execution, &NamespaceGet { execution, name: name.clone() })?,
            Self::Repr { name, bytes } => {
                let (name, value_bytes) = (name.clone(), bytes.as_u64());
                rpc::request(execution, &NamespaceRepr { execution, name, value_bytes })?
            }
            Self::Set { name, value } => {
                let mut set = NamespaceSet { execution, name: name.clone(), value: value.clone().into() };
                outbound.push_texts(&mut set)?;
                rpc::request(execution, &set)?
            }
            Self::Delete { name } => {
                rpc::request(execution, &NamespaceDelete { execution, name: name.clone() })?
            }
            Self::Clear => rpc::request(execution, &NamespaceClear { execution })?,
        };
        outbound.push(request)
    }

    /// What the question wants, to say that it was not done.
    fn doing(&self) -> String {
        match self {
            Self::List(_) => "list its names".to_owned(),
            Self::Get { name } => format!("read `{name}`"),
            Self::Repr { name, .. } => format!("tell the `repr` of `{name}`"),
            Self::Set { name, .. } => format!("bind `{name}`"),
            Self::Delete { name } => format!("delete `{name}`"),
            Self::Clear => "clear its names".to_owned(),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::List(_) | Self::Clear => "",
            Self::Get { name } | Self::Repr { name, .. } | Self::Set { name, .. } | Self::Delete { name } => {
                name
            }
        }
    }
}

/// What to say to whom asked.
#[derive(Debug)]
pub(super) struct Asked {
    session: SessionId,
    doing: String,
    name: String,
}

impl Asked {
    pub(super) fn new(session: SessionId, question: &Question) -> Self {
        Self { session, doing: question.doing(), name: question.name().to_owned() }
    }

    /// Reads the answer out of what the question came to.
    pub(super) fn read(self, result: ExecutionResult) -> Result<Answer, Error> {
        if result.status() != Status::Completed {
            return Err(outcome::not_served(self.session, self.doing, &result.outcome));
        }
        let mut value = result.outcome.value.unwrap_or_default();
        let Some(serde_json::Value::Object(mut answer)) = value.json.take() else {
            return Err(failure::mistaken(&self.doing));
        };
        let kind = answer.remove("answer");
        let text = |key: &str| answer.get(key).and_then(|why| why.as_str()).unwrap_or_default().to_owned();
        match kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or_default() {
            "listing" => {
                let listing = NamespaceListing::deserialize(serde_json::Value::Object(answer));
                listing.map(Answer::Listing).map_err(|_| failure::mistaken(&self.doing))
            }
            "value" => Ok(Answer::Json(answer.remove("value").unwrap_or_default())),
            "repr" => Ok(Answer::Repr(value)),
            "done" => Ok(Answer::Done { was_bound: answer.get("bound") == Some(&true.into()) }),
            "unbound" => Err(SessionError::NoSuchName { session: self.session, name: self.name }.into()),
            "inexact" => {
                let problem = text("why");
                Err(SessionError::NotJson { name: self.name, type_name: value.type_name, problem }.into())
            }
            "invalid" => {
                let rule = text("why");
                Err(ConfigError::Invalid { field: "name".to_owned(), value: self.name, rule }.into())
            }
            _ => Err(failure::mistaken(&self.doing)),
        }
    }
}

/// A kind's word on the wire; of one that this version does not know there is nothing to list.
fn word(kind: VariableKind) -> Option<String> {
    serde_json::to_value(kind).ok().and_then(|word| word.as_str().map(str::to_owned))
}
