//! The control plane: sandboxes, and what they are made of.

mod create;
mod kept;
mod list;
mod previews;
mod settings;
mod states;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use super::world::World;

/// Everything below the API's base.
pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/sandbox", post(create::create).get(list::list))
        .route("/sandbox/{sandbox}", get(states::read).delete(states::destroy))
        .route("/sandbox/{sandbox}/start", post(states::start))
        .route("/sandbox/{sandbox}/stop", post(states::stop))
        .route("/sandbox/{sandbox}/archive", post(states::archive))
        .route("/sandbox/{sandbox}/pause", post(states::pause))
        .route("/sandbox/{sandbox}/recover", post(states::recover))
        .route("/sandbox/{sandbox}/fork", post(create::fork))
        .route("/sandbox/{sandbox}/snapshot", post(kept::snapshot))
        .route("/sandbox/{sandbox}/labels", put(settings::labels))
        .route("/sandbox/{sandbox}/resize", post(settings::resize))
        .route("/sandbox/{sandbox}/network-settings", post(settings::network))
        .route("/sandbox/{sandbox}/public/{public}", post(settings::public))
        .route("/sandbox/{sandbox}/autostop/{minutes}", post(settings::auto_stop))
        .route("/sandbox/{sandbox}/autopause/{minutes}", post(settings::auto_pause))
        .route("/sandbox/{sandbox}/autoarchive/{minutes}", post(settings::auto_archive))
        .route("/sandbox/{sandbox}/autodelete/{minutes}", post(settings::auto_delete))
        .route("/sandbox/{sandbox}/ttl/{minutes}", post(settings::ttl))
        .route("/sandbox/{sandbox}/last-activity", post(settings::last_activity))
        .route("/sandbox/{sandbox}/toolbox-proxy-url", get(previews::toolbox))
        .route("/sandbox/{sandbox}/ports/{port}/preview-url", get(previews::preview))
        .route("/snapshots", get(kept::snapshots))
        .route("/snapshots/{snapshot}", get(kept::read_snapshot).delete(kept::delete_snapshot))
        .route("/volumes", get(kept::volumes).post(kept::create_volume))
        .route("/volumes/{volume}", get(kept::read_volume).delete(kept::delete_volume))
        .route("/volumes/by-name/{volume}", get(kept::volume_by_name))
}

/// A body that must be JSON of this kind.
fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| bad(error.to_string()))
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::api(StatusCode::BAD_REQUEST, message)
}
