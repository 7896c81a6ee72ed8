//! Reading a sandbox, and its changes of state.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde_json::Value;

use super::super::clockwork::{ARCHIVE, DESTROY, PAUSE, RESUME, START, STOP, UNARCHIVE};
use super::super::faults::Fault;
use super::super::gate::Struck;
use super::super::refusal::Refusal;
use super::super::sandbox;
use super::super::world::World;
use super::bad;

type Told = Result<Json<Value>, Refusal>;

pub(super) async fn read(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    Extension(Struck(fault)): Extension<Struck>,
) -> Told {
    let sandbox = world.find(&id)?;
    let now = sandbox.told(&world.toolbox_url());
    let stale = sandbox.before.filter(|_| fault == Some(Fault::StaleRead));
    Ok(Json(stale.unwrap_or(now)))
}

pub(super) async fn destroy(State(world): State<Arc<World>>, Path(id): Path<String>) -> Told {
    world.change(&id, DESTROY).map(Json)
}

/// Of one that runs nothing happens, or it is refused.
pub(super) async fn start(State(world): State<Arc<World>>, Path(id): Path<String>) -> Told {
    let sandbox = world.find(&id)?;
    let change = match sandbox.state {
        sandbox::State::Started if world.config.starts_twice => {
            return Ok(Json(sandbox.told(&world.toolbox_url())));
        }
        sandbox::State::Archived => UNARCHIVE,
        sandbox::State::Paused => RESUME,
        _ => START,
    };
    world.change(&id, change).map(Json)
}

pub(super) async fn stop(State(world): State<Arc<World>>, Path(id): Path<String>) -> Told {
    world.change(&id, STOP).map(Json)
}

pub(super) async fn archive(State(world): State<Arc<World>>, Path(id): Path<String>) -> Told {
    world.change(&id, ARCHIVE).map(Json)
}

pub(super) async fn pause(State(world): State<Arc<World>>, Path(id): Path<String>) -> Told {
    world.change(&id, PAUSE).map(Json)
}

/// Only an error can be recovered from.
pub(super) async fn recover(State(world): State<Arc<World>>, Path(id): Path<String>) -> Told {
    if world.find(&id)?.state != sandbox::State::Error {
        return Err(bad("Sandbox must be in error state to recover"));
    }
    world.change(&id, START).map(Json)
}
