//! Listing sandboxes, page by page.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::faults::Fault;
use super::super::gate::Struck;
use super::super::refusal::Refusal;
use super::super::sandbox::Sandbox;
use super::super::world::World;
use super::bad;

#[derive(Deserialize)]
pub(super) struct Filter {
    /// JSON, an object.
    labels: Option<String>,
    name: Option<String>,
    id: Option<String>,
    /// Separated by commas.
    states: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

impl Filter {
    fn takes(&self, sandbox: &Sandbox, labels: &BTreeMap<String, String>) -> bool {
        let prefix = |wanted: &Option<String>, value: &str| {
            wanted.as_ref().is_none_or(|wanted| value.starts_with(wanted))
        };
        let states = self.states.as_ref();
        prefix(&self.name, &sandbox.name)
            && prefix(&self.id, &sandbox.id)
            && labels.iter().all(|(name, value)| sandbox.labels.get(name) == Some(value))
            && states.is_none_or(|states| states.split(',').any(|state| state == sandbox.state.name()))
    }
}

/// The cursor is the id of the last one of the page before.
pub(super) async fn list(
    State(world): State<Arc<World>>,
    Extension(Struck(fault)): Extension<Struck>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, Refusal> {
    let labels: BTreeMap<String, String> = match &filter.labels {
        Some(labels) => serde_json::from_str(labels).map_err(|error| bad(format!("labels: {error}")))?,
        None => BTreeMap::new(),
    };
    let limit = filter.limit.unwrap_or(100);
    if !(1..=200).contains(&limit) {
        return Err(bad("limit must be between 1 and 200"));
    }
    let toolbox = world.toolbox_url();
    let inner = world.lock();
    let flaps = fault == Some(Fault::FlappingList);
    let newest =
        inner.sandboxes.values().max_by_key(|sandbox| sandbox.created_at).map(|sandbox| sandbox.id.clone());
    let after = filter.cursor.clone().unwrap_or_default();
    let mut found = inner
        .sandboxes
        .values()
        .filter(|sandbox| sandbox.id > after && filter.takes(sandbox, &labels))
        .filter(|sandbox| !flaps || Some(&sandbox.id) != newest.as_ref())
        .peekable();
    let mut items: Vec<Value> = found.by_ref().take(limit).map(|sandbox| sandbox.listed(&toolbox)).collect();
    let next = items.last().and_then(|last| last.get("id").cloned()).filter(|_| found.peek().is_some());
    items.extend(inner.ghost.clone().filter(|_| flaps));
    Ok(Json(json!({ "items": items, "nextCursor": next })))
}
