//! Getting into a sandbox: whether there is somebody who answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::super::faults::Fault;
use super::super::gate::Struck;
use super::super::refusal::Refusal;
use super::super::sandbox::{Sandbox, State};
use super::super::world::World;

/// The sandbox that a request of the toolbox is for; it runs.
pub(crate) struct Inside {
    pub sandbox: Sandbox,
}

impl FromRequestParts<Arc<World>> for Inside {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, world: &Arc<World>) -> Result<Self, Refusal> {
        let names = RawPathParams::from_request_parts(parts, world)
            .await
            .map_err(|error| Refusal::bare(StatusCode::BAD_REQUEST, error.to_string()))?;
        let id = names
            .iter()
            .find(|(name, _)| *name == "sandbox")
            .map(|(_, id)| id.to_owned())
            .unwrap_or_default();
        let fault = parts.extensions.get::<Struck>().and_then(|struck| struck.0.clone());
        let sandbox = enter(world, &id, fault.as_ref()).await?;
        if fault == Some(Fault::StopDuringCall) {
            // Whatever the call does, its connection into the sandbox ends with it.
            world.stop_by_itself(&sandbox.id).await;
            return Err(Refusal::bad_gateway());
        }
        Ok(Self { sandbox })
    }
}

impl Inside {
    /// A path as the daemon takes it: a relative one is below the working directory.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.sandbox.home().join(Path::new(path))
    }
}

/// Finds a sandbox that runs, and notes that it is used; otherwise says what a proxy says of it.
pub(crate) async fn enter(world: &Arc<World>, id: &str, fault: Option<&Fault>) -> Result<Sandbox, Refusal> {
    let sandbox = world
        .find(id)
        .map_err(|_| Refusal::proxy(StatusCode::NOT_FOUND, "NOT_FOUND", format!("sandbox {id} not found")))?;
    if fault == Some(&Fault::Zombie) && sandbox.state == State::Started {
        let _ = world.alter(&sandbox.id, |sandbox| {
            sandbox.zombie = true;
            Ok(())
        });
        let (mark, sessions) = (sandbox.mark.clone(), sandbox.sessions.clone());
        let _ = tokio::task::spawn_blocking(move || {
            sessions.forget();
            mark.end()
        })
        .await;
        return Err(Refusal::bad_gateway());
    }
    match sandbox.state {
        State::Started if sandbox.zombie => Err(Refusal::bad_gateway()),
        State::Started => {
            world.touch(&sandbox.id);
            Ok(sandbox)
        }
        State::Archiving | State::Archived => {
            Err(Refusal::proxy(StatusCode::NOT_FOUND, "NOT_FOUND", "sandbox not found on any runner"))
        }
        state => {
            let why = format!("bad request: sandbox is not running: {}", state.name());
            Err(Refusal::proxy(StatusCode::BAD_REQUEST, "BAD_REQUEST", why))
        }
    }
}

/// A body that must be JSON of this kind.
pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal::daemon(
            StatusCode::BAD_REQUEST,
            "INVALID_REQUEST_BODY",
            format!("invalid request body: {error}"),
        )
    })
}

/// What the daemon says of a file that it cannot get at.
pub(super) fn of_file(path: &Path, error: &std::io::Error) -> Refusal {
    let (status, code) = match error.kind() {
        std::io::ErrorKind::NotFound => (StatusCode::NOT_FOUND, "FILE_NOT_FOUND"),
        std::io::ErrorKind::PermissionDenied => (StatusCode::FORBIDDEN, "FILE_ACCESS_DENIED"),
        _ => (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
    };
    Refusal::daemon(status, code, format!("{}: {error}", path.display()))
}

/// What the daemon says of a fault of its own.
pub(super) fn broken(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::daemon(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR", error.to_string())
}
