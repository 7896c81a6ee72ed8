//! Where portable checkpoints are kept: memory, a directory, or anything that speaks the S3 protocol.
//!
//! ```text
//!   checkpoints/chk_….record      one checkpoint: a checksum, then the document          published in one step
//!   snapshots/snp_….record        one snapshot of a sandbox, likewise
//!   blobs/3f/3fa9….raw            a piece of content, named by the BLAKE3 of its raw bytes (.zst where compression gains)
//!   collection/condemned.record   blobs that a later collection will remove
//! ```
//!
//! [`Store`] is the one type. It implements [`hibernaculum_core::CheckpointStore`], whose documentation says what holds:
//!
//! ```
//! # fn main() -> Result<(), hibernaculum_core::Error> {
//! use std::sync::Arc;
//! use hibernaculum_checkpoint_store::Store;
//! use hibernaculum_core::CheckpointStore;
//!
//! # let scene = tempfile::tempdir().unwrap();
//! # let path = scene.path().join("checkpoints");
//! let store: Arc<dyn CheckpointStore> = Arc::new(Store::directory(&path)?);
//! # Ok(()) }
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | `store` | the store: reads, deletes |
//! | `open` | makes stores: in memory, of a directory, of a URL |
//! | `writer` | one save |
//! | `content` | blobs: hashed, compressed where a sample gains, verified |
//! | `document` | records: a checksum and a format before the JSON |
//! | `collect` | retention, and the removal of what nothing needs |
//! | `condemned` | what is about to be removed; with it, why that is safe beside saves |

mod collect;
mod condemned;
mod content;
mod document;
mod failure;
mod open;
#[cfg(feature = "s3")]
mod s3;
mod staged;
mod store;
mod writer;

pub use collect::Expired;
#[cfg(feature = "s3")]
pub use s3::S3;
pub use store::Store;

#[cfg(test)]
mod tests;
