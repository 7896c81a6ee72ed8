//! Schemas of a spec, made into ones that a validator of JSON Schema reads.
//!
//! Three things differ: a reference names a place in the whole document, `nullable` is a type of its own, and an object says nothing of fields that
//! it does not list. Here references lead to a copy of what they reach, null is one more type, and such objects are closed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// The named schemas of a document, made ready.
pub(super) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Those at `place`, as `components/schemas`.
    pub(super) fn of(document: &Value, place: &str) -> Self {
        let named = document.pointer(&format!("/{place}")).and_then(Value::as_object);
        Self(named.into_iter().flatten().map(|(name, schema)| (name.clone(), ready(schema))).collect())
    }

    /// A schema with everything that it refers to.
    pub(super) fn bundle(&self, schema: &Value) -> Schema {
        let mut schema = ready(schema);
        let mut reached = BTreeSet::new();
        let mut open = references(&schema);
        while let Some(name) = open.pop() {
            if let Some(found) = self.0.get(&name).filter(|_| reached.insert(name)) {
                open.extend(references(found));
            }
        }
        let definitions: Map<String, Value> =
            reached.into_iter().filter_map(|name| Some((name.clone(), self.0.get(&name)?.clone()))).collect();
        if let Some(fields) = schema.as_object_mut() {
            fields.insert("$defs".to_owned(), definitions.into());
        }
        Schema { schema, validator: OnceLock::new() }
    }
}

/// A schema that stands by itself; it is compiled when it is first asked.
#[derive(Debug)]
pub(super) struct Schema {
    schema: Value,
    validator: OnceLock<Result<Box<Validator>, String>>,
}

impl Schema {
    /// What is wrong with a value.
    pub(super) fn complaints(&self, value: &Value) -> Vec<String> {
        let validator = self.validator.get_or_init(|| {
            jsonschema::validator_for(&self.schema).map(Box::new).map_err(|error| error.to_string())
        });
        match validator {
            Ok(validator) => validator
                .iter_errors(value)
                .map(|error| format!("{}: {error}", error.instance_path))
                .collect(),
            Err(error) => vec![format!("the schema does not compile: {error}")],
        }
    }
}

fn ready(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => object(fields),
        Value::Array(items) => items.iter().map(ready).collect(),
        other => other.clone(),
    }
}

fn object(fields: &Map<String, Value>) -> Value {
    let mut made: Map<String, Value> = fields
        .iter()
        .filter(|(name, _)| *name != "nullable" && *name != "example")
        .map(|(name, value)| match (name.as_str(), value) {
            ("$ref", Value::String(place)) => {
                let target = place.rsplit('/').next().unwrap_or_default();
                (name.clone(), format!("#/$defs/{target}").into())
            }
            // Names of fields are no words of the schema's language.
            ("properties", Value::Object(properties)) => (
                name.clone(),
                properties
                    .iter()
                    .map(|(field, schema)| (field.clone(), ready(schema)))
                    .collect::<Map<_, _>>()
                    .into(),
            ),
            _ => (name.clone(), ready(value)),
        })
        .collect();
    if made.contains_key("properties") && !made.contains_key("additionalProperties") {
        made.insert("additionalProperties".to_owned(), false.into());
    }
    if fields.get("nullable").and_then(Value::as_bool) != Some(true) {
        return made.into();
    }
    json!({ "anyOf": [made, { "type": "null" }] })
}

fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value.as_str().filter(|_| name == "$ref") {
                Some(place) => vec![place.rsplit('/').next().unwrap_or_default().to_owned()],
                None => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
