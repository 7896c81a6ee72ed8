//! Checkpoints of both kinds, under fire: made, gone back to, branched from, deleted; sessions that sleep and wake.

use hibernaculum::{
    CheckpointInfo, CheckpointKind, CheckpointRequest, Error, Session, SessionId, TransactionPolicy,
};

use crate::actor::{Actor, Gone, Life, refused, spec};
use crate::bounds::{Bound, SAVE, in_time};
use crate::code::End;
use crate::deeds::{NOT_SERVED, REFUSED};
use crate::kept::Checkpoint;
use crate::model::{Model, State};

/// So many checkpoints of one session; the next deed on them deletes one.
const MOST: usize = 3;
/// A session that comes to be may be killed before it is ready.
const STILLBORN: &str = "session.start";

fn request(kind: CheckpointKind) -> CheckpointRequest {
    CheckpointRequest::new(kind).timeout(SAVE)
}

fn checkpoint_of(info: &CheckpointInfo, state: State) -> Checkpoint {
    Checkpoint { id: info.id, kind: info.kind, state }
}

impl Actor {
    pub(crate) fn some_kind(&mut self) -> CheckpointKind {
        *self.dice.pick(&[CheckpointKind::Live, CheckpointKind::Portable])
    }

    pub(crate) async fn checkpoint(&mut self, kind: CheckpointKind) -> Result<&'static str, Gone> {
        if self.life.kept.all().len() >= MOST {
            self.delete_a_checkpoint().await?;
        }
        let state = self.observe("nothing").await?;
        let bound = match kind {
            CheckpointKind::Live => Bound::by_default("live checkpoint", self.life.way_back()),
            _ => Bound::timed("portable checkpoint", SAVE, self.life.way_back()),
        };
        match in_time(bound, self.life.session.checkpoint(request(kind))).await {
            // Where it died after it was looked at, the checkpoint may be one of what followed.
            Ok(info) if self.allow_for_a_loss().await? => {
                let deleted = self.life.session.backend().delete_checkpoint(&info.id);
                in_time(Bound::at_once("delete a checkpoint"), deleted).await.unwrap();
                let last = self.info().await?.checkpoint;
                self.life.kept.goes_on_from(last);
                // The next execution tells of it, and it was before.
                self.life.is_in_doubt = true;
            }
            Ok(info) => self.life.kept.add(checkpoint_of(&info, state)),
            Err(error) => {
                refused(&error, &[REFUSED, NOT_SERVED])?;
                self.allow_for_a_loss().await?;
            }
        }
        Ok(if kind == CheckpointKind::Live { "checkpoint: live" } else { "checkpoint: portable" })
    }

    /// Keeps the state, writes more, and crashes.
    pub(crate) async fn fall(&mut self, kind: CheckpointKind) -> Result<&'static str, Gone> {
        self.checkpoint(kind).await?;
        self.write(End::Completes, TransactionPolicy::None).await?;
        self.observe("writing before the fall").await?;
        self.write(End::Crashes, TransactionPolicy::None).await?;
        Ok("fall")
    }

    fn some_checkpoint(&mut self, kind: Option<CheckpointKind>) -> Option<Checkpoint> {
        let all = self.life.kept.all().iter().filter(|made| kind.is_none_or(|kind| made.kind == kind));
        let all: Vec<_> = all.cloned().collect();
        (!all.is_empty()).then(|| self.dice.pick(&all).clone())
    }

    /// Goes back to one of that kind; makes one where there is none.
    pub(crate) async fn restore(&mut self, kind: CheckpointKind) -> Result<&'static str, Gone> {
        let Some(Checkpoint { id, state, .. }) = self.some_checkpoint(Some(kind)) else {
            return self.checkpoint(kind).await;
        };
        let (way_back, is_live) = (self.life.way_back(), kind == CheckpointKind::Live);
        let bound = if is_live {
            Bound::live_restore("restore: live", way_back)
        } else {
            Bound::load("restore: portable", way_back)
        };
        let _loading = self.fire.loading(self.life.session.id());
        match in_time(bound, self.life.session.restore(&id)).await {
            Ok(()) => {
                self.life.model = Model::is(state);
                self.life.kept.goes_on_from(Some(id));
                // What is told next may have happened before.
                self.life.is_in_doubt = true;
            }
            Err(error) => {
                self.note_unknown(&error, id)?;
                self.life.model = self.life.model.or(&Model::is(state));
                self.allow_for_a_loss().await?;
                return Ok("restore: refused");
            }
        }
        Ok(if is_live { "restore: live" } else { "restore: portable" })
    }

    /// A live checkpoint's process may have been killed, and then it is unknown.
    fn note_unknown(&mut self, error: &Error, id: hibernaculum::CheckpointId) -> Result<(), Gone> {
        let broken = ["transport.broken", "transport.timeout", STILLBORN];
        refused(error, &[&["checkpoint.unknown", NOT_SERVED][..], &broken[..]].concat())?;
        self.count(format!("refused: {}", error.code()));
        if error.code() == "checkpoint.unknown" {
            let kind = self.life.kept.find(id).map(|checkpoint| checkpoint.kind);
            assert_eq!(kind, Some(CheckpointKind::Live), "a portable one outlives everything: {error}");
            self.life.kept.remove(id);
        }
        Ok(())
    }

    /// A branch holds what the checkpoint held, and what it does is nobody else's.
    pub(crate) async fn branch(&mut self, kind: CheckpointKind) -> Result<&'static str, Gone> {
        let Some(Checkpoint { id, state, .. }) = self.some_checkpoint(Some(kind)) else {
            return self.checkpoint(kind).await;
        };
        let own_id = SessionId::new();
        let (spec, _loading) = (spec(hibernaculum::RecoveryPolicy::FreshOnCrash), self.fire.loading(own_id));
        let (name, bound) = match kind {
            CheckpointKind::Live => ("branch: live", Bound::open("branch: live")),
            _ => ("branch: portable", Bound::open_and_load("branch: portable")),
        };
        self.remember(own_id);
        let branching = self.life.session.branch_with(&id, spec.clone().id(own_id));
        let session = match in_time(bound, branching).await {
            Ok(session) => session,
            Err(error) => return self.note_unknown(&error, id).map(|()| "branch: refused"),
        };
        let mut branch = Life::new(&self.fire, session, spec.recovery);
        branch.model = Model::is(state);
        branch.kept.goes_on_from(Some(id));
        let own = std::mem::replace(&mut self.life, branch);
        let life = self.live_as_a_branch().await;
        let branch = std::mem::replace(&mut self.life, own);
        life?;
        match in_time(Bound::close("close a branch"), branch.session.close()).await {
            Ok(()) => Ok(name),
            Err(error) => refused(&error, &[]).map(|()| name),
        }
    }

    async fn live_as_a_branch(&mut self) -> Result<(), Gone> {
        self.observe("its birth as a branch").await?;
        self.write(End::Completes, TransactionPolicy::None).await?;
        self.observe("writing in a branch").await.map(drop)
    }

    pub(crate) async fn delete_a_checkpoint(&mut self) -> Result<&'static str, Gone> {
        let Some(Checkpoint { id, .. }) = self.some_checkpoint(None) else { return Ok("nothing to delete") };
        let deleted = self.life.session.backend().delete_checkpoint(&id);
        in_time(Bound::at_once("delete a checkpoint"), deleted).await.unwrap();
        self.life.kept.remove(id);
        let restoring = self.life.session.restore(&id);
        let refusal = in_time(Bound::at_once("restore what was deleted"), restoring).await.unwrap_err();
        refused(&refusal, &["checkpoint.unknown"])?;
        Ok("delete a checkpoint")
    }

    /// Is put to sleep, and wakes as the same session: with what it held when it was saved, whatever happened since it was looked at.
    pub(crate) async fn sleep_and_wake(&mut self) -> Result<&'static str, Gone> {
        if self.life.kept.all().len() >= MOST {
            self.delete_a_checkpoint().await?;
        }
        let state = self.observe("nothing").await?;
        let (backend, id) = (self.life.session.backend().clone(), self.life.session.id());
        let _loading = self.fire.loading(id);
        let again = Session::of(&backend, id);
        let own = std::mem::replace(&mut self.life.session, again);
        let bound = Bound::hibernate("hibernate", self.life.way_back());
        let asleep = match in_time(bound, own.hibernate(request(CheckpointKind::Portable))).await {
            Ok(info) => info,
            Err(error) => {
                refused(&error, &[REFUSED, NOT_SERVED])?;
                self.allow_for_a_loss().await?;
                return Ok("sleep: refused");
            }
        };
        // There is no next execution that could tell what happened before.
        self.life.model = Model::is(state);
        self.life.is_in_doubt = false;
        self.heed(&asleep.warnings);
        let [state] = self.life.model.states() else { panic!("it was saved in one state: {asleep:?}") };
        let state = state.clone();
        let session = loop {
            let waking = self.fire.sandbox.wake_with(&asleep.id, spec(self.life.recovery));
            match in_time(Bound::open_and_load("wake"), waking).await {
                Ok(session) => break session,
                Err(error) => refused(&error, &[STILLBORN, NOT_SERVED, "transport.broken"])?,
            }
        };
        assert_eq!(session.id(), id, "a woken session keeps its id");
        let mut kept = std::mem::take(&mut self.life.kept);
        kept.add(checkpoint_of(&asleep, state.clone()));
        let mut life = Life::new(&self.fire, session, self.life.recovery);
        (life.model, life.kept) = (Model::is(state), kept);
        // The old handle is of the same id, and must not close what has just woken.
        std::mem::replace(&mut self.life, life).session.keep();
        Ok("sleep and wake")
    }
}
