//! One command and its output.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use super::super::processes::Mark;
use super::super::refusal::Refusal;
use super::super::world::fresh;
use super::inside::{Inside, broken, parse};
use super::shell::{command, text};

/// How long a command may take, where nothing is said.
const TIMEOUT: u64 = 10;

#[derive(Deserialize)]
struct Execute {
    command: String,
    cwd: Option<String>,
    #[serde(default)]
    envs: BTreeMap<String, String>,
    timeout: Option<u64>,
}

pub(super) async fn execute(inside: Inside, body: Bytes) -> Result<Json<Value>, Refusal> {
    let Execute { command: line, cwd, envs, timeout } = parse(&body)?;
    let mut shell = command(&inside.sandbox, "/bin/bash");
    shell.args(["-c", &line]).envs(envs);
    if let Some(cwd) = cwd {
        shell.current_dir(inside.path(&cwd));
    }
    let (code, result) = run(&inside, shell, timeout).await?;
    Ok(Json(json!({ "exitCode": code, "result": result })))
}

#[derive(Deserialize)]
struct Code {
    #[serde(rename = "code")]
    text: String,
    language: String,
    #[serde(default)]
    argv: Vec<String>,
    #[serde(default)]
    envs: BTreeMap<String, String>,
    timeout: Option<u64>,
}

/// Python only: the stand-in has no other interpreter that it could count on.
pub(super) async fn run_code(inside: Inside, body: Bytes) -> Result<Json<Value>, Refusal> {
    let Code { text: code, language, argv, envs, timeout } = parse(&body)?;
    if language != "python" {
        let why = format!("the stand-in runs no {language}");
        return Err(Refusal::daemon(StatusCode::BAD_REQUEST, "BAD_REQUEST", why));
    }
    let mut python = command(&inside.sandbox, "python3");
    python.args(["-u", "-c", &code]).args(argv).envs(envs);
    let (code, result) = run(&inside, python, timeout).await?;
    Ok(Json(json!({ "exitCode": code, "result": result, "artifacts": { "charts": [] } })))
}

/// Runs a command to its end, and gives its exit code and what it wrote to stdout and stderr, as it came.
async fn run(inside: &Inside, mut command: Command, timeout: Option<u64>) -> Result<(i32, String), Refusal> {
    let mark = Mark::session(&inside.sandbox.id, &fresh("execute"));
    mark.set(&mut command);
    let output =
        tempfile::NamedTempFile::new_in(&inside.sandbox.directory).map_err(|error| broken(&error))?;
    // Appended to by both, so that neither writes over the other.
    let end = || std::fs::File::options().append(true).open(output.path()).map_err(|error| broken(&error));
    command.stdin(Stdio::null()).stdout(end()?).stderr(end()?);
    let mut child = command
        .spawn()
        .map_err(|error| Refusal::daemon(StatusCode::BAD_REQUEST, "BAD_REQUEST", error.to_string()))?;
    let limit = Duration::from_secs(timeout.filter(|seconds| *seconds > 0).unwrap_or(TIMEOUT));
    let ended = tokio::time::timeout(limit, child.wait()).await;
    let Ok(ended) = ended else {
        let _ = tokio::task::spawn_blocking(move || mark.end()).await;
        let _ = child.wait().await;
        return Err(Refusal::daemon(
            StatusCode::REQUEST_TIMEOUT,
            "PROCESS_EXECUTION_TIMEOUT",
            "command execution timeout",
        ));
    };
    let status = ended.map_err(|error| broken(&error))?;
    Ok((status.code().unwrap_or(-1), text(output.path()).await))
}
