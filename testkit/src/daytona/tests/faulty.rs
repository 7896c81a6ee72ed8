//! What goes wrong when it is told to, and only then.

use std::time::Duration;

use serde_json::json;

use super::super::{ErrorShape, Fault, Faults, On, StandInConfig, When};
use super::Client;

/// A stand-in with one rule.
async fn with(fault: Fault, on: On, when: When) -> Client {
    let faults = Faults::none().with(fault, on, when);
    Client::start(StandInConfig { faults, change: Duration::from_millis(1), ..StandInConfig::default() })
        .await
}

fn operation(name: &str) -> On {
    On::Operation(name.to_owned())
}

#[tokio::test]
async fn a_stale_create_is_right_when_it_is_read_again() {
    let client = with(Fault::StaleCreate, operation("POST /sandbox"), When::next(1)).await;
    let made = client.post("/api/sandbox", json!({ "name": "n", "labels": { "a": "b" } })).await.json();
    assert_eq!(
        (&made["state"], &made["labels"], &made["toolboxProxyUrl"]),
        (&json!("creating"), &json!({}), &json!(""))
    );
    client.until("n", "started").await;
    let read = client.get("/api/sandbox/n").await.json();
    assert_eq!((&read["id"], &read["labels"]), (&made["id"], &json!({ "a": "b" })));
    client.close().await;
}

#[tokio::test]
async fn a_stale_read_is_of_before_the_last_change() {
    let client = with(Fault::StaleRead, operation("GET /sandbox/{sandboxIdOrName}"), When::next(1)).await;
    let id = client.sandbox().await;
    let labels = json!({ "labels": { "new": "yes" } });
    client.ask("PUT", &format!("/api/sandbox/{id}/labels"), Some(labels)).await;
    assert_eq!(client.get(&format!("/api/sandbox/{id}")).await.json()["labels"], json!({}));
    assert_eq!(client.get(&format!("/api/sandbox/{id}")).await.json()["labels"], json!({ "new": "yes" }));
    client.close().await;
}

#[tokio::test]
async fn a_flapping_list_lacks_the_newest_and_has_the_deleted() {
    let client =
        with(Fault::FlappingList, operation("GET /sandbox"), When::Counted { skip: 1, times: 1 }).await;
    let (old, new) = (client.sandbox().await, client.sandbox().await);
    client.ask("DELETE", &format!("/api/sandbox/{old}"), None).await;
    client.until(&old, "gone").await;
    let ids = async || -> Vec<String> {
        let list = client.get("/api/sandbox").await.json();
        list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids().await, std::slice::from_ref(&new));
    assert_eq!(ids().await, [old]);
    assert_eq!(ids().await, [new]);
    client.close().await;
}

#[tokio::test]
async fn a_create_without_an_answer_has_made_the_sandbox() {
    let client =
        with(Fault::NoAnswer { after: Duration::ZERO }, operation("POST /sandbox"), When::next(1)).await;
    let body = json!({ "name": "there" }).to_string().into_bytes();
    assert!(client.send("POST", "/api/sandbox", "application/json", body.clone()).await.is_err());
    client.until("there", "started").await;
    assert_eq!(client.send("POST", "/api/sandbox", "application/json", body).await.unwrap().status, 409);
    client.close().await;
}

#[tokio::test]
async fn a_bad_gateway_has_done_nothing_and_a_lost_answer_everything() {
    let execute = || operation("POST /process/execute");
    let faults = Faults::none().with(Fault::BadGateway, execute(), When::next(1)).with(
        Fault::AnswerLost,
        execute(),
        When::Counted { skip: 1, times: 1 },
    );
    let client = Client::start(StandInConfig { faults, ..StandInConfig::default() }).await;
    let id = client.sandbox().await;
    let line = json!({ "command": "echo once >> times; cat times" });
    for _ in 0..2 {
        let refused = client.post(&format!("/toolbox/{id}/process/execute"), line.clone()).await;
        assert_eq!((refused.status, refused.body.len()), (502, 0));
    }
    let third = client.post(&format!("/toolbox/{id}/process/execute"), line).await;
    assert_eq!(third.json()["result"], "once\nonce\n", "the lost one, and this one");
    client.close().await;
}

#[tokio::test]
async fn a_throttler_says_its_name_in_the_headers_and_no_more_than_that() {
    let fault = Fault::Throttled { throttler: "sandbox-create".into(), retry_after: Duration::from_secs(3) };
    let client = with(fault, operation("POST /sandbox"), When::next(1)).await;
    let refused = client.post("/api/sandbox", json!({})).await;
    assert_eq!((refused.status, &refused.json()["statusCode"]), (429, &json!(429)));
    assert_eq!(refused.headers["retry-after-sandbox-create"], "3");
    assert_eq!(refused.headers["x-ratelimit-remaining-sandbox-create"], "0");
    assert_eq!(refused.headers["x-ratelimit-reset-sandbox-create"], "3");
    assert!(!refused.headers.contains_key("retry-after"));
    assert_eq!(client.post("/api/sandbox", json!({})).await.status, 200);
    client.close().await;
}

#[tokio::test]
async fn a_conflict_and_a_lost_runner_come_in_their_shapes() {
    let faults = Faults::none().with(Fault::Conflict, On::Api, When::Counted { skip: 1, times: 1 }).with(
        Fault::NoRunnerInfo,
        On::Toolbox,
        When::next(1),
    );
    let client = Client::start(StandInConfig { faults, ..StandInConfig::default() }).await;
    let id = client.sandbox().await;
    assert_eq!(client.get(&format!("/api/sandbox/{id}")).await.status, 409);
    let refused = client.get(&format!("/toolbox/{id}/work-dir")).await;
    assert_eq!((refused.status, &refused.json()["source"]), (400, &json!("DAYTONA_PROXY")));
    assert!(refused.json()["message"].as_str().unwrap().contains("no runner info"));
    assert_eq!(client.get(&format!("/toolbox/{id}/work-dir")).await.status, 200);
    client.close().await;
}

#[tokio::test]
async fn a_sandbox_that_stops_during_a_call_is_stopped_then() {
    let client = with(Fault::StopDuringCall, operation("POST /process/execute"), When::next(1)).await;
    let id = client.sandbox().await;
    client.post(&format!("/toolbox/{id}/process/session"), json!({ "sessionId": "s" })).await;
    let broken =
        client.post(&format!("/toolbox/{id}/process/execute"), json!({ "command": "sleep 1" })).await;
    assert_eq!((broken.status, broken.body.len()), (502, 0));
    assert_eq!(client.get(&format!("/api/sandbox/{id}")).await.json()["state"], "stopped");
    assert!(client.stand_in.processes(&id).is_empty());
    client.close().await;
}

#[tokio::test]
async fn a_zombie_says_that_it_is_started_until_it_is_stopped() {
    let client = with(Fault::Zombie, On::Toolbox, When::next(1)).await;
    let id = client.sandbox().await;
    for _ in 0..2 {
        assert_eq!(client.get(&format!("/toolbox/{id}/work-dir")).await.status, 502);
        assert_eq!(client.get(&format!("/api/sandbox/{id}")).await.json()["state"], "started");
    }
    client.ask("POST", &format!("/api/sandbox/{id}/stop"), None).await;
    client.until(&id, "stopped").await;
    client.ask("POST", &format!("/api/sandbox/{id}/start"), None).await;
    client.until(&id, "started").await;
    assert_eq!(client.get(&format!("/toolbox/{id}/work-dir")).await.status, 200);
    client.close().await;
}

#[tokio::test]
async fn what_fails_as_it_is_made_says_why_and_can_be_deleted() {
    let build = json!({ "name": "n", "buildInfo": { "dockerfileContent": "FROM no-such" } });
    for (body, state) in [(build, "build_failed"), (json!({ "name": "n" }), "error")] {
        let fails = Fault::Fails { reason: "pull access denied".to_owned() };
        let client = with(fails, operation("POST /sandbox"), When::next(1)).await;
        let made = client.post("/api/sandbox", body).await.json();
        let told = client.get("/api/sandbox/n").await.json();
        assert_eq!((&made["state"], &told["state"]), (&json!(state), &json!(state)));
        assert_eq!(told["errorReason"], "pull access denied");
        client.ask("DELETE", "/api/sandbox/n", None).await;
        client.until("n", "gone").await;
        client.close().await;
    }
}

#[tokio::test]
async fn a_toolbox_whose_address_is_not_told_is_asked_for() {
    let client = Client::start(StandInConfig { tells_toolbox: false, ..StandInConfig::default() }).await;
    let id = client.sandbox().await;
    assert_eq!(client.get(&format!("/api/sandbox/{id}")).await.json()["toolboxProxyUrl"], "");
    let told = client.get(&format!("/api/sandbox/{id}/toolbox-proxy-url")).await.json();
    assert!(told["url"].as_str().unwrap().ends_with("/toolbox"), "{told}");
    client.close().await;
}

#[tokio::test]
async fn a_body_comes_slowly_or_not_to_its_end() {
    let read = || operation("GET /work-dir");
    let pause = Duration::from_millis(5);
    let faults = Faults::none().with(Fault::SlowBody { piece: 2, pause }, read(), When::next(1)).with(
        Fault::TruncatedBody { after: 5 },
        read(),
        When::Counted { skip: 1, times: 1 },
    );
    let client = Client::start(StandInConfig { faults, ..StandInConfig::default() }).await;
    let id = client.sandbox().await;
    let path = format!("/toolbox/{id}/work-dir");
    let began = std::time::Instant::now();
    let slow = client.get(&path).await;
    assert!(began.elapsed() >= pause * u32::try_from(slow.body.len() / 2).unwrap());
    assert!(slow.json()["dir"].is_string());
    assert!(client.send("GET", &path, "", Vec::new()).await.is_err(), "half a body");
    assert_eq!(client.get(&path).await.json(), slow.json());
    client.close().await;
}

#[tokio::test]
async fn forks_and_snapshots_are_422_where_they_are_not_offered() {
    let config = StandInConfig { forks: false, snapshots: false, ..StandInConfig::default() };
    let client = Client::start(config).await;
    let id = client.sandbox().await;
    for (what, body) in [("fork", json!({})), ("snapshot", json!({ "name": "n" }))] {
        assert_eq!(client.post(&format!("/api/sandbox/{id}/{what}"), body).await.status, 422);
    }
    assert_eq!(client.stand_in.sandboxes().len(), 1);
    client.close().await;
}

#[tokio::test]
async fn what_was_asked_is_told_without_the_key() {
    let client = with(Fault::BadGateway, operation("GET /sandbox"), When::next(1)).await;
    client.get("/api/sandbox?limit=5").await;
    client.post("/api/sandbox", json!({ "labels": { "a": "b" }, "autoStopInterval": 0 })).await;
    let requests = client.stand_in.requests();
    assert_eq!(requests[0].status, Some(502));
    assert_eq!(requests[0].fault.as_deref(), Some("BadGateway"));
    assert_eq!(requests[0].shape().to_string(), "GET /sandbox ?limit");
    let made = r#"POST /sandbox {"autoStopInterval":"number","labels":"map"}"#;
    assert_eq!(requests[1].shape().to_string(), made);
    assert_eq!(requests[1].headers, ["authorization", "x-daytona-sdk-version", "x-daytona-source"]);
    assert!(!format!("{requests:?}").contains(client.stand_in.api_key()));
    client.close().await;
}

#[tokio::test]
async fn a_refusal_comes_in_each_of_its_shapes() {
    let shapes: [(ErrorShape, &[&str]); 6] = [
        (ErrorShape::Api, &["error", "message", "path", "statusCode", "timestamp"]),
        (ErrorShape::Daemon, &["code", "message", "method", "path", "source", "statusCode", "timestamp"]),
        (ErrorShape::Proxy, &["code", "message", "method", "path", "source", "statusCode", "timestamp"]),
        (ErrorShape::Bare, &["error"]),
        (ErrorShape::Uploads, &["errors", "files"]),
        (ErrorShape::Empty, &[]),
    ];
    for (shape, fields) in shapes {
        let client = with(Fault::Refused { status: 500, shape }, On::Toolbox, When::next(1)).await;
        let id = client.sandbox().await;
        let refused = client.get(&format!("/toolbox/{id}/files/info?path=.")).await;
        let body = refused.json();
        let found: Vec<&str> =
            body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert_eq!((refused.status, found.as_slice()), (500, fields), "{shape:?}");
        client.close().await;
    }
}
