//! Checkpoints, live and portable: made, gone back to, branched from, deleted; sessions that are put to sleep and woken.

use hibernaculum_core::{
    CheckpointId, CheckpointKind, CheckpointRequest, CheckpointStore as _, Session, SessionId,
};

use super::{Den, GiveUp, at_every_poll, settled};
use crate::scene::{run, value, within};

fn portable() -> CheckpointRequest {
    CheckpointRequest::portable()
}

fn live() -> CheckpointRequest {
    CheckpointRequest::new(CheckpointKind::Live)
}

impl Den {
    /// The ids of what is in the store.
    async fn stored(&self) -> Vec<CheckpointId> {
        self.store.checkpoints().await.unwrap().iter().map(|record| record.info.id).collect()
    }

    /// What the session's state goes on from.
    async fn goes_on_from(&self) -> Option<CheckpointId> {
        self.session.info().await.unwrap().checkpoint
    }

    /// Ends all checkpoints of the session, live and portable.
    async fn forget_checkpoints(&self) {
        for listed in self.session.checkpoints().await.unwrap() {
            within(self.backend.delete_checkpoint(&listed.id)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_save_that_is_given_up_is_listed_and_gone_on_from_or_was_never_made() {
    let den = Den::new().await;
    let session = &den.session;
    run(session, "x = 1").await;
    at_every_poll(async |at| {
        let before = den.goes_on_from().await;
        let made = at.on(session.checkpoint(portable())).await;
        den.goes_on(at).await;
        // What is listed is what the session goes on from: a crash would bring it back to that.
        let listed = settled("what is listed is gone on from", async || {
            let (listed, from) = (den.stored().await, den.goes_on_from().await);
            let newest = listed.last().copied();
            let is_so = newest == from || (newest.is_none() && from == before);
            if is_so { Ok(newest) } else { Err(format!("{at:?}: {listed:?}, goes on from {from:?}")) }
        })
        .await;
        assert!(made.as_ref().is_none_or(|made| Some(made.id) == listed), "{at:?}");
        den.forget_checkpoints().await;
        den.is_as_it_was(at).await;
        made.is_some()
    })
    .await;
    den.close().await;
}

#[tokio::test]
async fn a_restore_that_is_given_up_is_whole_or_not_there() {
    let den = Den::new().await;
    let session = &den.session;
    run(session, "x = 1; y = ['one'] * 1000").await;
    let first = session.checkpoint(portable()).await.unwrap().id;
    run(session, "x = 2; y = ['two']").await;
    let second = session.checkpoint(portable()).await.unwrap().id;
    let round = async |at: GiveUp| {
        within(session.restore(&second)).await.unwrap();
        let is_done = at.on(session.restore(&first)).await.is_some();
        let found = value(session, "[x, y[0], len(y)]").await;
        let from = den.goes_on_from().await;
        if from == Some(first) {
            assert_eq!(found, serde_json::json!([1, "one", 1000]), "{at:?}");
        } else {
            assert_eq!((found, from), (serde_json::json!([2, "two", 1]), Some(second)), "{at:?}");
        }
        assert!(from == Some(first) || !is_done, "{at:?}");
        // What is asked again is done.
        within(session.restore(&first)).await.unwrap();
        assert_eq!(value(session, "x").await, 1, "{at:?}");
        den.is_as_it_was(at).await;
        is_done
    };
    // Twice: there is one point at which it is done unheard, and it is not always met.
    at_every_poll(&round).await;
    at_every_poll(&round).await;
    den.close().await;
}

#[tokio::test]
async fn a_live_restore_that_is_given_up_is_whole_or_not_there() {
    let mut den = Den::new().await;
    run(&den.session, "x = 1").await;
    let first = den.session.checkpoint(live()).await.unwrap().id;
    den.processes += 1;
    let session = &den.session;
    at_every_poll(async |at| {
        run(session, "x = 2").await;
        let is_done = at.on(session.restore(&first)).await.is_some();
        let x = value(session, "x").await;
        assert!(x == 1 || (x == 2 && !is_done), "{at:?}: {x}");
        den.is_as_it_was(at).await;
        is_done
    })
    .await;
    den.close().await;
}

#[tokio::test]
async fn a_live_checkpoint_that_is_given_up_is_listed_or_was_never_made_and_its_deletion_ends_it() {
    let den = Den::new().await;
    let session = &den.session;
    at_every_poll(async |at| {
        let is_done = at.on(session.checkpoint(live())).await.is_some();
        den.goes_on(at).await;
        let listed = settled("it is known", async || {
            let listed = session.checkpoints().await.unwrap();
            let is_known = listed.last().map(|info| info.id) == den.goes_on_from().await;
            if is_known || listed.is_empty() { Ok(listed.len()) } else { Err(format!("{at:?}: {listed:?}")) }
        })
        .await;
        assert!(listed == 1 || (listed == 0 && !is_done), "{at:?}");
        den.forget_checkpoints().await;
        // One that was made after all while we looked.
        den.goes_on(at).await;
        den.forget_checkpoints().await;
        den.is_as_it_was(at).await;
        is_done
    })
    .await;
    at_every_poll(async |at| {
        let made = within(session.checkpoint(live())).await.unwrap().id;
        let is_done = at.on(den.backend.delete_checkpoint(&made)).await.is_some();
        let restored = within(session.restore(&made)).await.map_err(|error| error.code());
        assert!(restored == Err("checkpoint.unknown") || (restored == Ok(()) && !is_done), "{at:?}");
        if restored.is_ok() {
            within(den.backend.delete_checkpoint(&made)).await.unwrap();
        }
        den.is_as_it_was(at).await;
        is_done
    })
    .await;
    den.close().await;
}

#[tokio::test]
async fn a_branch_that_is_given_up_is_ended() {
    let mut den = Den::new().await;
    run(&den.session, "x = 1").await;
    let kept = [
        den.session.checkpoint(live()).await.unwrap().id,
        den.session.checkpoint(portable()).await.unwrap().id,
    ];
    den.processes += 1;
    for kept in kept {
        at_every_poll(async |at| {
            let branch = at.on(den.session.branch(&kept)).await;
            if let Some(branch) = &branch {
                assert_eq!(value(branch, "x").await, 1, "{at:?}");
            }
            let is_done = branch.is_some();
            drop(branch);
            den.is_as_it_was(at).await;
            is_done
        })
        .await;
    }
    den.close().await;
}

#[tokio::test]
async fn what_is_only_looked_at_or_deleted_in_the_store_may_be_given_up() {
    let den = Den::new().await;
    let session = &den.session;
    let kept = session.checkpoint(portable()).await.unwrap().id;
    at_every_poll(async |at| {
        let listed = at.on(session.checkpoints()).await;
        den.goes_on(at).await;
        listed.is_some_and(|listed| listed.len() == 1)
    })
    .await;
    at_every_poll(async |at| at.on(den.backend.stored_checkpoints()).await.is_some()).await;
    at_every_poll(async |at| at.on(den.backend.manifest(&kept)).await.is_some()).await;
    at_every_poll(async |at| {
        let made = within(session.checkpoint(portable())).await.unwrap().id;
        let is_done = at.on(den.backend.delete_checkpoint(&made)).await.is_some();
        let is_there = den.stored().await.contains(&made);
        assert!(!(is_there && is_done), "{at:?}");
        // Asked again it is deleted, or was: no error.
        within(den.backend.delete_checkpoint(&made)).await.unwrap();
        settled("it is deleted", async || {
            let stored = den.stored().await;
            if stored == [kept] { Ok(()) } else { Err(format!("{at:?}: {stored:?}")) }
        })
        .await;
        is_done
    })
    .await;
    den.is_as_it_was(GiveUp { polls: 0, after: super::HELD }).await;
    den.close().await;
}

/// Whether the session is open: and then nothing of it is in the store, and it goes on; or asleep: closed, saved once, and awake again as it was.
async fn is_open(den: &Den, id: SessionId, at: GiveUp) -> bool {
    let session = Session::of(&den.backend, id);
    let is_open = settled("it is open or asleep", async || match session.execute("x").await {
        Ok(result) => Ok(result.json() == Some(&5.into())),
        // Sealed, it is not asleep yet.
        Err(error) if error.code() == "session.closed" => match session.info().await {
            Err(error) if error.code() == "session.closed" => Ok(false),
            other => Err(format!("{at:?}: sealed: {other:?}")),
        },
        Err(error) => Err(format!("{at:?}: {error}")),
    })
    .await;
    let stored = den.stored().await;
    assert_eq!(stored.len(), usize::from(!is_open), "{at:?}: open {is_open}");
    for checkpoint in stored {
        let woken = within(den.sandbox.wake(&checkpoint)).await.unwrap();
        assert_eq!((woken.id(), value(&woken, "x").await), (id, 5.into()), "{at:?}");
        within(woken.close()).await.unwrap();
        within(den.backend.delete_checkpoint(&checkpoint)).await.unwrap();
    }
    is_open
}

#[tokio::test]
async fn a_session_whose_sleep_is_given_up_is_open_or_asleep() {
    let den = Den::new().await;
    at_every_poll(async |at| {
        let session = den.sandbox.session().await.unwrap();
        run(&session, "x = 5").await;
        let id = session.id();
        let is_done = at.on(session.hibernate(portable())).await.is_some();
        let is_open = is_open(&den, id, at).await;
        assert!(!(is_open && is_done), "{at:?}");
        if is_open {
            within(den.backend.close_session(&id)).await.unwrap();
        }
        den.is_as_it_was(at).await;
        is_done
    })
    .await;
    den.close().await;
}

#[tokio::test]
async fn a_session_whose_waking_is_given_up_is_closed_and_can_be_woken() {
    let den = Den::new().await;
    let session = den.sandbox.session().await.unwrap();
    run(&session, "x = 5").await;
    let id = session.id();
    let asleep = session.hibernate(portable()).await.unwrap().id;
    at_every_poll(async |at| {
        let woken = at.on(den.sandbox.wake(&asleep)).await;
        let is_done = woken.is_some();
        if let Some(woken) = woken {
            assert_eq!((woken.id(), value(&woken, "x").await), (id, 5.into()), "{at:?}");
            within(woken.close()).await.unwrap();
        }
        den.is_as_it_was(at).await;
        // Its id is free again.
        let again = within(den.sandbox.wake(&asleep)).await.unwrap();
        assert_eq!((again.id(), value(&again, "x").await), (id, 5.into()), "{at:?}");
        within(again.close()).await.unwrap();
        is_done
    })
    .await;
    den.close().await;
}
