//! Portable checkpoints: what they hold, and where they are kept.
//!
//! ```text
//!   CheckpointStore ── where they are: memory, a directory, S3 …
//!     ├─ records ─────── one document each, published in one step: [`CheckpointRecord`], [`SnapshotRecord`]
//!     └─ blobs ───────── pieces of at most 8 MiB, named by the BLAKE3 of their raw bytes: [`StoredBlob`]
//! ```
//!
//! A long content (an array of a gigabyte, the archive of a working directory) is a list of blobs. So nobody ever needs the memory for all of it, and a
//! content that changed in places is stored again only there. The host stores bytes and never reads what they mean: only a session's own Python does.

mod blob;
mod manifest;
mod record;
mod retention;
mod store;

pub use blob::{BLOB_LIMIT, BlobId, Codec, StoredBlob};
pub use manifest::{Manifest, SavedVariable, Treatment};
pub use record::{CheckpointRecord, RECORD_FORMAT, RecordBlob, SnapshotRecord, SnapshotSession};
pub use retention::{Collected, Retention};
pub use store::{CheckpointStore, CheckpointWriter};
#[cfg(feature = "mocks")]
pub use store::{MockCheckpointStore, MockCheckpointWriter};
