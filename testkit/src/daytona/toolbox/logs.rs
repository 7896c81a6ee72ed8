//! What a session's command wrote: all of it so far, or followed to its end.
//!
//! Clients that say a version are given JSON, others plain text. Followed logs are a WebSocket whose binary messages begin with a mark: three bytes
//! of 1 before stdout, three of 2 before stderr.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::super::refusal::Refusal;
use super::inside::Inside;
use super::sessions::find_run;
use super::shell::{Run, Session, text};

const STDOUT: [u8; 3] = [1; 3];
const STDERR: [u8; 3] = [2; 3];
/// How often somebody who follows looks for more.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Deserialize)]
pub(super) struct Follow {
    #[serde(default)]
    follow: bool,
}

pub(super) async fn read(
    inside: Inside,
    Path((_, session, command)): Path<(String, String, String)>,
    Query(Follow { follow }): Query<Follow>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let (session, run) = find_run(&inside, &session, &command)?;
    if follow {
        let upgrade = upgrade
            .map_err(|error| Refusal::daemon(StatusCode::BAD_REQUEST, "BAD_REQUEST", error.to_string()))?;
        return Ok(upgrade.on_upgrade(|socket| tail(socket, session, run)));
    }
    let (stdout, stderr) = (text(&run.stdout()).await, text(&run.stderr()).await);
    let output = format!("{stdout}{stderr}");
    if headers.contains_key("x-daytona-sdk-version") {
        return Ok(Json(json!({ "output": output, "stdout": stdout, "stderr": stderr })).into_response());
    }
    Ok(output.into_response())
}

async fn tail(mut socket: WebSocket, session: Arc<Session>, run: Run) {
    let (mut stdout, mut stderr) = (0, 0);
    loop {
        // Before the last look: what it wrote until its end is there then.
        let ended = session.exit_code(&run).is_some();
        let more = follow(&mut socket, &run.stdout(), &mut stdout, STDOUT).await
            && follow(&mut socket, &run.stderr(), &mut stderr, STDERR).await;
        if !more {
            return;
        }
        if ended {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let close = CloseFrame { code: close_code::NORMAL, reason: "".into() };
    let _ = socket.send(Message::Close(Some(close))).await;
    // A client that answers has the last word.
    let _ = tokio::time::timeout(Duration::from_secs(1), socket.recv()).await;
}

/// Sends what is new in a file; false where the client is gone.
async fn follow(socket: &mut WebSocket, path: &FilePath, at: &mut u64, mark: [u8; 3]) -> bool {
    let Ok(mut file) = tokio::fs::File::open(path).await else { return true };
    let mut new = mark.to_vec();
    if file.seek(std::io::SeekFrom::Start(*at)).await.is_err() {
        return true;
    }
    let Ok(count) = file.read_to_end(&mut new).await else { return true };
    *at += count as u64;
    count == 0 || socket.send(Message::Binary(new.into())).await.is_ok()
}
