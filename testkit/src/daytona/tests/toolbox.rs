//! Files, commands and process sessions.

use serde_json::json;

use super::super::StandInConfig;
use super::{Client, eventually};

const BOUNDARY: &str = "unit-test-boundary";

/// A form of parts: name, and what is in it.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in parts {
        let file = if name.ends_with("file") { "; filename=\"f\"" } else { "" };
        form.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes(),
        );
        form.extend(*value);
        form.extend(b"\r\n");
    }
    form.extend(format!("--{BOUNDARY}--\r\n").bytes());
    form
}

async fn upload(client: &Client, id: &str, parts: &[(&str, &[u8])]) -> super::client::Answer {
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    client.send("POST", &format!("/toolbox/{id}/files/bulk-upload"), &kind, form(parts)).await.unwrap()
}

#[tokio::test]
async fn many_files_go_up_and_come_down_as_they_were() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let large: Vec<u8> = (0..3_000_000_u32).map(|at| u8::try_from(at % 253).unwrap()).collect();
    let parts: [(&str, &[u8]); 4] = [
        ("files[0].path", b"deep/er/a"),
        ("files[0].file", &large),
        ("files[1].path", b"b"),
        ("files[1].file", b""),
    ];
    assert_eq!(upload(&client, &id, &parts).await.status, 200);
    assert!(client.get(&format!("/toolbox/{id}/files/download?path=deep/er/a")).await.body == large);
    assert_eq!(client.get(&format!("/toolbox/{id}/files/download?path=b")).await.body, b"");
    let missing = client.get(&format!("/toolbox/{id}/files/download?path=c")).await;
    assert_eq!((missing.status, &missing.json()["code"]), (404, &json!("FILE_NOT_FOUND")));
    let info = client.get(&format!("/toolbox/{id}/files/info?path=deep/er/a")).await.json();
    assert_eq!(
        (&info["size"], &info["isDir"], &info["name"]),
        (&json!(3_000_000), &json!(false), &json!("a"))
    );
    client.close().await;
}

/// The rest is written all the same, and the answer says which.
#[tokio::test]
async fn a_file_that_comes_before_its_path_is_refused() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let parts: [(&str, &[u8]); 4] =
        [("files[0].file", b"1"), ("files[0].path", b"a"), ("files[1].path", b"b"), ("files[1].file", b"2")];
    let answer = upload(&client, &id, &parts).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json(), json!({ "errors": ["file 0 came before its path"], "files": ["b"] }));
    assert_eq!(client.get(&format!("/toolbox/{id}/files/download?path=b")).await.body, b"2");
    client.close().await;
}

#[tokio::test]
async fn a_session_keeps_what_its_commands_change() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let session = format!("/toolbox/{id}/process/session");
    assert_eq!(client.post(&session, json!({ "sessionId": "s" })).await.status, 201);
    assert_eq!(client.post(&session, json!({ "sessionId": "s" })).await.status, 409);
    let run = async |command: &str| {
        client.post(&format!("{session}/s/exec"), json!({ "command": command })).await.json()
    };
    let first = run("cd / && export A='it'\\''s' && echo out && echo err >&2; (exit 3)").await;
    assert_eq!(
        (&first["stdout"], &first["stderr"], &first["exitCode"]),
        (&json!("out\n"), &json!("err\n"), &json!(3))
    );
    assert_eq!(run("pwd; echo $A").await["stdout"], "/\nit's\n");
    let told = client.get(&format!("{session}/s")).await.json();
    assert_eq!(told["commands"].as_array().unwrap().len(), 2);
    assert_eq!(client.get(&format!("{session}/none")).await.status, 404);
    client.close().await;
}

#[tokio::test]
async fn a_command_in_the_background_is_asked_about_and_written_to() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let session = format!("/toolbox/{id}/process/session");
    client.post(&session, json!({ "sessionId": "s" })).await;
    // The shell comes to the second command late: what is written to it meanwhile waits.
    let busy = json!({ "command": "sleep 0.2", "runAsync": true });
    client.post(&format!("{session}/s/exec"), busy).await;
    let command = json!({ "command": "read word; echo got $word; exit 7", "runAsync": true });
    let begun = client.post(&format!("{session}/s/exec"), command).await;
    assert_eq!(begun.status, 202);
    let run = format!("{session}/s/command/{}", begun.json()["cmdId"].as_str().unwrap());
    assert!(client.get(&run).await.json().get("exitCode").is_none());
    assert_eq!(client.post(&format!("{run}/input"), json!({ "data": "this\n" })).await.status, 204);
    client.until_ended(&run).await;
    // It ended the shell: the session's exit code is its own.
    assert_eq!(client.get(&run).await.json()["exitCode"], 7);
    assert_eq!(client.get(&format!("{run}/logs")).await.json()["output"], "got this\n");
    assert_eq!(client.post(&format!("{run}/input"), json!({ "data": "" })).await.status, 410);
    client.close().await;
}

#[tokio::test]
async fn a_session_that_is_deleted_takes_everything_below_it_along() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let session = format!("/toolbox/{id}/process/session");
    for name in ["gone", "stays"] {
        client.post(&session, json!({ "sessionId": name })).await;
        let stray =
            json!({ "command": "setsid sleep 600 & setsid env -i /bin/sleep 600 & wait", "runAsync": true });
        client.post(&format!("{session}/{name}/exec"), stray).await;
    }
    // Two shells, and two strays of each.
    eventually("all have begun", || async { client.stand_in.processes(&id).len() >= 6 }).await;
    assert_eq!(client.ask("DELETE", &format!("{session}/gone"), None).await.status, 204);
    assert_eq!(client.stand_in.processes(&id).len(), 3);
    assert_eq!(client.ask("DELETE", &format!("{session}/gone"), None).await.status, 404);
    client.close().await;
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_ended() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let execute = format!("/toolbox/{id}/process/execute");
    let late =
        client.post(&execute, json!({ "command": "setsid sleep 600 & sleep 600", "timeout": 1 })).await;
    assert_eq!((late.status, &late.json()["code"]), (408, &json!("PROCESS_EXECUTION_TIMEOUT")));
    assert_eq!(client.stand_in.processes(&id), [0; 0]);
    let with = json!({ "command": "echo $A; pwd; echo $HOME; exit 4", "envs": { "A": "b" }, "cwd": "/" });
    let home =
        client.get(&format!("/toolbox/{id}/work-dir")).await.json()["dir"].as_str().unwrap().to_owned();
    let ran = client.post(&execute, with).await.json();
    assert_eq!(ran, json!({ "exitCode": 4, "result": format!("b\n/\n{home}\n") }));
    client.close().await;
}

#[tokio::test]
async fn a_client_without_a_version_reads_logs_as_plain_text() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let session = format!("/toolbox/{id}/process/session");
    client.post(&session, json!({ "sessionId": "s" })).await;
    let ran = client.post(&format!("{session}/s/exec"), json!({ "command": "echo a" })).await.json();
    let logs = format!("{}{session}/s/command/{}/logs", client.origin(), ran["cmdId"].as_str().unwrap());
    let key = format!("Bearer {}", client.stand_in.api_key());
    let request = axum::http::Request::get(logs).header("authorization", key).body(axum::body::Body::empty());
    assert_eq!(super::client::request_of(request.unwrap()).await.unwrap().body, b"a\n");
    client.close().await;
}

#[tokio::test]
async fn what_breaks_the_specs_is_found() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    assert!(client.stand_in.violations().is_empty());
    client.post("/api/sandbox", json!({ "image": "python:3.12" })).await;
    client.get(&format!("/toolbox/{id}/nowhere")).await;
    let found: Vec<String> = client.stand_in.violations().iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("'image'") && found[1].contains("no such path"), "{found:?}");
    client.stand_in.close().await;
}
