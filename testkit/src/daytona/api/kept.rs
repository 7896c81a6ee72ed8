//! What outlives a sandbox: snapshots and volumes.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::clockwork::{copy, in_progress};
use super::super::refusal::Refusal;
use super::super::sandbox::State as Now;
use super::super::world::{DEFAULT_SNAPSHOT, Inner, Snapshot, Volume, World, fresh};
use super::{bad, parse};

type Told = Result<Json<Value>, Refusal>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    name: String,
    #[serde(default)]
    include_memory: bool,
}

/// Of the files, while it runs or when it is stopped.
pub(super) async fn snapshot(State(world): State<Arc<World>>, Path(id): Path<String>, body: Bytes) -> Told {
    let Taken { name, include_memory } = parse(&body)?;
    if !world.config.snapshots || include_memory {
        let what = if include_memory { "with memory " } else { "" };
        let why = format!("Snapshots {what}are not supported for this sandbox class");
        return Err(Refusal::api(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    let taken = Refusal::api(StatusCode::CONFLICT, format!("Snapshot with name {name} already exists"));
    if world.lock().snapshots.contains_key(&name) {
        return Err(taken);
    }
    let before = world.find(&id)?;
    if !before.state.is_settled() {
        return Err(in_progress());
    }
    let told = world.alter(&id, |sandbox| {
        sandbox.state = Now::Snapshotting;
        Ok(())
    })?;
    let directory = world.root.path().join(fresh("snapshot"));
    let shared = world.clone();
    world.spawn(async move {
        tokio::time::sleep(shared.config.change).await;
        let (home, target) = (before.home(), directory.clone());
        let copied = tokio::task::spawn_blocking(move || copy(&home, &target)).await;
        if matches!(copied, Ok(Ok(()))) {
            let snapshot = Snapshot {
                id: fresh("snapshot"),
                name: name.clone(),
                created_at: Timestamp::now(),
                source: Some(before.id.clone()),
                directory: Some(directory),
            };
            shared.lock().snapshots.insert(name, snapshot);
        }
        shared.settle(&before.id, before.state, None);
    });
    Ok(Json(told))
}

#[derive(Deserialize)]
pub(super) struct Page {
    name: Option<String>,
    #[serde(rename = "page")]
    number: Option<usize>,
    limit: Option<usize>,
}

pub(super) async fn snapshots(State(world): State<Arc<World>>, Query(page): Query<Page>) -> Told {
    let inner = world.lock();
    let all: Vec<&Snapshot> = inner
        .snapshots
        .values()
        .filter(|snapshot| page.name.as_ref().is_none_or(|name| snapshot.name.contains(name)))
        .collect();
    let (number, limit) = (page.number.unwrap_or(1).max(1), page.limit.unwrap_or(100).clamp(1, 200));
    let items: Vec<Value> =
        all.iter().skip((number - 1) * limit).take(limit).map(|snapshot| snapshot.told()).collect();
    let pages = all.len().div_ceil(limit);
    Ok(Json(json!({ "items": items, "total": all.len(), "page": number, "totalPages": pages })))
}

pub(super) async fn read_snapshot(State(world): State<Arc<World>>, Path(name): Path<String>) -> Told {
    world.lock().snapshot(&name).map(|snapshot| Json(snapshot.told()))
}

pub(super) async fn delete_snapshot(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    let name = world.lock().snapshot(&name)?.name.clone();
    if name == DEFAULT_SNAPSHOT {
        return Err(Refusal::api(StatusCode::FORBIDDEN, "The default snapshot cannot be deleted"));
    }
    let directory = world.lock().snapshots.remove(&name).and_then(|snapshot| snapshot.directory);
    if let Some(directory) = directory {
        let _ = tokio::fs::remove_dir_all(directory).await;
    }
    Ok(StatusCode::OK)
}

impl Inner {
    /// By id or by name.
    fn snapshot(&self, name: &str) -> Result<&Snapshot, Refusal> {
        let found = self.snapshots.values().find(|snapshot| snapshot.name == name || snapshot.id == name);
        found.ok_or_else(|| {
            Refusal::api(StatusCode::NOT_FOUND, format!("Snapshot with ID or name {name} not found"))
        })
    }

    fn volume(&self, matches: impl Fn(&Volume) -> bool) -> Result<&Volume, Refusal> {
        let found = self.volumes.values().find(|volume| matches(volume));
        found.ok_or_else(|| Refusal::api(StatusCode::NOT_FOUND, "Volume not found"))
    }
}

pub(super) async fn volumes(State(world): State<Arc<World>>) -> Json<Value> {
    Json(world.lock().volumes.values().map(Volume::told).collect())
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

pub(super) async fn create_volume(State(world): State<Arc<World>>, body: Bytes) -> Told {
    let Named { name } = parse(&body)?;
    let mut inner = world.lock();
    if inner.volumes.values().any(|volume| volume.name == name) {
        return Err(bad(format!("Volume with name {name} already exists")));
    }
    let volume = Volume { id: fresh("volume"), name, created_at: Timestamp::now() };
    let told = volume.told();
    inner.volumes.insert(volume.id.clone(), volume);
    Ok(Json(told))
}

pub(super) async fn read_volume(State(world): State<Arc<World>>, Path(id): Path<String>) -> Told {
    world.lock().volume(|volume| volume.id == id).map(|volume| Json(volume.told()))
}

pub(super) async fn volume_by_name(State(world): State<Arc<World>>, Path(name): Path<String>) -> Told {
    world.lock().volume(|volume| volume.name == name).map(|volume| Json(volume.told()))
}

/// 409 while a sandbox has it.
pub(super) async fn delete_volume(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let mut inner = world.lock();
    let id = inner.volume(|volume| volume.id == id)?.id.clone();
    let used = |sandbox: &super::super::sandbox::Sandbox| {
        sandbox.wanted.volumes.iter().any(|mount| mount.volume_id == id)
    };
    if inner.sandboxes.values().any(used) {
        return Err(Refusal::api(StatusCode::CONFLICT, "Volume is in use by a sandbox"));
    }
    inner.volumes.remove(&id);
    Ok(StatusCode::OK)
}
