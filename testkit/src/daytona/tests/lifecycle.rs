//! Sandboxes from their making to their end.

use std::time::Duration;

use serde_json::json;

use super::super::{LABEL, StandInConfig};
use super::Client;

fn quick() -> StandInConfig {
    StandInConfig { change: Duration::from_millis(1), ..StandInConfig::default() }
}

#[tokio::test]
async fn a_sandbox_is_made_and_found_and_deleted() {
    let client = Client::start(quick()).await;
    let wanted = json!({ "name": "first", "labels": { "a": "b" }, "env": { "X": "1" } });
    let made = client.post("/api/sandbox", wanted.clone()).await;
    assert_eq!(made.status, 200);
    assert!(made.headers[LABEL].to_str().unwrap().contains("not Daytona"));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(client.post("/api/sandbox", wanted).await.status, 409, "the name is taken");
    for found in [client.get("/api/sandbox/first").await, client.get(&format!("/api/sandbox/{id}")).await] {
        assert_eq!((&found.json()["id"], &found.json()["state"]), (&json!(id), &json!("started")));
        assert_eq!(found.json()["autoStopInterval"], 15);
    }
    assert_eq!(client.ask("DELETE", "/api/sandbox/first", None).await.json()["state"], "destroying");
    client.until(&id, "gone").await;
    client.close().await;
}

#[tokio::test]
async fn files_survive_a_stop_and_processes_do_not() {
    let client = Client::start(quick()).await;
    let id = client.sandbox().await;
    let run =
        json!({ "command": "echo kept > file; setsid env -i /bin/sleep 600 >/dev/null 2>&1 & echo started" });
    let ran = client.post(&format!("/toolbox/{id}/process/execute"), run).await;
    assert_eq!(ran.json(), json!({ "exitCode": 0, "result": "started\n" }));
    let session = json!({ "sessionId": "long" });
    assert_eq!(client.post(&format!("/toolbox/{id}/process/session"), session).await.status, 201);
    assert!(!client.stand_in.processes(&id).is_empty(), "the shell at least");
    assert_eq!(client.ask("POST", &format!("/api/sandbox/{id}/stop?force=true"), None).await.status, 200);
    client.until(&id, "stopped").await;
    assert_eq!(client.stand_in.processes(&id), [0; 0]);
    assert_eq!(client.get(&format!("/toolbox/{id}/work-dir")).await.status, 400);
    assert_eq!(client.ask("POST", &format!("/api/sandbox/{id}/archive"), None).await.status, 200);
    client.until(&id, "archived").await;
    assert_eq!(client.get(&format!("/toolbox/{id}/work-dir")).await.status, 404);
    assert_eq!(
        client.ask("POST", &format!("/api/sandbox/{id}/start"), None).await.json()["state"],
        "restoring"
    );
    client.until(&id, "started").await;
    assert_eq!(client.get(&format!("/toolbox/{id}/files/download?path=file")).await.body, b"kept\n");
    assert_eq!(client.get(&format!("/toolbox/{id}/process/session")).await.json(), json!([]));
    client.close().await;
}

#[tokio::test]
async fn a_paused_sandbox_stands_still_and_goes_on() {
    let client = Client::start(quick()).await;
    let id = client.sandbox().await;
    let session = format!("/toolbox/{id}/process/session");
    client.post(&session, json!({ "sessionId": "s" })).await;
    let count = "for n in 1 2 3 4 5 6 7 8 9; do echo $n; sleep 0.05; done";
    let command = json!({ "command": count, "runAsync": true });
    let begun = client.post(&format!("{session}/s/exec"), command).await;
    assert_eq!(begun.status, 202);
    client.ask("POST", &format!("/api/sandbox/{id}/pause"), None).await;
    client.until(&id, "paused").await;
    client.ask("POST", &format!("/api/sandbox/{id}/start"), None).await;
    client.until(&id, "started").await;
    let run = format!("{session}/s/command/{}", begun.json()["cmdId"].as_str().unwrap());
    client.until_ended(&run).await;
    assert_eq!(client.get(&format!("{run}/logs")).await.json()["stdout"], "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    client.close().await;
}

#[tokio::test]
async fn a_change_in_progress_refuses_others() {
    let client = Client::start(StandInConfig { change: Duration::from_millis(700), ..quick() }).await;
    let id = client.sandbox().await;
    assert_eq!(
        client.ask("POST", &format!("/api/sandbox/{id}/stop"), None).await.json()["state"],
        "stopping"
    );
    let refused = client.ask("DELETE", &format!("/api/sandbox/{id}"), None).await;
    assert_eq!(refused.status, 409);
    assert_eq!(refused.json()["error"], "Conflict");
    client.until(&id, "stopped").await;
    assert_eq!(client.ask("DELETE", &format!("/api/sandbox/{id}"), None).await.status, 200);
    client.until(&id, "gone").await;
    client.close().await;
}

/// What is done in the sandbox is no activity; asking for it is.
#[tokio::test]
async fn a_sandbox_that_nobody_asks_is_stopped_and_deleted_by_its_clock() {
    let client = Client::start(StandInConfig { minute: Duration::from_millis(500), ..quick() }).await;
    let wanted = json!({ "autoStopInterval": 1, "autoDeleteInterval": 1, "labels": {} });
    let id = client.post("/api/sandbox", wanted).await.json()["id"].as_str().unwrap().to_owned();
    client.until(&id, "stopped").await;
    client.until(&id, "gone").await;
    let lives = client.post("/api/sandbox", json!({ "autoStopInterval": 0, "ttlMinutes": 2 })).await;
    client.until(lives.json()["id"].as_str().unwrap(), "gone").await;
    client.close().await;
}

#[tokio::test]
async fn a_fork_and_a_snapshot_copy_files() {
    let client = Client::start(quick()).await;
    let id = client.sandbox().await;
    client
        .post(&format!("/toolbox/{id}/process/execute"), json!({ "command": "mkdir d; echo 1 > d/f" }))
        .await;
    let fork = client.post(&format!("/api/sandbox/{id}/fork"), json!({ "name": "copy" })).await;
    assert_eq!(fork.status, 200);
    client.until("copy", "started").await;
    let copy = fork.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(client.get(&format!("/toolbox/{copy}/files/download?path=d/f")).await.body, b"1\n");

    let taken = client.post(&format!("/api/sandbox/{id}/snapshot"), json!({ "name": "kept" })).await;
    assert_eq!(taken.json()["state"], "snapshotting");
    client.until(&id, "started").await;
    assert_eq!(client.get("/api/snapshots/kept").await.json()["sourceSandboxId"], json!(id));
    let restored = client.post("/api/sandbox", json!({ "snapshot": "kept" })).await.json();
    let restored = restored["id"].as_str().unwrap();
    assert_eq!(client.get(&format!("/toolbox/{restored}/files/download?path=d/f")).await.body, b"1\n");
    assert_eq!(client.ask("DELETE", "/api/snapshots/kept", None).await.status, 200);
    assert_eq!(client.post("/api/sandbox", json!({ "snapshot": "kept" })).await.status, 400);

    let memory = json!({ "name": "all", "includeMemory": true });
    assert_eq!(client.post(&format!("/api/sandbox/{id}/snapshot"), memory).await.status, 422);
    client.close().await;
}

#[tokio::test]
async fn a_list_goes_by_labels_and_pages() {
    let client = Client::start(quick()).await;
    for label in ["a", "b", "a", "a"] {
        client.post("/api/sandbox", json!({ "labels": { "kind": label } })).await;
    }
    let (mut found, mut cursor) = (0, String::new());
    loop {
        let page = client
            .get(&format!("/api/sandbox?limit=2&labels=%7B%22kind%22%3A%22a%22%7D{cursor}"))
            .await
            .json();
        found += page["items"].as_array().unwrap().len();
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, 3);
    client.close().await;
}

#[tokio::test]
async fn nothing_is_answered_without_the_key() {
    let client = Client::start(quick()).await;
    let id = client.sandbox().await;
    for (path, field) in [
        ("/api/sandbox".to_owned(), "error"),
        (format!("/toolbox/{id}/work-dir"), "source"),
        (format!("/toolbox/{id}/proxy/9/"), "source"),
    ] {
        let request =
            axum::http::Request::get(format!("{}{path}", client.origin())).body(axum::body::Body::empty());
        let refused = super::client::request_of(request.unwrap()).await.unwrap();
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.json()[field].is_string(), "{path}: {}", refused.json());
    }
    client.close().await;
}
