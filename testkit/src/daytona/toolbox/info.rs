//! What a sandbox says of itself.

use axum::Json;
use axum::extract::Path;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::inside::Inside;

pub(super) async fn version(_: Inside) -> Json<Value> {
    Json(json!({ "version": "0.0.0-stand-in" }))
}

/// The home of the user is the working directory.
pub(super) async fn directory(inside: Inside) -> Json<Value> {
    Json(json!({ "dir": inside.sandbox.home() }))
}

pub(super) async fn port(_: Inside, Path((_, port)): Path<(String, u16)>) -> Json<Value> {
    let listens = TcpStream::connect(("127.0.0.1", port)).await.is_ok();
    Json(json!({ "isInUse": listens }))
}
