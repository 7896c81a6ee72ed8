//! Where portable checkpoints are kept, as a trait.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{CheckpointRecord, Collected, Retention, SnapshotRecord, StoredBlob};
use crate::error::Error;
use crate::{CheckpointId, SnapshotId};

/// A place for portable checkpoints and snapshots. Object safe: an engine holds an `Arc<dyn CheckpointStore>`, and several may share one.
///
/// ```text
///   begin ─▶ put, put, reuse, put … (several at once) ─▶ publish          what is published is whole, or not there at all
///   checkpoint, snapshot ─▶ blob, blob …                                    every blob is verified against its name
///   delete_…, collect                                                       safe beside saves, on any number of hosts
/// ```
///
/// What a store gives back is hostile until it is verified: a record has a checksum, a blob its BLAKE3 hash and its length.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait CheckpointStore: fmt::Debug + Send + Sync {
    /// What it is, for messages: `memory`, `/var/lib/dens/checkpoints`, `s3://bucket/prefix`. Without credentials.
    ///
    /// ```
    /// # fn example(store: &dyn hibernaculum_core::CheckpointStore) {
    /// println!("checkpoints go to {}", store.describe());
    /// # }
    /// ```
    fn describe(&self) -> String;

    /// Begins a save.
    ///
    /// ```
    /// # async fn example(store: &dyn hibernaculum_core::CheckpointStore, record: hibernaculum_core::CheckpointRecord) -> Result<(), hibernaculum_core::Error> {
    /// let writer = store.begin().await?;
    /// let (blob, was_new) = writer.put("state".into()).await?;
    /// writer.publish_checkpoint(&record).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::Store`] where the store cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn begin(&self) -> Result<Arc<dyn CheckpointWriter>, Error>;

    /// Reads a checkpoint's record.
    ///
    /// ```
    /// # async fn example(store: &dyn hibernaculum_core::CheckpointStore, id: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// println!("{} blobs", store.checkpoint(&id).await?.blobs.len());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::Unknown`], [`crate::CheckpointError::Corrupt`], [`crate::CheckpointError::Format`], [`crate::CheckpointError::Store`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn checkpoint(&self, id: &CheckpointId) -> Result<CheckpointRecord, Error>;

    /// Reads all checkpoints' records, the oldest first. One that cannot be read is left out: [`CheckpointStore::checkpoint`] says why.
    ///
    /// ```
    /// # async fn example(store: &dyn hibernaculum_core::CheckpointStore) -> Result<(), hibernaculum_core::Error> {
    /// for record in store.checkpoints().await? {
    ///     println!("{}", record.info.id);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::Store`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn checkpoints(&self) -> Result<Vec<CheckpointRecord>, Error>;

    /// Deletes a checkpoint; `false` where there was none. What only it needed is removed by later collections.
    ///
    /// ```
    /// # async fn example(store: &dyn hibernaculum_core::CheckpointStore, id: hibernaculum_core::CheckpointId) -> Result<(), hibernaculum_core::Error> {
    /// store.delete_checkpoint(&id).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::Store`].
    ///
    /// # Cancel safety
    ///
    /// It may have been deleted.
    async fn delete_checkpoint(&self, id: &CheckpointId) -> Result<bool, Error>;

    /// Reads a snapshot's record.
    ///
    /// ```
    /// # async fn example(store: &dyn hibernaculum_core::CheckpointStore, id: hibernaculum_core::SnapshotId) -> Result<(), hibernaculum_core::Error> {
    /// println!("{} sessions", store.snapshot(&id).await?.sessions.len());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::NoSnapshot`], and as [`CheckpointStore::checkpoint`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn snapshot(&self, id: &SnapshotId) -> Result<SnapshotRecord, Error>;

    /// Reads all snapshots' records, the oldest first, as [`CheckpointStore::checkpoints`] does.
    ///
    /// ```
    /// # async fn example(store: &dyn hibernaculum_core::CheckpointStore) -> Result<(), hibernaculum_core::Error> {
    /// for record in store.snapshots().await? {
    ///     println!("{}", record.info.id);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::Store`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn snapshots(&self) -> Result<Vec<SnapshotRecord>, Error>;

    /// Deletes a snapshot; `false` where there was none.
    ///
    /// ```
    /// # async fn example(store: &dyn hibernaculum_core::CheckpointStore, id: hibernaculum_core::SnapshotId) -> Result<(), hibernaculum_core::Error> {
    /// store.delete_snapshot(&id).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::Store`].
    ///
    /// # Cancel safety
    ///
    /// It may have been deleted.
    async fn delete_snapshot(&self, id: &SnapshotId) -> Result<bool, Error>;

    /// The raw bytes of a blob, verified.
    ///
    /// ```
    /// # async fn example(store: &dyn hibernaculum_core::CheckpointStore, blob: hibernaculum_core::StoredBlob) -> Result<(), hibernaculum_core::Error> {
    /// assert_eq!(store.blob(&blob).await?.len() as u64, blob.bytes.as_u64());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::Corrupt`] where it is missing, is not what its name says, or would become longer than `blob.bytes` or than
    /// [`crate::BLOB_LIMIT`]; [`crate::CheckpointError::Store`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn blob(&self, blob: &StoredBlob) -> Result<Bytes, Error>;

    /// Deletes what `retention` does not keep, and removes blobs that nothing has needed for some time.
    ///
    /// It may run beside saves and beside other collections, on this host or another, and may be ended in the middle: what a record names is there.
    /// So a blob goes in two steps, the second a while after the first.
    ///
    /// ```
    /// # async fn example(store: &dyn hibernaculum_core::CheckpointStore) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::Retention;
    ///
    /// let collected = store.collect(&Retention::default().keep_last(3)).await?;
    /// println!("{} bytes are free again", collected.freed);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::Store`].
    ///
    /// # Cancel safety
    ///
    /// Some of it may have been done.
    async fn collect(&self, retention: &Retention) -> Result<Collected, Error>;
}

/// One save that is under way. Dropping it without publishing leaves blobs that a later collection removes.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait CheckpointWriter: Send + Sync {
    /// Stores a piece of at most [`crate::BLOB_LIMIT`] bytes, unless the store has it already. May be called several times at once.
    ///
    /// ```
    /// # async fn example(writer: std::sync::Arc<dyn hibernaculum_core::CheckpointWriter>) -> Result<(), hibernaculum_core::Error> {
    /// let (blob, was_new) = writer.put("state".into()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// Gives where it is, and whether bytes had to be written.
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::TooLarge`] beyond the limit, [`crate::CheckpointError::Store`].
    ///
    /// # Cancel safety
    ///
    /// It may have been stored; whole, or not at all.
    async fn put(&self, data: Bytes) -> Result<(StoredBlob, bool), Error>;

    /// Takes over a blob of a record that was read *after* this save began. `false`: it may be removed soon, and must be put anew.
    ///
    /// ```
    /// # async fn example(writer: std::sync::Arc<dyn hibernaculum_core::CheckpointWriter>, blob: hibernaculum_core::StoredBlob) -> Result<(), hibernaculum_core::Error> {
    /// let may_be_named = writer.may_reuse(&blob);
    /// # Ok(()) }
    /// ```
    fn may_reuse(&self, blob: &StoredBlob) -> bool;

    /// Publishes a checkpoint, in one step and durably, as far as the store is durable.
    ///
    /// ```
    /// # async fn example(writer: std::sync::Arc<dyn hibernaculum_core::CheckpointWriter>, record: hibernaculum_core::CheckpointRecord) -> Result<(), hibernaculum_core::Error> {
    /// writer.publish_checkpoint(&record).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::CheckpointError::Store`], also where the save took so long that its blobs may have been removed.
    ///
    /// # Cancel safety
    ///
    /// It may have been published; whole, or not at all.
    async fn publish_checkpoint(&self, record: &CheckpointRecord) -> Result<(), Error>;

    /// Publishes a snapshot, as [`CheckpointWriter::publish_checkpoint`] does.
    ///
    /// ```
    /// # async fn example(writer: std::sync::Arc<dyn hibernaculum_core::CheckpointWriter>, record: hibernaculum_core::SnapshotRecord) -> Result<(), hibernaculum_core::Error> {
    /// writer.publish_snapshot(&record).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`CheckpointWriter::publish_checkpoint`].
    ///
    /// # Cancel safety
    ///
    /// It may have been published; whole, or not at all.
    async fn publish_snapshot(&self, record: &SnapshotRecord) -> Result<(), Error>;
}
