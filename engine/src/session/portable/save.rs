//! The side of whoever saves: takes blobs as they come, and stores them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use hibernaculum_core::{
    ByteSize, CheckpointError, CheckpointLimits, CheckpointRecord, CheckpointWriter, Error, RecordBlob,
    StoredBlob, Timeout,
};
use tokio::sync::mpsc;

use super::manifest;
use super::{SaveWork, Sent, answer};
use crate::failure;
use crate::session::Port;
use crate::session::job::{Afterword, Work};
use crate::wire::messages::{CheckpointSave, SaveLimits};

/// Blobs that wait between the session and the store.
const WAITING: usize = 1;
/// Blobs that are being stored at once.
const AT_ONCE: usize = 2;
const DOING: &str = "save its state";

/// What a save came to.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) manifest: serde_json::Value,
    pub(crate) blobs: Vec<RecordBlob>,
    /// Stored bytes that were not there before.
    pub(crate) added: ByteSize,
    pub(crate) warnings: Vec<String>,
}

impl Saved {
    /// Raw bytes, and stored ones; what is named several times counts once.
    pub(crate) fn sizes(&self) -> (ByteSize, ByteSize) {
        let once: HashMap<_, _> = self.blobs.iter().map(|named| (named.blob.blake3, &named.blob)).collect();
        let sum = |of: fn(&StoredBlob) -> ByteSize| once.values().map(|blob| of(blob).as_u64()).sum();
        (ByteSize::bytes(sum(|blob| blob.bytes)), ByteSize::bytes(sum(|blob| blob.stored)))
    }
}

impl Port {
    /// Has the session save its names, and stores what it sends. Nothing is published. `parent`: what the session's own line has in the store already.
    pub(crate) async fn save(
        &self,
        writer: &Arc<dyn CheckpointWriter>,
        parent: Option<&CheckpointRecord>,
        limits: CheckpointLimits,
        timeout: Timeout,
        afterword: Option<Afterword>,
    ) -> Result<Saved, Error> {
        let mut store = Storing::new(writer, parent);
        let have: Vec<&String> = store.known.keys().collect();
        let have = serde_json::to_string(&have).unwrap_or_else(|_| "[]".to_owned());
        let limits = SaveLimits {
            variable_bytes: limits.variable.map(ByteSize::as_u64),
            total_bytes: limits.total.map(ByteSize::as_u64),
        };
        let (intake, blobs) = mpsc::channel(WAITING);
        // The number is the actor's to give.
        let call = CheckpointSave { execution: 0, have: have.into(), limits };
        let work = Work::Save(Box::new(SaveWork { call, intake }));
        let execution = self.admit_with(afterword, timeout, work)?;
        // Whichever fails first ends the other: an execution that nobody awaits is interrupted.
        let (result, ()) = tokio::try_join!(async { execution.await }, store.take(blobs, self))?;
        let (mut answer, mut warnings) = answer(self.id(), DOING, result)?;
        match answer.get("answer").and_then(|word| word.as_str()).unwrap_or_default() {
            "saved" => {}
            "refused" => return Err(self.refusal(&answer)),
            _ => return Err(failure::mistaken(DOING)),
        }
        let told = answer.get("warnings").and_then(|list| list.as_array()).into_iter().flatten();
        warnings.extend(told.filter_map(|line| line.as_str().map(str::to_owned)));
        let manifest = answer.remove("manifest").unwrap_or_default();
        let blobs = manifest::blobs(&manifest, &store.known).map_err(failure::untrue)?;
        Ok(Saved { manifest, blobs, added: store.added, warnings })
    }

    fn refusal(&self, answer: &serde_json::Map<String, serde_json::Value>) -> Error {
        let text = |key: &str| answer.get(key).and_then(|text| text.as_str()).unwrap_or_default().to_owned();
        if text("code") == "checkpoint.too_large" {
            let limit = answer.get("limit").and_then(serde_json::Value::as_u64).unwrap_or_default();
            let thing = format!("what the session {} holds", self.id());
            return CheckpointError::TooLarge { thing, limit: ByteSize::bytes(limit) }.into();
        }
        let doing = format!("saving the session {}", self.id());
        CheckpointError::Refused { doing, problem: text("why") }.into()
    }
}

/// The store's end of a save.
struct Storing {
    writer: Arc<dyn CheckpointWriter>,
    /// Where the blobs are, by the runner's names, in whose order it is told of them: the same save says the same each time.
    known: BTreeMap<String, StoredBlob>,
    added: ByteSize,
}

impl Storing {
    fn new(writer: &Arc<dyn CheckpointWriter>, parent: Option<&CheckpointRecord>) -> Self {
        let there = parent.into_iter().flat_map(|parent| &parent.blobs);
        let known = there
            .filter(|named| writer.may_reuse(&named.blob))
            .map(|named| (named.digest.clone(), named.blob.clone()))
            .collect();
        Self { writer: Arc::clone(writer), known, added: ByteSize::default() }
    }

    /// Stores what comes, until no more can.
    async fn take(&mut self, mut blobs: mpsc::Receiver<Sent>, port: &Port) -> Result<(), Error> {
        let mut storing = FuturesUnordered::new();
        let mut is_open = true;
        while is_open || !storing.is_empty() {
            tokio::select! {
                biased;
                Some(stored) = storing.next(), if !storing.is_empty() => {
                    let (digest, stored): (String, Result<(StoredBlob, bool), Error>) = stored;
                    let (blob, was_new) = stored?;
                    if was_new {
                        self.added = ByteSize::bytes(self.added.as_u64() + blob.stored.as_u64());
                    }
                    self.known.insert(digest, blob);
                }
                sent = blobs.recv(), if is_open && storing.len() < AT_ONCE => match sent {
                    Some(Sent { digest, data }) => {
                        // There is room again: the actor may read on.
                        port.attention().notify_one();
                        let writer = Arc::clone(&self.writer);
                        storing.push(async move { (digest, writer.put(data).await) });
                    }
                    None => is_open = false,
                },
            }
        }
        Ok(())
    }
}
