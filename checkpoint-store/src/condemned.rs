//! Blobs that are about to be removed, and why their removal is safe beside saves.
//!
//! ```text
//!   collection:  ── reads the list ── lists records ── writes the list ── removes what stood on it for longer than the grace
//!   save:        ── reads the list ── puts and takes over blobs that are not on it ───────────── publishes, within half the grace
//! ```
//!
//! Say a save takes over a blob that is not on the list when it begins, at `t`. Were it removed before the save has published, it stood on the list for
//! the grace before that: so it was put there after `t`, and is removed at `t` plus the grace at the earliest. The save has published by then, or is
//! refused. And a collection that begins after the publication sees the record. A blob that *is* on the list is never taken over: the save writes a copy
//! with a name of its own.
//!
//! Two collections at once may overwrite each other's list. What is lost from it is condemned anew, later; so that a list is never older than
//! what it overwrites by more than the proof allows, a collection that took longer than a quarter of the grace writes none, and removes nothing.

use std::collections::BTreeMap;

use hibernaculum_core::Error;
use jiff::Timestamp;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::document;
use crate::failure::{storage, store as failed};
use crate::store::Store;

const PATH: &str = "collection/condemned.record";
const KIND: &str = "condemned";

/// The list: where each blob lies, and since when nothing needs it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Condemned {
    pub(crate) since: BTreeMap<String, Timestamp>,
}

impl Condemned {
    pub(crate) async fn read(store: &Store) -> Result<Self, Error> {
        match store.read(&Path::from(PATH), document::LIMIT).await? {
            Some(sealed) => document::open("the list of condemned blobs", KIND, &sealed),
            None => Ok(Self::default()),
        }
    }

    pub(crate) async fn write(&self, store: &Store) -> Result<(), Error> {
        const DOING: &str = "writing to";
        let sealed = document::seal(KIND, self).map_err(|error| failed(store, DOING, error.to_string()))?;
        let put = store.objects.put(&Path::from(PATH), sealed.into()).await;
        put.map(drop).map_err(|error| storage(store, DOING, error))
    }

    pub(crate) fn holds(&self, path: &Path) -> bool {
        self.since.contains_key(path.as_ref())
    }
}
