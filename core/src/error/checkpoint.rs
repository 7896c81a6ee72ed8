//! What can befall a checkpoint.

use super::Retry;
use super::family::error_family;
use crate::{ByteSize, CheckpointId, SnapshotId};

error_family! {
    /// A checkpoint is not there, or cannot be made or used.
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
            test: "conformance: a_deleted_checkpoint_is_unknown",
        }
        /// No snapshot of that id is here.
        NoSnapshot {
            /// The id that was asked for.
            snapshot: SnapshotId,
        } => {
            code: "checkpoint.no_snapshot",
            what: "there is no snapshot {snapshot} here",
            why: "it was never made, or was deleted",
            how: "list the snapshots, and see that the backend has the store in which it was made",
            retry: Retry::Never,
            test: "conformance: a_deleted_snapshot_is_gone",
        }
        /// What the store gave back is not what was stored.
        Corrupt {
            /// The checkpoint or snapshot.
            stored: String,
            /// What is wrong with it.
            problem: String,
        } => {
            code: "checkpoint.corrupt",
            what: "{stored} cannot be used: {problem}",
            why: "the stored bytes were damaged, cut off or changed after they were saved",
            how: "restore another checkpoint of the session, or bring the store's files back from a backup; the session is as it was",
            retry: Retry::Never,
            test: "local: a_damaged_checkpoint_is_refused_and_the_session_is_untouched",
        }
        /// A newer version wrote it.
        Format {
            /// The checkpoint or snapshot.
            stored: String,
            /// Its format.
            found: u64,
            /// The newest format that can be read here.
            newest: u64,
        } => {
            code: "checkpoint.format",
            what: "{stored} has the format {found}; this version reads formats up to {newest}",
            why: "a newer version saved it",
            how: "restore it with the version that saved it, or upgrade this one",
            retry: Retry::Never,
            test: "local: a_checkpoint_of_a_newer_version_is_refused",
        }
        /// It needs another Python.
        Python {
            /// The checkpoint.
            checkpoint: CheckpointId,
            /// The Python that made it.
            made: String,
            /// The Python of the session.
            here: String,
            /// What stands in the way.
            problem: String,
        } => {
            code: "checkpoint.python",
            what: "the checkpoint {checkpoint} was made by {made} and cannot be restored by {here}: {problem}",
            why: "something in it has a form that differs between these versions",
            how: "restore it in a sandbox with {made}; the session is as it was",
            retry: Retry::Never,
            test: "local: a_checkpoint_that_needs_another_python_names_both",
        }
        /// There is more to save, or to restore, than is allowed.
        TooLarge {
            /// What is too large.
            thing: String,
            /// How large it may be.
            limit: ByteSize,
        } => {
            code: "checkpoint.too_large",
            what: "{thing} is larger than {limit}",
            why: "there is a limit to what a checkpoint may hold",
            how: "delete what need not be kept, or raise the limit of the request where it is the request's",
            retry: Retry::Never,
            test: "local: a_blob_beyond_the_limit_is_too_large",
        }
        /// There are as many live checkpoints as the sandbox may have.
        Limit {
            /// Which limit is reached, and how.
            reached: String,
        } => {
            code: "checkpoint.limit",
            what: "no more live checkpoints: {reached}",
            why: "each is a process with memory of its own, so the sandbox's spec bounds them",
            how: "delete checkpoints that are no longer needed, or raise `live_checkpoints` of the sandbox's spec",
            retry: Retry::Never,
            test: "conformance: a_sandbox_keeps_so_many_live_checkpoints",
        }
        /// The store could not do it.
        Store {
            /// What was being done, and where.
            doing: String,
            /// What went wrong.
            problem: String,
        } source => {
            code: "checkpoint.store",
            what: "{doing} failed: {problem}",
            why: "the checkpoint store cannot be reached, has no room, or refused",
            how: "see that the store's place is there, has room and may be written to, then try again; what was saved before is untouched",
            retry: Retry::Safe,
            test: "local: a_store_that_cannot_be_written_is_told_and_nothing_is_published",
        }
        /// The session cannot be saved, or cannot take a state, as it is now.
        Refused {
            /// What was asked: "saving the session ses_…".
            doing: String,
            /// Why not.
            problem: String,
        } => {
            code: "checkpoint.refused",
            what: "{doing} was refused: {problem}",
            why: "the session is not in a state that allows it",
            how: "mend what is named above and try again; the session is as it was",
            retry: Retry::Never,
            test: "conformance: threads_forbid_a_live_checkpoint_by_name",
        }
    }
}
