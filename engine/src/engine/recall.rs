//! What sessions with the policy `FromCheckpoint` go back to.

use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use hibernaculum_core::{CheckpointError, CheckpointId, CheckpointInfo, CheckpointKind, Error, SessionId};

use super::Inner;
use crate::provider::Provider;
use crate::session::{Found, Recall, Sought, passed_over};

/// How long after one another a store is asked again that could not be reached.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_secs(2)];

/// Weak, because a session must not keep alive what ends it.
#[async_trait]
impl<P: Provider> Recall for Weak<Inner<P>> {
    async fn newest(
        &self,
        session: SessionId,
        last: Option<CheckpointId>,
        except: &[CheckpointId],
    ) -> Result<Sought, Error> {
        let Some(inner) = self.upgrade() else { return Ok(Sought::default()) };
        let mut problems = Vec::new();
        let last = last.filter(|last| !except.contains(last));
        if let Some(last) = last {
            let found = inner.recallable(session, last, &mut problems).await;
            if found.is_some() {
                return Ok(Sought { found, problems });
            }
        }
        let live = inner.registry().live.of(session);
        let mut of_it: Vec<CheckpointInfo> = live.into_iter().map(|live| live.info).collect();
        let store = inner.store()?;
        match patiently(|| store.checkpoints()).await {
            Ok(stored) => of_it
                .extend(stored.into_iter().map(|record| record.info).filter(|info| info.session == session)),
            // A live one needs no store.
            Err(error) if of_it.is_empty() => return Err(error),
            Err(error) => problems.push(format!("the stored checkpoints could not be looked for: {error}")),
        }
        of_it.retain(|info| !except.contains(&info.id) && Some(info.id) != last);
        of_it.sort_by_key(|info| {
            std::cmp::Reverse((info.created, info.kind == CheckpointKind::Live, info.id))
        });
        for info in of_it {
            let found = inner.recallable(session, info.id, &mut problems).await;
            if found.is_some() {
                return Ok(Sought { found, problems });
            }
        }
        Ok(Sought { found: None, problems })
    }
}

impl<P: Provider> Inner<P> {
    /// A checkpoint, where it is there and the session can have it: a live one only in its own sandbox. One that cannot be read is a problem,
    /// and no reason not to look at the next.
    async fn recallable(
        &self,
        session: SessionId,
        id: CheckpointId,
        problems: &mut Vec<String>,
    ) -> Option<Found> {
        let live = self.registry().live.get(id).cloned();
        if let Some(live) = live {
            let is_home = self.home(session).is_ok_and(|home| home == live.sandbox);
            return is_home.then_some(Found::Live { checkpoint: id, number: live.number });
        }
        let store = self.store().ok()?;
        match patiently(|| store.checkpoint(&id)).await {
            Ok(record) => Some(Found::Portable { record: Box::new(record), store: store.clone() }),
            Err(Error::Checkpoint(CheckpointError::Unknown { .. })) => None,
            Err(error) => {
                problems.push(passed_over(id, &error));
                None
            }
        }
    }
}

/// Asks a store, and again if it cannot be reached: that may be over in a moment, and a state is at stake.
async fn patiently<T, F: Future<Output = Result<T, Error>>>(mut ask: impl FnMut() -> F) -> Result<T, Error> {
    for pause in PAUSES {
        match ask().await {
            Err(Error::Checkpoint(CheckpointError::Store { .. })) => tokio::time::sleep(pause).await,
            other => return other,
        }
    }
    ask().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> Error {
        let (doing, problem) = ("reading from the store".to_owned(), "it is busy".to_owned());
        CheckpointError::Store { doing, problem, source: None }.into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_cannot_be_reached_is_asked_again_for_a_while() {
        let mut asked = 0;
        let answer = patiently(|| {
            asked += 1;
            std::future::ready(if asked < 4 { Err(unreachable()) } else { Ok(asked) })
        });
        assert_eq!(answer.await.unwrap(), 4);
        let mut asked = 0;
        let answer: Result<(), Error> = patiently(|| {
            asked += 1;
            std::future::ready(Err(unreachable()))
        })
        .await;
        assert_eq!((answer.unwrap_err().code(), asked), ("checkpoint.store", 4));
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_look_does_not_mend_is_told_at_once() {
        let mut asked = 0;
        let answer: Result<(), Error> = patiently(|| {
            asked += 1;
            let (stored, problem) = ("a record".to_owned(), "it was changed".to_owned());
            std::future::ready(Err(CheckpointError::Corrupt { stored, problem }.into()))
        })
        .await;
        assert_eq!((answer.unwrap_err().code(), asked), ("checkpoint.corrupt", 1));
    }
}
