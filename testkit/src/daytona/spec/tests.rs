//! The contract, tested: it is read whole, and it notices.

use axum::http::Request;
use serde_json::{Value, json};

use super::*;

fn asked(part: Part, method: &str, uri: &str, body: Option<&Value>) -> Asked {
    let (parts, ()) = Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
    Asked::new(Contract::published(), part, &parts, body)
}

fn complaints(part: Part, method: &str, uri: &str, body: Option<&Value>) -> Vec<String> {
    asked(part, method, uri, body).violations().into_iter().map(|violation| violation.what).collect()
}

#[test]
fn the_specs_are_read_whole() {
    let contract = Contract::published();
    let count = |text: &str| {
        let document: Value = serde_json::from_str(text).unwrap();
        document["paths"]
            .as_object()
            .unwrap()
            .values()
            .map(|path| path.as_object().unwrap().len())
            .sum::<usize>()
    };
    assert_eq!(contract.api.len(), count(API));
    assert_eq!(contract.toolbox.len(), count(TOOLBOX));
    assert!(contract.api.len() > 100 && contract.toolbox.len() > 50);
}

#[test]
fn every_schema_compiles() {
    let contract = Contract::published();
    for operation in contract.api.iter().chain(&contract.toolbox) {
        for schema in operation.answers.values().flatten() {
            let complaints = schema.complaints(&Value::Null);
            assert!(
                !complaints.iter().any(|what| what.contains("does not compile")),
                "{}: {complaints:?}",
                operation.name
            );
        }
    }
}

#[test]
fn a_request_as_described_passes() {
    let body = json!({ "name": "a", "labels": { "b": "c" }, "autoStopInterval": 15, "env": {} });
    assert_eq!(complaints(Part::Api, "POST", "/api/sandbox", Some(&body)), [""; 0]);
    assert_eq!(complaints(Part::Api, "GET", "/api/sandbox?limit=200&labels=%7B%7D", None), [""; 0]);
    assert_eq!(complaints(Part::Toolbox, "GET", "/toolbox/id/work-dir", None), [""; 0]);
}

#[test]
fn what_is_not_described_is_noticed() {
    let cases: [(Part, &str, &str, Option<Value>, &str); 9] = [
        (Part::Api, "POST", "/api/sandbox", Some(json!({ "image": "a" })), "'image'"),
        (Part::Api, "POST", "/api/sandbox", Some(json!({ "cpu": "1" })), "/cpu"),
        (Part::Api, "POST", "/api/sandbox", Some(json!({ "buildInfo": {} })), "dockerfileContent"),
        (Part::Api, "POST", "/api/sandbox", None, "a body is required"),
        (Part::Api, "GET", "/api/sandbox?limit=many", None, "no number"),
        (Part::Api, "GET", "/api/sandbox?colour=red", None, "`colour`"),
        (Part::Api, "PATCH", "/api/sandbox", None, "no such path"),
        (Part::Toolbox, "GET", "/toolbox/id/files/download", None, "`path` is required"),
        (Part::Toolbox, "POST", "/toolbox/id/process/session", Some(json!({})), "sessionId"),
    ];
    for (part, method, uri, body, expected) in cases {
        let found = complaints(part, method, uri, body.as_ref());
        assert!(found.len() == 1 && found[0].contains(expected), "{method} {uri}: {found:?}");
    }
}

#[test]
fn a_fixed_path_goes_before_a_variable_one() {
    let of = |uri| asked(Part::Toolbox, "GET", uri, None).operation().to_owned();
    assert_eq!(of("/toolbox/id/process/session/entrypoint"), "GET /process/session/entrypoint");
    assert_eq!(of("/toolbox/id/process/session/other"), "GET /process/session/{sessionId}");
}

/// What the specs do not say is done here on somebody else's word: [`exceptions`]. Should a later release say it, this fails, and the exception goes.
#[test]
fn the_specs_are_still_silent_where_an_exception_says_so() {
    let [api, toolbox] = [API, TOOLBOX].map(|text| serde_json::from_str::<Value>(text).unwrap());
    let operations = |document: &Value| -> Vec<(String, Value)> {
        let paths = document["paths"].as_object().unwrap().clone();
        paths
            .into_iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().clone();
                methods
                    .into_iter()
                    .map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
            })
            .collect()
    };
    let statuses = |operation: &Value| operation["responses"].as_object().unwrap().clone();
    assert!(toolbox["paths"].as_object().unwrap().keys().all(|path| !path.starts_with("/proxy")));
    assert_eq!(toolbox["paths"]["/files/bulk-upload"]["post"].get("parameters"), None);
    for (name, operation) in operations(&api) {
        let told = statuses(&operation)
            .into_iter()
            .find(|(status, answer)| status.as_str() >= "400" && answer.pointer("/content").is_some());
        assert!(told.is_none() || !SERVED.contains(&name.as_str()), "{name}: {told:?}");
    }
    for (name, operation) in operations(&api).into_iter().chain(operations(&toolbox)) {
        assert!(!statuses(&operation).contains_key("429"), "{name} knows 429");
    }
    let logs = &toolbox["paths"]["/process/session/{sessionId}/command/{commandId}/logs"]["get"];
    assert!(!statuses(logs).contains_key("101"), "followed logs are described");
    assert_eq!(exceptions().len(), 11);
}

#[tokio::test]
async fn an_answer_is_judged() {
    let judge = async |status: u16, body: Value| {
        let answer = axum::response::Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(body.to_string().into())
            .unwrap();
        asked(Part::Toolbox, "GET", "/toolbox/id/work-dir", None).judge(answer).await.1
    };
    assert_eq!(judge(200, json!({ "dir": "/" })).await, []);
    for (status, body, expected) in [
        (200, json!({}), "dir"),
        (200, json!({ "dir": 1 }), "/dir"),
        (201, json!({ "dir": "/" }), "no status 201"),
        (500, json!({ "oops": 1 }), "no shape of an error"),
    ] {
        let found = judge(status, body).await;
        assert!(found.len() == 1 && found[0].in_answer && found[0].what.contains(expected), "{found:?}");
    }
}

#[test]
fn null_is_a_value_where_it_may_be_one() {
    let contract = Contract::published();
    let list = contract.find(Part::Api, "GET", "/sandbox").unwrap();
    let schema = list.answers[&200].as_ref().unwrap();
    assert_eq!(schema.complaints(&json!({ "items": [], "nextCursor": null })), [""; 0]);
    assert_eq!(schema.complaints(&json!({ "items": null, "nextCursor": null })).len(), 1);
}
