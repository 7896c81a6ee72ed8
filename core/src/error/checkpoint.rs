//! What can befall a checkpoint.

use super::Retry;
use super::family::error_family;
use crate::CheckpointId;

error_family! {
    /// A checkpoint is not there, or cannot be used.
    CheckpointError {
        /// Nothing of that id is here.
        Unknown {
            /// The id that was asked for.
            checkpoint: CheckpointId,
        } => {
            code: "checkpoint.unknown",
            what: "there is no checkpoint {checkpoint} here",
            why: "it was never made, was deleted, or ended with its sandbox",
            how: "list the checkpoints of the session; a portable one outlives its sandbox",
            retry: Retry::Never,
            test: "reserved: no backend offers checkpoints yet, so nothing can provoke it",
        }
    }
}
