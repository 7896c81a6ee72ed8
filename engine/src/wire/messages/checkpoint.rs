//! Portable checkpoints: a session's names leave it as blobs with a manifest, and come back.
//!
//! ```text
//! save    host: checkpoint.save ──> runner: [chunks, checkpoint.blob]… ──> the answer, with the manifest
//! load    host: checkpoint.load ──> runner: checkpoint.ready ──> host: chunks …, checkpoint.loaded ──> the answer
//! ```
//!
//! Both are numbered and answered like an execution; what is asked for stands in the answer's `value.json`.

use serde::{Deserialize, Serialize};

use super::{Call, Executed, Notice};
use crate::wire::error::WireError;
use crate::wire::text::{CarriesText, Text, VisitText};

/// The most bytes of a blob.
pub const MAX_BLOB: u64 = 8 << 20;

/// Save the session's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointSave {
    /// Its number among the session process' executions.
    pub execution: u64,
    /// A JSON list of the digests of blobs that need not be sent: they are there from an earlier save.
    pub have: Text,
    /// How much may be saved.
    #[serde(default)]
    pub limits: SaveLimits,
}

/// How much a checkpoint may hold, before compression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveLimits {
    /// Bytes of one variable; without it, any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable_bytes: Option<u64>,
    /// Bytes of all together; without it, any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_bytes: Option<u64>,
}

/// A blob has been sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointBlob {
    /// The transfer whose chunks it was.
    pub transfer: u64,
    /// Its name: the lower-case hexadecimal digits of its SHA-256, if the session tells the truth.
    pub digest: String,
    /// How long it is, in bytes: 1 to [`MAX_BLOB`].
    pub bytes: u64,
}

/// Load names into the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointLoad {
    /// Its number among the session process' executions.
    pub execution: u64,
    /// The manifest, as a save answered it.
    pub manifest: Text,
    /// `replace` or `merge`.
    pub mode: String,
}

/// The runner has read the manifest, and waits for the blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointReady {
    /// The load's number.
    pub execution: u64,
}

/// All blobs have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointLoaded {
    /// The load's number.
    pub execution: u64,
}

/// The rest of the blobs will not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointAbort {
    /// The load's number.
    pub execution: u64,
    /// Why not, in a sentence.
    pub why: String,
}

macro_rules! named {
    ($($method:literal $trait:ident $message:ty $(=> $answer:ty)?,)*) => {
        $(impl $trait for $message {
            const METHOD: &'static str = $method;
            $(type Answer = $answer;)?
        })*
    };
}

named! {
    "checkpoint.save" Call CheckpointSave => Executed,
    "checkpoint.load" Call CheckpointLoad => Executed,
    "checkpoint.blob" Notice CheckpointBlob,
    "checkpoint.ready" Notice CheckpointReady,
    "checkpoint.loaded" Notice CheckpointLoaded,
    "checkpoint.abort" Notice CheckpointAbort,
}

impl CarriesText for CheckpointSave {
    fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError> {
        visit(&mut self.have)
    }
}

impl CarriesText for CheckpointLoad {
    fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError> {
        visit(&mut self.manifest)
    }
}
