//! Requests without their values, so that two clients can be compared.
//!
//! ```text
//!  GET /sandbox ?labels&limit
//!  POST /process/session/{sessionId}/exec {"command":"string","runAsync":"boolean"}
//!  POST /files/bulk-upload <multipart/form-data files[].path files[].file>
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::journal::Recorded;

/// Objects whose keys are values themselves.
const MAPS: [&str; 3] = ["env", "envs", "labels"];

/// The operation, the names of the query and of a form's parts, and the body's fields with their types.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    operation: String,
    query: BTreeSet<String>,
    /// Type by name, as JSON.
    fields: BTreeMap<String, String>,
    /// The kind of a body that is no JSON, and the names of its parts.
    form: Option<String>,
}

impl Shape {
    pub(super) fn of(request: &Recorded) -> Self {
        let fields = request.body.as_ref().and_then(Value::as_object).into_iter().flatten();
        let kind = request.content_type.as_deref().and_then(|kind| kind.split(';').next());
        Self {
            operation: request.operation.clone(),
            query: request.query.iter().map(|(name, _)| name.clone()).collect(),
            fields: fields.map(|(name, value)| (name.clone(), field(name, value).to_string())).collect(),
            form: kind.filter(|kind| *kind != "application/json").map(|kind| {
                let mut words = vec![kind.to_owned()];
                words.extend(request.parts.iter().map(|part| without_index(part)));
                words.dedup();
                words.join(" ")
            }),
        }
    }

    /// The method and the path's template.
    pub fn operation(&self) -> &str {
        &self.operation
    }
}

/// How the requests of one client differ from those of another, for the operations that both use: names of the query and of fields, with their
/// types, that one of them uses and the other does not. One line for each, sorted; `+` is what only `ours` have, `-` what each of `theirs` has and none of ours.
pub fn differences<'a>(ours: impl IntoIterator<Item = &'a Shape>, theirs: &BTreeSet<Shape>) -> Vec<String> {
    let mut by_operation = BTreeMap::<&str, Vec<&Shape>>::new();
    for shape in ours {
        by_operation.entry(&shape.operation).or_default().push(shape);
    }
    let mut found = Vec::new();
    for (operation, ours) in by_operation {
        let theirs: Vec<&Shape> = theirs.iter().filter(|shape| shape.operation == operation).collect();
        let Some((first, others)) = theirs.split_first() else { continue };
        let used: BTreeSet<String> = ours.iter().flat_map(|shape| shape.words()).collect();
        let known: BTreeSet<String> = theirs.iter().flat_map(|shape| shape.words()).collect();
        let always = others.iter().fold(first.words(), |all, shape| &all & &shape.words());
        found.extend(used.difference(&known).map(|word| format!("+ {operation} {word}")));
        found.extend(always.difference(&used).map(|word| format!("- {operation} {word}")));
    }
    found
}

impl Shape {
    fn words(&self) -> BTreeSet<String> {
        let query = self.query.iter().map(|name| format!("?{name}"));
        let fields = self.fields.iter().map(|(name, kind)| format!("{name}: {kind}"));
        query.chain(fields).chain(self.form.iter().map(|form| format!("<{form}>"))).collect()
    }
}

/// The same value with the names of types in place of what is in it.
fn skeleton(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(items) => items.iter().take(1).map(skeleton).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), field(name, value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

fn field(name: &str, value: &Value) -> Value {
    if MAPS.contains(&name) { "map".into() } else { skeleton(value) }
}

/// `files[0].path` is `files[].path`.
fn without_index(part: &str) -> String {
    let is_digit = |letter: &char| letter.is_ascii_digit();
    part.split_once('[').map_or_else(
        || part.to_owned(),
        |(before, rest)| format!("{before}[{}", rest.chars().skip_while(is_digit).collect::<String>()),
    )
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.operation)?;
        let query: Vec<&str> = self.query.iter().map(String::as_str).collect();
        if !query.is_empty() {
            write!(f, " ?{}", query.join("&"))?;
        }
        if !self.fields.is_empty() {
            let fields: Vec<String> = self
                .fields
                .iter()
                .map(|(name, kind)| format!("{}:{kind}", Value::from(name.as_str())))
                .collect();
            write!(f, " {{{}}}", fields.join(","))?;
        }
        self.form.iter().try_for_each(|form| write!(f, " <{form}>"))
    }
}

/// A line that is no shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoShape(String);

impl fmt::Display for NoShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no shape of a request: {}", self.0)
    }
}

impl std::error::Error for NoShape {}

impl FromStr for Shape {
    type Err = NoShape;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(line: &str) -> Result<Self, NoShape> {
        let no_shape = || NoShape(line.to_owned());
        let (method, rest) = line.split_once(' ').ok_or_else(no_shape)?;
        let (path, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut shape = Self {
            operation: format!("{method} {path}"),
            query: BTreeSet::new(),
            fields: BTreeMap::new(),
            form: None,
        };
        if let Some(query) = rest.strip_prefix('?') {
            let (names, after) = query.split_once(' ').unwrap_or((query, ""));
            shape.query = names.split('&').map(str::to_owned).collect();
            rest = after;
        }
        if let Some(form) = rest.strip_prefix('<') {
            shape.form = Some(form.strip_suffix('>').ok_or_else(no_shape)?.to_owned());
        } else if !rest.is_empty() {
            let fields: Map<String, Value> = serde_json::from_str(rest).map_err(|_| no_shape())?;
            shape.fields = fields.into_iter().map(|(name, kind)| (name, kind.to_string())).collect();
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(lines: &str) -> BTreeSet<Shape> {
        lines.lines().map(|line| line.parse().unwrap()).collect()
    }

    #[test]
    fn a_shape_is_read_as_it_is_written() {
        for line in [
            "GET /sandbox",
            "GET /sandbox ?labels&limit",
            r#"POST /sandbox {"buildInfo":{"dockerfileContent":"string"},"cpu":"number","labels":"map","volumes":[]}"#,
            "POST /files/upload-v2 ?path <multipart/form-data file>",
        ] {
            assert_eq!(line.parse::<Shape>().unwrap().to_string(), line);
        }
        for line in ["", "GET", "POST /sandbox {", "POST /files <form"] {
            assert!(line.parse::<Shape>().is_err(), "{line}");
        }
    }

    #[test]
    fn two_clients_differ_in_what_only_one_of_them_says() {
        let theirs =
            shapes("POST /a ?x {\"always\":\"string\",\"here\":\"number\"}\nPOST /a {\"always\":\"string\"}");
        let ours = shapes("POST /a {\"here\":\"string\",\"mine\":\"boolean\"}\nGET /nobody-elses ?y");
        assert_eq!(
            differences(&ours, &theirs),
            [r#"+ POST /a here: "string""#, r#"+ POST /a mine: "boolean""#, r#"- POST /a always: "string""#,]
        );
        assert_eq!(differences(&theirs, &theirs), [""; 0]);
    }
}
