//! The daemon in each sandbox: files, commands, process sessions. Its port proxy is [`proxy`](super::proxy).

mod entries;
mod execute;
mod info;
mod inside;
mod logs;
mod sessions;
mod shell;
mod text;
mod transfer;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub(crate) use inside::enter;
pub(crate) use shell::Sessions;

use super::world::World;

/// Everything below a sandbox's base but the port proxy.
pub(crate) fn routes() -> Router<Arc<World>> {
    Router::new()
        .route("/version", get(info::version))
        .route("/work-dir", get(info::directory))
        .route("/user-home-dir", get(info::directory))
        .route("/port/{port}/in-use", get(info::port))
        .route("/files", get(entries::list).delete(entries::remove))
        .route("/files/info", get(entries::info))
        .route("/files/folder", post(entries::folder))
        .route("/files/move", post(entries::rename))
        .route("/files/permissions", post(entries::permissions))
        .route("/files/find", get(text::find))
        .route("/files/search", get(text::search))
        .route("/files/replace", post(text::replace))
        .route("/files/download", get(transfer::download))
        .route("/files/bulk-download", post(transfer::bulk_download))
        .route("/files/upload-v2", post(transfer::upload))
        .route("/files/bulk-upload", post(transfer::bulk_upload))
        .route("/process/execute", post(execute::execute))
        .route("/process/code-run", post(execute::run_code))
        .route("/process/session", post(sessions::create).get(sessions::list))
        .route("/process/session/{session}", get(sessions::read).delete(sessions::delete))
        .route("/process/session/{session}/exec", post(sessions::execute))
        .route("/process/session/{session}/command/{command}", get(sessions::command))
        .route("/process/session/{session}/command/{command}/input", post(sessions::input))
        .route("/process/session/{session}/command/{command}/logs", get(logs::read))
        .layer(DefaultBodyLimit::disable())
}
