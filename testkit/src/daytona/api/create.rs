//! Making sandboxes: anew, and as a copy of another.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::clockwork::copy;
use super::super::faults::Fault;
use super::super::gate::Struck;
use super::super::processes::Mark;
use super::super::refusal::Refusal;
use super::super::sandbox::{Intervals, Sandbox, State as Now, Wanted};
use super::super::toolbox::Sessions;
use super::super::world::{DEFAULT_SNAPSHOT, World, fresh_hex};
use super::{bad, parse};

/// Minutes of idleness after which a sandbox is stopped, where nothing is said.
const AUTO_STOP: i64 = 15;
/// Minutes after which a stopped one is archived: seven days.
const AUTO_ARCHIVE: i64 = 7 * 24 * 60;

pub(super) async fn create(
    State(world): State<Arc<World>>,
    Extension(Struck(fault)): Extension<Struck>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let mut wanted: Wanted = parse(&body)?;
    check(&wanted)?;
    let files = files_of(&world, &mut wanted)?;
    let state = if wanted.build_info.is_some() { Now::BuildingSnapshot } else { Now::Creating };
    let id = add(&world, wanted, state)?;
    let fails = match &fault {
        Some(Fault::Fails { reason }) => Some(reason.clone()),
        _ => None,
    };
    let made = make(world.clone(), id.clone(), files, fails);
    if fault == Some(Fault::StaleCreate) {
        world.spawn(made);
        let mut at_first = world.find(&id)?.told("");
        at_first.as_object_mut().map(|fields| fields.insert("labels".to_owned(), json!({})));
        return Ok(Json(at_first));
    }
    // The call waits for the sandbox; one whose caller goes away is made all the same.
    let (done, is_done) = tokio::sync::oneshot::channel();
    world.spawn(async move {
        made.await;
        let _ = done.send(());
    });
    let _ = is_done.await;
    Ok(Json(world.find(&id)?.told(&world.toolbox_url())))
}

#[derive(Deserialize)]
struct Fork {
    name: Option<String>,
}

/// A copy of the files; nothing runs in it.
pub(super) async fn fork(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let Fork { name } = parse(&body)?;
    if !world.config.forks {
        return Err(Refusal::api(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Forking is not supported for this sandbox class",
        ));
    }
    let source = world.find(&id)?;
    if source.state != Now::Started {
        return Err(bad("Sandbox must be started to be forked"));
    }
    let wanted = Wanted { name, labels: Some(source.labels.clone()), ..source.wanted.clone() };
    let forked = add(&world, wanted, Now::Creating)?;
    world.spawn(make(world.clone(), forked.clone(), Some(source.home()), None));
    Ok(Json(world.find(&forked)?.told(&world.toolbox_url())))
}

fn check(wanted: &Wanted) -> Result<(), Refusal> {
    let sized = wanted.cpu.or(wanted.memory).or(wanted.disk).or(wanted.gpu).is_some();
    if sized && wanted.build_info.is_none() {
        return Err(bad("Cannot specify Sandbox resources when using a snapshot"));
    }
    if wanted.snapshot.is_some() && wanted.build_info.is_some() {
        return Err(bad("Cannot specify both a snapshot and a build"));
    }
    if wanted.auto_stop_interval.unwrap_or(0) != 0 && wanted.auto_pause_interval.unwrap_or(0) != 0 {
        return Err(bad("Auto-stop and auto-pause are mutually exclusive"));
    }
    if [
        wanted.auto_stop_interval,
        wanted.auto_pause_interval,
        wanted.auto_archive_interval,
        wanted.ttl_minutes,
    ]
    .into_iter()
    .flatten()
    .any(|minutes| minutes < 0)
    {
        return Err(bad("Intervals must be non-negative integers"));
    }
    Ok(())
}

/// The directory of what it starts from, if it starts from something.
fn files_of(world: &World, wanted: &mut Wanted) -> Result<Option<PathBuf>, Refusal> {
    let inner = world.lock();
    if let Some(unknown) = wanted.volumes.iter().find(|mount| !inner.volumes.contains_key(&mount.volume_id)) {
        return Err(bad(format!("Volume {} not found", unknown.volume_id)));
    }
    if wanted.build_info.is_some() {
        return Ok(None);
    }
    let name = wanted.snapshot.get_or_insert_with(|| DEFAULT_SNAPSHOT.to_owned());
    let found = inner.snapshots.values().find(|snapshot| snapshot.name == *name || snapshot.id == *name);
    found.map(|snapshot| snapshot.directory.clone()).ok_or_else(|| bad(format!("Snapshot {name} not found")))
}

/// Writes a new one down.
fn add(world: &World, wanted: Wanted, state: Now) -> Result<String, Refusal> {
    let id = format!("stand-in-{}", fresh_hex(8));
    let name = wanted.name.clone().unwrap_or_else(|| id.clone());
    let now = Timestamp::now();
    let ttl =
        wanted.ttl_minutes.and_then(|minutes| u32::try_from(minutes).ok()).filter(|minutes| *minutes > 0);
    let intervals = Intervals {
        pause: wanted.auto_pause_interval.unwrap_or(0),
        stop: wanted.auto_stop_interval.unwrap_or(if wanted.auto_pause_interval.unwrap_or(0) > 0 {
            0
        } else {
            AUTO_STOP
        }),
        archive: wanted.auto_archive_interval.unwrap_or(AUTO_ARCHIVE),
        delete: wanted.auto_delete_interval.unwrap_or(-1),
    };
    let sandbox = Sandbox {
        id: id.clone(),
        name: name.clone(),
        labels: wanted.labels.clone().unwrap_or_default(),
        wanted,
        intervals,
        state,
        error: None,
        zombie: false,
        created_at: now,
        updated_at: now,
        last_activity_at: now,
        active: Instant::now(),
        since: Instant::now(),
        dies: ttl.and_then(|minutes| deadline(world, minutes)),
        directory: world.root.path().join(&id),
        mark: Mark::sandbox(&id),
        sessions: Arc::new(Sessions::default()),
        before: None,
    };
    let mut inner = world.lock();
    if inner.find(&name).is_some() {
        return Err(Refusal::api(StatusCode::CONFLICT, format!("Sandbox with name {name} already exists")));
    }
    inner.sandboxes.insert(id.clone(), sandbox);
    Ok(id)
}

/// When a time to live that begins now is over.
pub(super) fn deadline(world: &World, minutes: u32) -> Option<(Instant, Timestamp)> {
    let lasts = world.config.minute * minutes;
    let at = Timestamp::now().checked_add(SignedDuration::try_from(lasts).ok()?).ok()?;
    Some((Instant::now() + lasts, at))
}

/// Makes its directory, with what it starts from; or fails, for a reason.
async fn make(world: Arc<World>, id: String, files: Option<PathBuf>, fails: Option<String>) {
    tokio::time::sleep(world.config.change).await;
    let Ok(sandbox) = world.find(&id) else { return };
    if let Some(reason) = fails {
        let state = if sandbox.wanted.build_info.is_some() { Now::BuildFailed } else { Now::Error };
        world.settle(&id, state, Some(reason).filter(|reason| !reason.is_empty()));
        return;
    }
    let made = tokio::task::spawn_blocking(move || match files {
        Some(files) => copy(&files, &sandbox.home()),
        None => std::fs::create_dir_all(sandbox.home()),
    })
    .await;
    match made {
        Ok(Ok(())) => world.settle(&id, Now::Started, None),
        Ok(Err(error)) => world.settle(&id, Now::Error, Some(error.to_string())),
        Err(panic) => world.settle(&id, Now::Error, Some(panic.to_string())),
    }
}
