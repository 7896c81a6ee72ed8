//! One operation of a spec.

use std::collections::BTreeMap;

use serde_json::Value;

use super::schema::Schema;

/// A method and a path, and what may be said to it and by it.
#[derive(Debug)]
pub(super) struct Operation {
    /// As `POST /sandbox/{sandboxIdOrName}/start`.
    pub name: String,
    method: String,
    segments: Vec<Segment>,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    /// Whether an answer may be something else than the JSON that is described.
    pub otherwise: bool,
    /// By status; none where nothing is said of the body.
    pub answers: BTreeMap<u16, Option<Schema>>,
}

#[derive(Debug)]
enum Segment {
    Fixed(String),
    Variable(String),
}

/// One value in the query or in the path.
#[derive(Debug)]
pub(super) struct Parameter {
    pub name: String,
    pub in_path: bool,
    pub required: bool,
    /// A type of JSON Schema.
    pub kind: String,
}

/// What a request's body is.
#[derive(Debug)]
pub(super) enum Body {
    Json {
        required: bool,
        schema: Schema,
    },
    /// `multipart/form-data`; its parts are not described well enough to be held to.
    Form,
}

impl Operation {
    pub(super) fn new(method: &str, path: &str) -> Self {
        let segment = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => Segment::Variable(name.to_owned()),
            None => Segment::Fixed(part.to_owned()),
        };
        Self {
            name: format!("{method} {path}"),
            method: method.to_owned(),
            segments: path.split('/').map(segment).collect(),
            parameters: Vec::new(),
            body: None,
            otherwise: false,
            answers: BTreeMap::new(),
        }
    }

    pub(super) fn matches(&self, method: &str, path: &str) -> bool {
        let mut parts = path.split('/');
        self.method == method
            && self.segments.iter().all(|segment| match (segment, parts.next()) {
                (Segment::Fixed(fixed), Some(part)) => fixed == part,
                (Segment::Variable(_), Some(part)) => !part.is_empty(),
                (_, None) => false,
            })
            && parts.next().is_none()
    }

    /// How many segments may be anything.
    pub(super) fn variables(&self) -> usize {
        self.segments.iter().filter(|segment| matches!(segment, Segment::Variable(_))).count()
    }

    /// What is wrong with a request.
    pub(super) fn complaints(
        &self,
        path: &str,
        query: &[(String, String)],
        body: Option<&Value>,
    ) -> Vec<String> {
        let mut wrong = self.in_query(query);
        for (segment, part) in self.segments.iter().zip(path.split('/')) {
            let Segment::Variable(name) = segment else { continue };
            let parameter =
                self.parameters.iter().find(|parameter| parameter.in_path && parameter.name == *name);
            wrong.extend(parameter.and_then(|parameter| parameter.complaint(part)));
        }
        match (&self.body, body) {
            (Some(Body::Json { schema, .. }), Some(body)) => wrong.extend(schema.complaints(body)),
            (Some(Body::Json { required: true, .. }), None) => wrong.push("a body is required".to_owned()),
            (None, Some(_)) => wrong.push("has a body, and none is described".to_owned()),
            _ => {}
        }
        wrong
    }

    fn in_query(&self, query: &[(String, String)]) -> Vec<String> {
        let known = |name: &str| {
            self.parameters.iter().find(|parameter| !parameter.in_path && parameter.name == name)
        };
        let given = query.iter().filter_map(|(name, value)| match known(name) {
            Some(parameter) => parameter.complaint(value),
            None => Some(format!("no parameter `{name}` is described")),
        });
        let missing = self
            .parameters
            .iter()
            .filter(|parameter| parameter.required && !parameter.in_path)
            .filter(|parameter| !query.iter().any(|(name, _)| *name == parameter.name))
            .map(|parameter| format!("the parameter `{}` is required", parameter.name));
        given.chain(missing).collect()
    }
}

impl Parameter {
    fn complaint(&self, value: &str) -> Option<String> {
        let fits = match self.kind.as_str() {
            "integer" => value.parse::<i64>().is_ok(),
            "number" => value.parse::<f64>().is_ok(),
            "boolean" if self.in_path => matches!(value.to_lowercase().as_str(), "true" | "false"),
            "boolean" => matches!(value, "true" | "false"),
            _ => true,
        };
        (!fits).then(|| format!("the parameter `{}` is no {}: {value}", self.name, self.kind))
    }
}
