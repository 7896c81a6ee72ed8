//! Reading a spec: its operations, with schemas that stand by themselves.

use std::collections::BTreeMap;

use serde_json::Value;

use super::operation::{Body, Operation, Parameter};
use super::schema::{Schema, Schemas};

/// Every operation of a document. `schemas` says where its named schemas are.
///
/// A document that does not parse has none, and the test that counts them fails.
pub(super) fn operations(text: &str, schemas: &str) -> Vec<Operation> {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let named = Schemas::of(&document, schemas);
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths
        .flat_map(|(path, methods)| {
            methods
                .as_object()
                .into_iter()
                .flatten()
                .map(move |(method, operation)| (path, method, operation))
        })
        .filter(|(_, method, _)| {
            matches!(method.as_str(), "get" | "post" | "put" | "delete" | "patch" | "head")
        })
        .map(|(path, method, operation)| read(&named, path, method, operation))
        .collect()
}

fn read(named: &Schemas, path: &str, method: &str, operation: &Value) -> Operation {
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let mut read = Operation::new(&method.to_uppercase(), path);
    for parameter in parameters {
        let place = parameter.get("in").and_then(Value::as_str).unwrap_or_default();
        let required = is_true(parameter, "required");
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        match place {
            // Swagger 2's way of saying what the body is.
            "body" => {
                let schema = parameter.get("schema").map(|schema| named.bundle(schema));
                read.body = schema.map(|schema| Body::Json { required, schema });
            }
            "formData" => read.body = Some(Body::Form),
            "query" | "path" => {
                // Swagger 2 has the type beside the name, OpenAPI 3 in a schema.
                let schema = parameter.get("schema").unwrap_or(parameter);
                read.parameters.push(Parameter {
                    name,
                    in_path: place == "path",
                    required,
                    kind: schema.get("type").and_then(Value::as_str).unwrap_or("string").to_owned(),
                });
            }
            _ => {}
        }
    }
    if let Some(body) = operation.get("requestBody") {
        let schema = json_schema(named, body.get("content"));
        read.body = schema.map(|schema| Body::Json { required: is_true(body, "required"), schema });
    }
    let multipart = operation
        .get("consumes")
        .and_then(Value::as_array)
        .is_some_and(|kinds| kinds.iter().any(|kind| kind == "multipart/form-data"));
    if multipart {
        read.body = Some(Body::Form);
    }
    let produces = operation.get("produces").and_then(Value::as_array).into_iter().flatten();
    read.otherwise = produces.into_iter().any(|kind| kind != "application/json");
    let answers = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    read.answers = answers
        .filter_map(|(status, answer)| Some((status.parse().ok()?, answer_schema(named, answer))))
        .collect::<BTreeMap<u16, Option<Schema>>>();
    read
}

fn answer_schema(named: &Schemas, answer: &Value) -> Option<Schema> {
    if let Some(content) = answer.get("content") {
        return json_schema(named, Some(content));
    }
    let schema = answer.get("schema")?;
    let is_file = schema.get("type").and_then(Value::as_str) == Some("file");
    (!is_file).then(|| named.bundle(schema))
}

fn json_schema(named: &Schemas, content: Option<&Value>) -> Option<Schema> {
    let schema = content?.get("application/json")?.get("schema")?;
    Some(named.bundle(schema))
}

fn is_true(value: &Value, field: &str) -> bool {
    value.get(field).and_then(Value::as_bool).unwrap_or(false)
}
