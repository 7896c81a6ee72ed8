//! The URLs by which what is in a sandbox is reached.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::super::proxy;
use super::super::refusal::Refusal;
use super::super::stand_in::{free_port, listen};
use super::super::world::{Preview, World, fresh_hex};

pub(super) async fn toolbox(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    world.find(&id)?;
    Ok(Json(json!({ "url": world.toolbox_base() })))
}

/// A listener of its own for each port that is asked for: the service has a host name of its own, and names of loopback do not resolve everywhere.
pub(super) async fn preview(
    State(world): State<Arc<World>>,
    Path((id, port)): Path<(String, u16)>,
) -> Result<Json<Value>, Refusal> {
    let id = world.find(&id)?.id;
    let (listener, address) = free_port()
        .await
        .map_err(|error| Refusal::api(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let (preview, is_new) = {
        let mut inner = world.lock();
        let key = (id.clone(), port);
        let is_new = !inner.previews.contains_key(&key);
        let preview = inner.previews.entry(key).or_insert_with(|| Preview {
            url: format!("http://{address}"),
            token: fresh_hex(16),
            stop: world.stop.child_token(),
        });
        (preview.clone(), is_new)
    };
    if is_new {
        let router = proxy::preview(&world, id.clone(), port, preview.token.clone());
        listen(&world, listener, router, preview.stop);
    }
    Ok(Json(json!({ "sandboxId": id, "url": preview.url, "token": preview.token })))
}
