//! The endpoints of process sessions.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

use super::super::refusal::Refusal;
use super::inside::{Inside, broken, parse};
use super::shell::{Run, Session, text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    session_id: String,
}

pub(super) async fn create(inside: Inside, body: Bytes) -> Result<StatusCode, Refusal> {
    let Create { session_id } = parse(&body)?;
    let is_new =
        inside.sandbox.sessions.create(&inside.sandbox, &session_id).map_err(|error| broken(&error))?;
    if !is_new {
        return Err(Refusal::daemon(StatusCode::CONFLICT, "CONFLICT", "session already exists"));
    }
    Ok(StatusCode::CREATED)
}

pub(super) async fn list(inside: Inside) -> Json<Value> {
    Json(inside.sandbox.sessions.all().iter().map(|session| told(session)).collect())
}

pub(super) async fn read(
    inside: Inside,
    Path((_, session)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    find(&inside, &session).map(|session| Json(told(&session)))
}

/// Ends the shell and everything below it.
pub(super) async fn delete(
    inside: Inside,
    Path((_, session)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    let session = inside.sandbox.sessions.remove(&session).ok_or_else(no_session)?;
    tokio::task::spawn_blocking(move || session.mark.end()).await.map_err(|error| broken(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Execute {
    command: String,
    #[serde(default)]
    run_async: bool,
    /// The older name.
    #[serde(default, rename = "async")]
    is_async: bool,
}

pub(super) async fn execute(
    inside: Inside,
    Path((_, session)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let Execute { command, run_async, is_async } = parse(&body)?;
    let session = find(&inside, &session)?;
    let run = session
        .run(&command)
        .await
        .map_err(|_| Refusal::daemon(StatusCode::GONE, "SESSION_ENDED", "the session's shell has ended"))?;
    if run_async || is_async {
        return Ok((StatusCode::ACCEPTED, Json(json!({ "cmdId": run.id }))).into_response());
    }
    let code = session.end_of(&run).await;
    let (stdout, stderr) = (text(&run.stdout()).await, text(&run.stderr()).await);
    let answer = json!({
        "cmdId": run.id, "exitCode": code, "output": format!("{stdout}{stderr}"), "stdout": stdout, "stderr": stderr,
    });
    Ok(Json(answer).into_response())
}

pub(super) async fn command(
    inside: Inside,
    Path((_, session, command)): Path<(String, String, String)>,
) -> Result<Json<Value>, Refusal> {
    let (session, run) = find_run(&inside, &session, &command)?;
    Ok(Json(told_run(&session, &run)))
}

#[derive(Deserialize)]
struct Input {
    data: String,
}

pub(super) async fn input(
    inside: Inside,
    Path((_, session, command)): Path<(String, String, String)>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let Input { data } = parse(&body)?;
    let (session, run) = find_run(&inside, &session, &command)?;
    if session.exit_code(&run).is_some() {
        return Err(Refusal::daemon(StatusCode::GONE, "COMMAND_ALREADY_COMPLETED", "the command has ended"));
    }
    run.send(&data).map(|()| StatusCode::NO_CONTENT).map_err(|error| broken(&error))
}

fn told(session: &Session) -> Value {
    let commands: Vec<Value> = session.commands().iter().map(|run| told_run(session, run)).collect();
    json!({ "sessionId": session.id, "commands": commands })
}

/// The exit code is there once the command has ended.
fn told_run(session: &Session, run: &Run) -> Value {
    let mut told = json!({ "id": run.id, "command": run.text });
    if let (Some(fields), Some(code)) = (told.as_object_mut(), session.exit_code(run)) {
        fields.insert("exitCode".to_owned(), code.into());
    }
    told
}

fn find(inside: &Inside, session: &str) -> Result<Arc<Session>, Refusal> {
    inside.sandbox.sessions.get(session).ok_or_else(no_session)
}

pub(super) fn find_run(
    inside: &Inside,
    session: &str,
    command: &str,
) -> Result<(Arc<Session>, Run), Refusal> {
    let session = find(inside, session)?;
    let run = session.find(command);
    let run = run.ok_or_else(|| Refusal::daemon(StatusCode::NOT_FOUND, "NOT_FOUND", "command not found"))?;
    Ok((session, run))
}

fn no_session() -> Refusal {
    Refusal::daemon(StatusCode::NOT_FOUND, "NOT_FOUND", "session not found")
}
