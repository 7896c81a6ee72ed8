//! What can be changed of a sandbox that is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::refusal::Refusal;
use super::super::sandbox::{Sandbox, State as Now};
use super::super::world::World;
use super::{bad, parse};

type Told = Result<Json<Value>, Refusal>;

#[derive(Deserialize)]
struct Labels {
    labels: BTreeMap<String, String>,
}

/// All of them, in place of those that there were.
pub(super) async fn labels(State(world): State<Arc<World>>, Path(id): Path<String>, body: Bytes) -> Told {
    let Labels { labels } = parse(&body)?;
    world.alter(&id, |sandbox| {
        sandbox.labels.clone_from(&labels);
        Ok(())
    })?;
    Ok(Json(json!({ "labels": labels })))
}

#[derive(Deserialize)]
struct Resize {
    cpu: Option<u64>,
    memory: Option<u64>,
    disk: Option<u64>,
}

pub(super) async fn resize(State(world): State<Arc<World>>, Path(id): Path<String>, body: Bytes) -> Told {
    let Resize { cpu, memory, disk } = parse(&body)?;
    let told = world.alter(&id, |sandbox| {
        let runs = sandbox.state == Now::Started;
        if !runs && sandbox.state != Now::Stopped {
            return Err(bad("Sandbox must be started or stopped to be resized"));
        }
        let wanted = &mut sandbox.wanted;
        if runs && (disk.is_some() || shrinks(cpu, wanted.cpu) || shrinks(memory, wanted.memory)) {
            return Err(bad("A running Sandbox can only be given more CPU and memory"));
        }
        if shrinks(disk, wanted.disk.or(Some(3))) {
            return Err(bad("A disk can only grow"));
        }
        (wanted.cpu, wanted.memory, wanted.disk) =
            (cpu.or(wanted.cpu), memory.or(wanted.memory), disk.or(wanted.disk));
        Ok(())
    })?;
    Ok(Json(told))
}

fn shrinks(wanted: Option<u64>, has: Option<u64>) -> bool {
    wanted.is_some_and(|wanted| wanted < has.unwrap_or(1))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    network_block_all: Option<bool>,
    network_allow_list: Option<String>,
    domain_allow_list: Option<String>,
}

/// Kept and told; nothing is enforced.
pub(super) async fn network(State(world): State<Arc<World>>, Path(id): Path<String>, body: Bytes) -> Told {
    let policy: Policy = parse(&body)?;
    let told = world.alter(&id, |sandbox| {
        let wanted = &mut sandbox.wanted;
        wanted.network_block_all = policy.network_block_all.or(wanted.network_block_all);
        wanted.network_allow_list = policy.network_allow_list.or(wanted.network_allow_list.take());
        wanted.domain_allow_list = policy.domain_allow_list.or(wanted.domain_allow_list.take());
        Ok(())
    })?;
    Ok(Json(told))
}

/// The official client writes it as Python does: `True`.
pub(super) async fn public(
    State(world): State<Arc<World>>,
    Path((id, public)): Path<(String, String)>,
) -> Told {
    let public = public.to_lowercase().parse().map_err(|_| bad("isPublic must be true or false"))?;
    let told = world.alter(&id, |sandbox| {
        sandbox.wanted.public = Some(public);
        Ok(())
    })?;
    Ok(Json(told))
}

pub(super) async fn auto_stop(state: State<Arc<World>>, path: Path<(String, i64)>) -> Told {
    interval(state, path, 0, |sandbox, minutes| sandbox.intervals.stop = minutes)
}

pub(super) async fn auto_pause(state: State<Arc<World>>, path: Path<(String, i64)>) -> Told {
    interval(state, path, 0, |sandbox, minutes| sandbox.intervals.pause = minutes)
}

pub(super) async fn auto_archive(state: State<Arc<World>>, path: Path<(String, i64)>) -> Told {
    interval(state, path, 0, |sandbox, minutes| sandbox.intervals.archive = minutes)
}

/// Less than zero is never.
pub(super) async fn auto_delete(state: State<Arc<World>>, path: Path<(String, i64)>) -> Told {
    interval(state, path, i64::MIN, |sandbox, minutes| sandbox.intervals.delete = minutes)
}

fn interval(
    State(world): State<Arc<World>>,
    Path((id, minutes)): Path<(String, i64)>,
    at_least: i64,
    set: fn(&mut Sandbox, i64),
) -> Told {
    if minutes < at_least {
        return Err(bad("Intervals must be non-negative integers"));
    }
    let told = world.alter(&id, |sandbox| {
        set(sandbox, minutes);
        Ok(())
    })?;
    Ok(Json(told))
}

/// From now; zero is for ever.
pub(super) async fn ttl(State(world): State<Arc<World>>, Path((id, minutes)): Path<(String, u32)>) -> Told {
    let dies = if minutes == 0 { None } else { super::create::deadline(&world, minutes) };
    let told = world.alter(&id, |sandbox| {
        sandbox.dies = dies;
        Ok(())
    })?;
    Ok(Json(told))
}

pub(super) async fn last_activity(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let sandbox = world.find(&id)?;
    world.touch(&sandbox.id);
    Ok(StatusCode::CREATED)
}
