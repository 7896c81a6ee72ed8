//! Questions about the names of a scripted session. They need no rule: what the script has bound answers them.

use hibernaculum_engine::wire::messages::{self, Executed, SessionCall, Status, Timings};
use hibernaculum_engine::wire::{Id, WireError};
use serde_json::{Value, json};

use super::Process;
use super::execute::told_value;
use super::namespace::Bound;
use crate::script::{Lookup as _, ScriptedValue};

/// How many names a listing has.
const LISTED: usize = 10_000;
/// How long a preview is, in characters.
const PREVIEW: usize = 200;
/// Python's keywords: no names.
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];
/// Names of the session itself.
const OWN: &[&str] = &["_", "In", "Out"];

impl Process {
    /// Answers a question about names.
    pub(super) async fn names(&mut self, id: &Id, question: SessionCall) -> Result<(), WireError> {
        let Some((execution, value, limit)) = self.consider(question) else { return Ok(()) };
        self.begin(execution);
        self.done(id, execution, Some(told_value(value, limit))).await
    }

    /// Answers what is no code: it printed nothing and changed no name.
    pub(super) async fn done(
        &mut self,
        id: &Id,
        execution: u64,
        value: Option<messages::Value>,
    ) -> Result<(), WireError> {
        let executed = Executed {
            execution,
            status: Status::Completed,
            count: self.count,
            value,
            error: None,
            changes: messages::Changes::default(),
            transaction: None,
            warnings: Vec::new(),
            timings: Timings::default(),
            cpu_us: 0,
            memory_bytes: 0,
            memory_delta: 0,
            raw: self.roads.raw(),
            text_pos: self.roads.text(),
            at: self.world.now_ms(),
        };
        self.answer(id, executed).await?;
        self.roads.execution = 0;
        Ok(())
    }

    /// The question's number, its answer, and how long a `repr` may be.
    fn consider(&mut self, question: SessionCall) -> Option<(u64, ScriptedValue, u64)> {
        let (execution, answer) = match question {
            SessionCall::NamespaceList(list) => {
                (list.execution, self.listing(list.prefix.as_deref().unwrap_or_default(), &list.kinds))
            }
            SessionCall::NamespaceGet(get) => {
                let answer = match self.namespace.value_of(&get.name) {
                    None => json!({"answer": "unbound"}),
                    Some(ScriptedValue { json: Some(value), .. }) => {
                        json!({"answer": "value", "value": value})
                    }
                    Some(value) => {
                        let why = format!("a {} has no exact JSON form", value.type_name);
                        let answer = json!({"answer": "inexact", "why": why});
                        return Some((get.execution, said(&answer, &value.type_name), u64::MAX));
                    }
                };
                (get.execution, answer)
            }
            SessionCall::NamespaceRepr(ask) => {
                let Some(value) = self.namespace.value_of(&ask.name) else {
                    return Some((ask.execution, said(&json!({"answer": "unbound"}), ""), u64::MAX));
                };
                let (mut repr, type_name) = (value.repr.clone(), value.type_name.clone());
                let whole = repr.len();
                let limit = usize::try_from(ask.value_bytes).unwrap_or(usize::MAX);
                let end = (0..=limit.min(whole)).rev().find(|end| repr.is_char_boundary(*end)).unwrap_or(0);
                repr.truncate(end);
                // The `repr` is cut here, so that the answer beside it is not.
                let json = Some(json!({"answer": "repr"}));
                return Some((ask.execution, ScriptedValue { repr, type_name, json }, u64::MAX));
            }
            SessionCall::NamespaceSet(set) => {
                let value = set.value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
                let answer = match (refuses(&set.name), value) {
                    (Some(why), _) => json!({"answer": "invalid", "why": why}),
                    (None, None) => json!({"answer": "invalid", "why": "its value is no JSON"}),
                    (None, Some(value)) => {
                        json!({"answer": "done", "bound": self.namespace.bind(&set.name, value.into())})
                    }
                };
                (set.execution, answer)
            }
            SessionCall::NamespaceDelete(delete) => {
                let answer = match refuses(&delete.name) {
                    Some(why) => json!({"answer": "invalid", "why": why}),
                    None => json!({"answer": "done", "bound": self.namespace.unbind(&delete.name)}),
                };
                (delete.execution, answer)
            }
            SessionCall::NamespaceClear(clear) => {
                self.namespace.clear();
                (clear.execution, json!({"answer": "done", "bound": true}))
            }
            _ => return None,
        };
        Some((execution, said(&answer, ""), u64::MAX))
    }

    fn listing(&self, prefix: &str, kinds: &[String]) -> Value {
        let is_hidden = |name: &str| name.starts_with("__") && name.ends_with("__");
        let is_wanted = |bound: &&Bound| {
            bound.name.starts_with(prefix)
                && !is_hidden(&bound.name)
                && (kinds.is_empty() || kinds.iter().any(|kind| kind == kind_of(&bound.value)))
        };
        let variables: Vec<Value> = self.namespace.iter().filter(is_wanted).map(variable).collect();
        let more = variables.len().saturating_sub(LISTED);
        let listed: Vec<Value> = variables.into_iter().take(LISTED).collect();
        json!({"answer": "listing", "variables": listed, "more": more})
    }
}

fn said(answer: &Value, type_name: &str) -> ScriptedValue {
    ScriptedValue { repr: String::new(), type_name: type_name.to_owned(), json: Some(answer.clone()) }
}

/// Why Python would not take this for a name.
fn refuses(name: &str) -> Option<&'static str> {
    let is_first = |c: char| c == '_' || c.is_alphabetic();
    let is_name = name.starts_with(is_first) && name.chars().all(|c| is_first(c) || c.is_numeric());
    if !is_name {
        return Some("it is no Python identifier");
    }
    if KEYWORDS.contains(&name) {
        return Some("it is a keyword of Python");
    }
    let is_own = (name.starts_with("__") && name.ends_with("__")) || OWN.contains(&name);
    is_own.then_some("it belongs to Python, or to the session itself")
}

fn kind_of(value: &ScriptedValue) -> &'static str {
    match value.type_name.as_str() {
        "function" | "builtin_function_or_method" | "method" => "callable",
        "type" => "class",
        "module" => "module",
        _ => "data",
    }
}

fn variable(bound: &Bound) -> Value {
    let ScriptedValue { repr, type_name, json } = &bound.value;
    let shape = match json {
        Some(Value::Array(items)) => Some(vec![items.len()]),
        Some(Value::Object(fields)) => Some(vec![fields.len()]),
        Some(Value::String(text)) => Some(vec![text.chars().count()]),
        _ => None,
    };
    let preview: String = repr.chars().take(PREVIEW).collect();
    json!({
        "name": bound.name, "type": type_name, "module": "builtins", "kind": kind_of(&bound.value), "shape": shape,
        "size": null, "preview": preview, "serialisable": if json.is_some() { "yes" } else { "unknown" },
    })
}
