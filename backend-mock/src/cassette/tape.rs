//! What is on a cassette, and how it is made fit to be kept.

use std::collections::BTreeMap;

use hibernaculum_core::{ConfigError, Error, Explanation, Features};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::content::Content;
use super::redaction::Redaction;
use crate::ids::{Numbers, each_text};
use crate::layer::CALLS;

/// The format's version.
const VERSION: u32 = 1;
/// The working directory on every cassette.
const WORKDIR: &str = "/sandbox";
/// Times of the contract's answers.
const TIMES: [&str; 5] = ["at", "created", "last_used", "modified", "saved"];
/// Figures of its answers that no two runs share. Those that end in `_us` are besides.
const FIGURES: [&str; 4] = ["memory", "memory_delta", "cpu", "pid"];

/// A recorded run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tape {
    pub(super) version: u32,
    pub(super) features: Features,
    pub(super) calls: Vec<Take>,
}

/// One call, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Take {
    pub(super) call: String,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) with: Map<String, Value>,
    /// A file that went in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) takes: Option<Content>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gives: Option<Value>,
    /// A file that came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<Content>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fails: Option<Explanation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<Vec<Moment>>,
    /// The number of the first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) first_seq: Option<u64>,
}

/// One thing in the life of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Moment {
    /// What follows came only after this call, counted from 1: it may have been the cause.
    AfterCall { after_call: usize },
    /// It ended without an outcome.
    Failed { fails: Explanation },
    /// An event, without what its place tells.
    Event(Map<String, Value>),
}

impl Tape {
    pub(super) fn new(features: Features) -> Self {
        Self { version: VERSION, features, calls: Vec::new() }
    }

    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let tape: Self = crate::yaml::read("cassette", text)?;
        let invalid = |field: &str, value: String, rule: &str| -> Error {
            ConfigError::Invalid { field: field.to_owned(), value, rule: rule.to_owned() }.into()
        };
        if tape.version != VERSION {
            let rule = "must be 1: this release knows no other";
            return Err(invalid("cassette.version", tape.version.to_string(), rule));
        }
        let unknown = tape.calls.iter().find(|call| !CALLS.contains(&call.call.as_str()));
        match unknown {
            Some(call) => {
                Err(invalid("cassette.calls", call.call.clone(), "has a call that the contract has not"))
            }
            None => Ok(tape),
        }
    }

    /// Makes it fit to be kept: no secrets, no times, ids by number, output in one piece.
    pub(super) fn tidied(mut self, mut redaction: Redaction) -> Self {
        let workdirs = self.look(&mut redaction);
        // Who takes an execution up again names an event by its number.
        let may_merge = !self.calls.iter().any(|take| take.call == "attach");
        let mut numbers = Numbers::default();
        for take in &mut self.calls {
            let mut with = Value::Object(std::mem::take(&mut take.with));
            let mut tidy = |value: &mut Value, is_answer: bool| {
                if is_answer {
                    still(value);
                }
                for workdir in &workdirs {
                    each_text(value, &mut |text| {
                        if text.contains(workdir) {
                            *text = text.replace(workdir, WORKDIR);
                        }
                    });
                }
                redaction.apply(value);
                numbers.all(value);
            };
            if take.call == "namespace_set"
                && let Some(own) = with.get_mut("value")
            {
                redaction.apply_to_own(own);
            }
            tidy(&mut with, false);
            if let Value::Object(with) = with {
                take.with = with;
            }
            if let Some(gives) = &mut take.gives {
                if take.call == "namespace_get" {
                    redaction.apply_to_own(gives);
                }
                tidy(gives, true);
            }
            if let Some(fails) = &mut take.fails {
                *fails = tidied_error(fails, &mut tidy);
            }
            for content in [&mut take.takes, &mut take.content].into_iter().flatten() {
                content.edit(|text| tidy(text, true));
            }
            if let Some(events) = &mut take.events {
                take.first_seq = events.iter().find_map(Moment::seq).filter(|seq| *seq != 1);
                // Before anything else: what was printed in two pieces is one secret, one id, one directory.
                hide_printed(events, &redaction);
                if may_merge {
                    *events = merged(std::mem::take(events));
                }
                for moment in events.iter_mut() {
                    match moment {
                        Moment::Event(event) => {
                            let mut value = Value::Object(std::mem::take(event));
                            tidy(&mut value, true);
                            if let Value::Object(mut fields) = value {
                                for placed in ["seq", "execution", "at"] {
                                    fields.remove(placed);
                                }
                                *event = without_the_usual(fields);
                            }
                        }
                        Moment::Failed { fails } => *fails = tidied_error(fails, &mut tidy),
                        Moment::AfterCall { .. } => {}
                    }
                }
            }
        }
        self
    }

    /// Secrets that only a look at the calls shows, and working directories.
    fn look(&self, redaction: &mut Redaction) -> Vec<String> {
        let mut workdirs: Vec<String> = Vec::new();
        let mut given: Vec<String> = Vec::new();
        let mut passwords = Vec::new();
        for take in &self.calls {
            if let Some(spec) = take.with.get("spec") {
                redaction.add_env(spec);
            }
            let asked = take.with.get("spec").and_then(|spec| spec.get("workdir"));
            if let Some(Value::String(workdir)) = take.gives.as_ref().and_then(|gives| gives.get("workdir"))
                && workdir.len() > 1
            {
                // One that was asked for is asked for again, wherever it is played.
                if asked.and_then(Value::as_str) == Some(workdir) {
                    given.push(workdir.clone());
                } else {
                    workdirs.push(workdir.clone());
                }
            }
            for moment in take.events.iter().flatten() {
                if let Moment::Event(event) = moment
                    && event.get("password") == Some(&json!(true))
                {
                    passwords.extend(event.get("token").cloned());
                }
            }
        }
        for take in self.calls.iter().filter(|take| take.call == "answer") {
            if let (Some(token), Some(Value::String(line))) =
                (take.with.get("token"), take.with.get("reply").and_then(|reply| reply.get("line")))
                && passwords.contains(token)
            {
                redaction.add(line);
            }
        }
        workdirs.retain(|workdir| !given.contains(workdir));
        workdirs.sort_by_key(|workdir| std::cmp::Reverse(workdir.len()));
        workdirs.dedup();
        workdirs
    }
}

impl Moment {
    fn seq(&self) -> Option<u64> {
        match self {
            Self::Event(event) => event.get("seq").and_then(Value::as_u64),
            _ => None,
        }
    }
}

fn tidied_error(fails: &Explanation, tidy: &mut impl FnMut(&mut Value, bool)) -> Explanation {
    let mut value = serde_json::to_value(fails).unwrap_or_default();
    tidy(&mut value, true);
    serde_json::from_value(value).unwrap_or_else(|_| fails.clone())
}

/// Takes out times and figures, so that the same run gives the same file.
fn still(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(still),
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                match field {
                    Value::String(text)
                        if TIMES.contains(&key.as_str()) && text.parse::<jiff::Timestamp>().is_ok() =>
                    {
                        "1970-01-01T00:00:00Z".clone_into(text);
                    }
                    Value::Number(_) if key.ends_with("_us") || FIGURES.contains(&key.as_str()) => {
                        *field = json!(0);
                    }
                    _ => still(field),
                }
            }
        }
        _ => {}
    }
}

/// An outcome without what it says when there is nothing to say. (Whoever reads it puts that back.)
fn without_the_usual(mut event: Map<String, Value>) -> Map<String, Value> {
    if event.get("event") == Some(&json!("finished")) {
        let nothing = [
            json!(null),
            json!([]),
            json!(0),
            json!({"added": [], "modified": [], "removed": [], "more": 0}),
        ];
        event.retain(|_, value| !nothing.contains(value));
    }
    event
}

/// Takes secrets out of what was printed, stream by stream: one may have come in pieces.
fn hide_printed(moments: &mut [Moment], redaction: &Redaction) {
    let mut streams: BTreeMap<String, Vec<&mut String>> = BTreeMap::new();
    for moment in moments {
        if let Moment::Event(event) = moment
            && event.get("event") == Some(&json!("output"))
        {
            let stream = event.get("stream").map(Value::to_string).unwrap_or_default();
            if let Some(Value::String(text)) = event.get_mut("text") {
                streams.entry(stream).or_default().push(text);
            }
        }
    }
    for pieces in streams.values_mut() {
        redaction.hide(pieces);
    }
}

/// Output of one stream that came in pieces, in one.
fn merged(moments: Vec<Moment>) -> Vec<Moment> {
    let mut merged: Vec<Moment> = Vec::new();
    for moment in moments {
        if let (Some(Moment::Event(last)), Moment::Event(event)) = (merged.last_mut(), &moment)
            && event.get("event") == Some(&json!("output"))
            && last.get("event") == event.get("event")
            && last.get("stream") == event.get("stream")
            && let (Some(Value::String(all)), Some(Value::String(more))) =
                (last.get_mut("text"), event.get("text"))
        {
            all.push_str(more);
            continue;
        }
        merged.push(moment);
    }
    merged
}
