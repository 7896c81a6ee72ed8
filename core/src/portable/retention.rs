//! What a store keeps.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ByteSize;

/// What [`crate::CheckpointStore::collect`] keeps. Each rule that is set is kept; unset ones delete nothing. The newest checkpoint of a session goes only
/// by age, by size, or by its name, where the rule for that is set.
///
/// ```
/// use std::time::Duration;
/// use hibernaculum_core::{ByteSize, Retention};
///
/// let week = Duration::from_secs(7 * 24 * 3600);
/// let retention = Retention::default().keep_last(5).keep_named(3).max_age(week).max_bytes(ByteSize::gib(20));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retention {
    /// So many checkpoints of each session, the newest; 0 is as good as 1.
    pub keep_last: Option<usize>,
    /// So many checkpoints of each name, the newest, whosever sessions they are of; 0 is as good as 1. What has no name is not counted.
    pub keep_named: Option<usize>,
    /// Checkpoints and snapshots that are no older.
    pub max_age: Option<Duration>,
    /// The newest checkpoints and snapshots that take no more than so many stored bytes together; a blob that several share counts once.
    pub max_bytes: Option<ByteSize>,
}

impl Retention {
    /// Keeps so many checkpoints of each session, the newest; 0 is as good as 1. Unset: all of them.
    #[must_use]
    pub fn keep_last(mut self, count: usize) -> Self {
        self.keep_last = Some(count);
        self
    }

    /// Keeps so many of each name, and at least the newest: for names that are used again by one session after the other. Unset: all of them.
    #[must_use]
    pub fn keep_named(mut self, count: usize) -> Self {
        self.keep_named = Some(count);
        self
    }

    /// Keeps checkpoints and snapshots that are no older. Unset: of any age.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Keeps the newest checkpoints and snapshots that fit into so many stored bytes together. Unset: of any size.
    #[must_use]
    pub fn max_bytes(mut self, bytes: ByteSize) -> Self {
        self.max_bytes = Some(bytes);
        self
    }
}

impl Retention {
    /// Whether no rule is set: then nothing is ever deleted.
    ///
    /// ```
    /// use hibernaculum_core::Retention;
    ///
    /// assert!(Retention::default().keeps_all());
    /// assert!(!Retention::default().keep_last(3).keeps_all());
    /// ```
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        *self == Self::default()
    }
}

/// What a collection did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Collected {
    /// Checkpoints and snapshots that the retention deleted.
    pub deleted: usize,
    /// Blobs that nothing needs any more, and what a killed program left half written; they were removed.
    pub removed: usize,
    /// The bytes that they took.
    pub freed: ByteSize,
    /// Blobs that nothing needs now, and that a later collection will remove: a save that is under way might still name them.
    pub condemned: usize,
}
