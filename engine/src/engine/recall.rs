//! What sessions with the policy `FromCheckpoint` go back to.

use std::sync::Weak;

use async_trait::async_trait;
use hibernaculum_core::{CheckpointError, CheckpointId, CheckpointInfo, CheckpointKind, Error, SessionId};

use super::Inner;
use crate::provider::Provider;
use crate::session::{Found, Recall};

/// Weak, because a session must not keep alive what ends it.
#[async_trait]
impl<P: Provider> Recall for Weak<Inner<P>> {
    async fn newest(
        &self,
        session: SessionId,
        last: Option<CheckpointId>,
        except: &[CheckpointId],
    ) -> Result<Option<Found>, Error> {
        let Some(inner) = self.upgrade() else { return Ok(None) };
        if let Some(last) = last.filter(|last| !except.contains(last))
            && let Some(found) = inner.recallable(session, last).await?
        {
            return Ok(Some(found));
        }
        let live = inner.registry().live.of(session);
        let mut of_it: Vec<CheckpointInfo> = live.into_iter().map(|live| live.info).collect();
        let stored = inner.store()?.checkpoints().await?;
        of_it.extend(stored.into_iter().map(|record| record.info).filter(|info| info.session == session));
        of_it.retain(|info| !except.contains(&info.id));
        of_it.sort_by_key(|info| {
            std::cmp::Reverse((info.created, info.kind == CheckpointKind::Live, info.id))
        });
        for info in of_it {
            if let Some(found) = inner.recallable(session, info.id).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl<P: Provider> Inner<P> {
    /// A checkpoint, where it is there and the session can have it: a live one only in its own sandbox.
    async fn recallable(&self, session: SessionId, id: CheckpointId) -> Result<Option<Found>, Error> {
        let live = self.registry().live.get(id).cloned();
        if let Some(live) = live {
            let is_home = self.home(session).is_ok_and(|home| home == live.sandbox);
            return Ok(is_home.then_some(Found::Live { checkpoint: id, number: live.number }));
        }
        let store = self.store()?;
        match store.checkpoint(&id).await {
            Ok(record) => Ok(Some(Found::Portable { record: Box::new(record), store: store.clone() })),
            Err(Error::Checkpoint(CheckpointError::Unknown { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
