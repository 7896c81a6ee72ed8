//! The side of whoever restores: reads blobs, verified, and hands them to the actor in chunks.

use std::sync::Arc;

use hibernaculum_core::{
    CheckpointError, CheckpointRecord, CheckpointStore, Error, Execution, Outcome, Status, StoredBlob,
    Timeout,
};
use tokio::sync::mpsc;

use super::manifest::{self, FORMAT, Wants};
use super::{LoadWork, Piece, answer};
use crate::failure;
use crate::session::Port;
use crate::session::job::Work;
use crate::wire::messages::CheckpointLoad;
use crate::wire::text::MAX_INLINE;

/// Chunks that wait between the store and the session.
const WAITING: usize = 2;
const DOING: &str = "restore a state";
/// The answer of a session that has taken the state.
const RESTORED: &str = "restored";

/// What a load came to.
#[derive(Debug)]
pub(crate) struct Restored {
    /// The session's execution count after it.
    pub(crate) count: u64,
    pub(crate) warnings: Vec<String>,
}

impl Port {
    /// Has the session take the state of a checkpoint in place of its own. Where that fails, it is as it was.
    pub(crate) async fn load(
        &self,
        store: &Arc<dyn CheckpointStore>,
        record: CheckpointRecord,
        timeout: Timeout,
    ) -> Result<Restored, Error> {
        let (work, loading) = Loading::of(record, Arc::clone(store))?;
        let execution = self.admit_with(None, timeout, work)?;
        loading.finish(execution).await
    }
}

/// What there is to warn of, where a load's end says that the session has taken the state: whoever asked for it may not have waited.
pub(in crate::session) fn taken(outcome: &Outcome) -> Option<Vec<String>> {
    let answer = outcome.value.as_ref()?.json.as_ref()?;
    let is_restored = outcome.status == Status::Completed && answer.get("answer")? == RESTORED;
    is_restored.then(|| warnings(&outcome.warnings, answer))
}

fn warnings(before: &[String], answer: &serde_json::Value) -> Vec<String> {
    let told = answer.get("warnings").and_then(|list| list.as_array()).into_iter().flatten();
    let told = told.filter_map(|line| line.as_str().map(str::to_owned));
    before.iter().cloned().chain(told).collect()
}

/// A load, on the side of whoever restores.
pub(in crate::session) struct Loading {
    record: CheckpointRecord,
    store: Arc<dyn CheckpointStore>,
    wants: Wants,
    supplier: mpsc::Sender<Piece>,
}

impl Loading {
    /// What the session is to do, and what there is to do for it meanwhile.
    pub(in crate::session) fn of(
        record: CheckpointRecord,
        store: Arc<dyn CheckpointStore>,
    ) -> Result<(Work, Self), Error> {
        let wants = manifest::check(&record).map_err(|flaw| match flaw {
            Ok(found) => {
                Error::from(CheckpointError::Format { stored: name(&record), found, newest: FORMAT })
            }
            Err(problem) => CheckpointError::Corrupt { stored: name(&record), problem }.into(),
        })?;
        let (supplier, supply) = mpsc::channel(WAITING);
        let manifest = record.manifest.to_string();
        let call = CheckpointLoad { execution: 0, manifest: manifest.into(), mode: "replace".to_owned() };
        let checkpoint = record.info.id;
        let work =
            Work::Load(Box::new(LoadWork { checkpoint, call, supply, is_ready: false, is_told: false }));
        Ok((work, Self { record, store, wants, supplier }))
    }

    /// Supplies the session, and waits for its answer.
    pub(in crate::session) async fn finish(self, execution: Execution) -> Result<Restored, Error> {
        let Self { record, store, wants, supplier } = self;
        let session = execution.session();
        let blobs = record.blobs.iter().map(|stored| stored.blob.clone()).collect();
        // Both to their ends: a session that waits for pieces must be told that there are no more.
        let (result, given) = tokio::join!(async { execution.await }, supply_all(store, blobs, supplier));
        given.map_err(|error| named(error, &record))?;
        let (answer, before) = answer(session, DOING, result?)?;
        let text = |key: &str| answer.get(key).and_then(|text| text.as_str()).unwrap_or_default();
        let number = |key: &str| answer.get(key).and_then(serde_json::Value::as_u64);
        match text("answer") {
            RESTORED => {
                let count = number("count").unwrap_or_default();
                Ok(Restored { count, warnings: warnings(&before, &answer.into()) })
            }
            "refused" => Err(match text("code") {
                "checkpoint.python" => CheckpointError::Python {
                    checkpoint: record.info.id,
                    made: Some(text("made"))
                        .filter(|made| !made.is_empty())
                        .unwrap_or(&wants.python)
                        .to_owned(),
                    here: text("here").to_owned(),
                    problem: text("why").to_owned(),
                },
                "checkpoint.corrupt" => {
                    CheckpointError::Corrupt { stored: name(&record), problem: text("why").to_owned() }
                }
                "checkpoint.format" => CheckpointError::Format {
                    stored: name(&record),
                    found: number("found").unwrap_or(FORMAT + 1),
                    newest: number("newest").unwrap_or(FORMAT),
                },
                _ => CheckpointError::Refused {
                    doing: format!("restoring the checkpoint {} in the session {session}", record.info.id),
                    problem: text("why").to_owned(),
                },
            }
            .into()),
            _ => Err(failure::mistaken(DOING)),
        }
    }
}

fn name(record: &CheckpointRecord) -> String {
    format!("the checkpoint {}", record.info.id)
}

/// Reads one blob after the other and hands it on, as fast as the session takes them: to read ahead was no faster, and held twice as much. An error of the
/// store is told to the session as well.
async fn supply_all(
    store: Arc<dyn CheckpointStore>,
    blobs: Vec<StoredBlob>,
    supplier: mpsc::Sender<Piece>,
) -> Result<(), Error> {
    for (blob, stored) in blobs.iter().enumerate() {
        // A session that answered already (refused, say) takes no more: what it answered tells why.
        let read = tokio::select! {
            biased;
            () = supplier.closed() => return Ok(()),
            read = store.blob(stored) => read,
        };
        let mut data = match read {
            Ok(data) => data,
            Err(error) => {
                let why = error.to_string();
                let _ = supplier.send(Piece::Abort { why }).await;
                return Err(error);
            }
        };
        while !data.is_empty() {
            let data = data.split_to(data.len().min(MAX_INLINE));
            if supplier.send(Piece::Chunk { blob, data }).await.is_err() {
                return Ok(());
            }
        }
    }
    let _ = supplier.send(Piece::Loaded).await;
    Ok(())
}

/// An error about a blob, as one about the checkpoint that needs it.
fn named(error: Error, record: &CheckpointRecord) -> Error {
    match error {
        Error::Checkpoint(CheckpointError::Corrupt { stored, problem }) => {
            let problem = format!("{stored}: {problem}");
            CheckpointError::Corrupt { stored: name(record), problem }.into()
        }
        other => other,
    }
}
