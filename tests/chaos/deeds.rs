//! What a session under fire does, and what may come of it.

use std::future::IntoFuture as _;
use std::time::Duration;

use hibernaculum::{
    CheckpointId, CheckpointKind, CheckpointRequest, EventKind, ExecutionId, ExecutionResult, SessionSpec,
    Status, TransactionPolicy, TransactionScope,
};

use crate::actor::{Actor, Gone, in_time, refused};
use crate::code::{End, write};
use crate::model::{Model, State};

/// A session's state could not be asked about: its process ended, or was killed at the deadline.
const NOT_SERVED: &str = "session.not_served";
/// No copy of the session could be made: it was killed as it was born.
const REFUSED: &str = "checkpoint.refused";

impl Actor {
    /// Does something, and looks whether the state is what it must be.
    pub(crate) async fn act(&mut self) -> Result<(), Gone> {
        let deed = match self.dice.roll(26) {
            0..6 => self.write(End::Completes).await?,
            6..8 => self.write(End::Fails).await?,
            8..10 => self.write(End::Crashes).await?,
            10 => self.write(End::Sleeps).await?,
            11 => self.write(End::IsStubborn).await?,
            12..14 => self.be_interrupted().await?,
            14..17 => self.settle().await?,
            17..19 => self.checkpoint().await?,
            19 => self.restore().await?,
            20..22 => self.branch().await?,
            22 => self.delete_a_checkpoint().await?,
            23 => self.write(End::IsLate).await?,
            24 => self.write(End::HasAChild).await?,
            _ => self.read_a_name().await?,
        };
        self.count(deed);
        self.observe(deed).await.map(drop)
    }

    fn policy(&mut self) -> TransactionPolicy {
        let scope = *self.dice.pick(&[TransactionScope::Memory, TransactionScope::Bindings]);
        let policies = [
            TransactionPolicy::None,
            TransactionPolicy::CommitOnSuccess { scope },
            TransactionPolicy::RollbackOnFailure { scope },
        ];
        *self.dice.pick(&policies)
    }

    async fn write(&mut self, end: End) -> Result<&'static str, Gone> {
        let (token, policy) = (self.token(), self.policy());
        let request = write(token, end, policy);
        match in_time("write", self.session.execute(request)).await {
            Ok(result) => self.judge_write(&result, token, policy),
            Err(error) => self.not_begun(&error).await?,
        }
        Ok(match end {
            End::Completes => "write",
            End::HasAChild => "start a child",
            End::Fails => "fail",
            End::Crashes => "crash",
            End::Sleeps => "run out of time",
            End::IsLate => "be late",
            End::IsStubborn => "be stubborn",
        })
    }

    /// Beyond what holds of any answer: what was to be undone is not kept, and what was to be kept is not undone.
    fn judge_write(&mut self, result: &ExecutionResult, token: u64, policy: TransactionPolicy) {
        let kept = matches!(result.state(), hibernaculum::StateAfter::Kept);
        let restored = matches!(result.state(), hibernaculum::StateAfter::Restored { .. });
        let undoes = match policy {
            TransactionPolicy::CommitOnSuccess { .. } => result.status() != Status::Completed,
            TransactionPolicy::RollbackOnFailure { .. } => has_failed(result),
            _ => false,
        };
        assert!(!(undoes && kept), "{policy:?} keeps: {result:?}");
        // What is being interrupted, or is late, may be killed all the same.
        let ended_by_itself = result.outcome.crash.is_none();
        assert!(!(restored && ended_by_itself && !undoes), "{policy:?} undoes: {result:?}");
        self.judge(result, Some(token));
    }

    /// An execution that was refused: nothing of it happened. But the session may have died meanwhile, idle.
    async fn not_begun(&mut self, error: &hibernaculum::Error) -> Result<(), Gone> {
        refused(error, &[REFUSED])?;
        self.count("no guard could be made");
        self.allow_for_a_loss().await.map(drop)
    }

    async fn be_interrupted(&mut self) -> Result<&'static str, Gone> {
        let (token, policy) = (self.token(), self.policy());
        let request = write(token, End::Sleeps, policy).timeout(Duration::from_secs(5));
        let mut running = match in_time("start", self.session.start(request)).await {
            Ok(running) => running,
            Err(error) => return self.not_begun(&error).await.map(|()| "be interrupted"),
        };
        let id = running.id();
        while let Some(event) = in_time("an event", running.next()).await {
            if matches!(event.kind, EventKind::Output { .. }) {
                break;
            }
        }
        if let Err(error) = in_time("interrupt", self.session.interrupt(&id)).await {
            refused(&error, &[])?;
        }
        // From the first event once more, whatever became of the process meanwhile.
        running.detach();
        let again = match in_time("attach", self.session.attach(&id, 0)).await {
            Ok(again) => again,
            Err(error) => return self.not_begun(&error).await.map(|()| "be interrupted"),
        };
        match in_time("the end of what was interrupted", again.into_future()).await {
            Ok(result) => self.judge_write(&result, token, policy),
            Err(error) => self.not_begun(&error).await?,
        }
        Ok("be interrupted")
    }

    /// An explicit transaction, and the word on it.
    async fn settle(&mut self) -> Result<&'static str, Gone> {
        let scope = *self.dice.pick(&[TransactionScope::Memory, TransactionScope::Bindings]);
        let (token, policy) = (self.token(), TransactionPolicy::Explicit { scope });
        let end = *self.dice.pick(&[End::Completes, End::Completes, End::Fails]);
        let result = match in_time("write", self.session.execute(write(token, end, policy))).await {
            Ok(result) => result,
            Err(error) => return self.not_begun(&error).await.map(|()| "settle"),
        };
        // A loss before it began is told by it.
        let was_told =
            result.outcome.warnings.iter().any(|warning| warning.contains("state was lost before"));
        let before = if was_told { Model::fresh() } else { self.model.clone() };
        self.judge(&result, Some(token));
        if !matches!(result.state(), hibernaculum::StateAfter::Kept) {
            return Ok("settle");
        }
        if self.dice.roll(3) == 0 {
            self.read_a_name().await?;
        }
        let undone = match scope {
            TransactionScope::Memory => before.clone(),
            _ => before.then(|state| crate::code::with_names_back(state, token, result.status())),
        };
        self.say_the_word(&result.execution, &before, &undone).await
    }

    /// `before`: the execution; `undone`: what a rollback makes of it.
    async fn say_the_word(
        &mut self,
        execution: &ExecutionId,
        before: &Model,
        undone: &Model,
    ) -> Result<&'static str, Gone> {
        let commits = self.dice.roll(2) == 0;
        let told = if commits {
            in_time("commit", self.session.commit(execution)).await
        } else {
            in_time("rollback", self.session.rollback(execution)).await
        };
        match told {
            Ok(()) if commits => {}
            Ok(()) => self.model = undone.clone(),
            // Its process died before, or meanwhile: undone by its guard, or lost. Only where the word itself was on its way may it have come to pass.
            Err(error) => {
                refused(&error, &["session.no_transaction", NOT_SERVED])?;
                let done = self.model.or(undone);
                self.model = if error.code() == NOT_SERVED { before.or(&done) } else { before.clone() };
                self.allow_for_a_loss().await?;
            }
        }
        Ok(if commits { "commit" } else { "roll back" })
    }

    async fn checkpoint(&mut self) -> Result<&'static str, Gone> {
        if self.checkpoints.len() > 2 {
            return self.delete_a_checkpoint().await;
        }
        let state = self.observe("nothing").await?;
        let request = CheckpointRequest::new(CheckpointKind::Live);
        match in_time("checkpoint", self.session.checkpoint(request)).await {
            // Where it died after it was looked at, the checkpoint may be one of the fresh session that followed.
            Ok(info) if self.allow_for_a_loss().await? => {
                let deleted = self.session.backend().delete_checkpoint(&info.id);
                in_time("delete a checkpoint", deleted).await.unwrap();
            }
            Ok(info) => drop(self.checkpoints.insert(info.id, state)),
            Err(error) => {
                refused(&error, &[REFUSED, NOT_SERVED])?;
                self.allow_for_a_loss().await?;
            }
        }
        Ok("checkpoint")
    }

    fn some_checkpoint(&mut self) -> Option<(CheckpointId, State)> {
        let mut ids: Vec<_> = self.checkpoints.keys().copied().collect();
        ids.sort();
        if ids.is_empty() {
            return None;
        }
        let id = *self.dice.pick(&ids);
        self.checkpoints.get(&id).cloned().map(|state| (id, state))
    }

    async fn restore(&mut self) -> Result<&'static str, Gone> {
        let Some((id, state)) = self.some_checkpoint() else { return self.checkpoint().await };
        match in_time("restore", self.session.restore(&id)).await {
            Ok(()) => self.model = Model::is(state),
            Err(error) => {
                self.note_unknown(&error, id)?;
                self.model = self.model.or(&Model::is(state));
                self.allow_for_a_loss().await?;
            }
        }
        Ok("restore")
    }

    /// A checkpoint's process may have been killed, and then it is unknown.
    fn note_unknown(&mut self, error: &hibernaculum::Error, id: CheckpointId) -> Result<(), Gone> {
        let broken = ["transport.broken", "transport.timeout", "session.start"];
        refused(error, &[&["checkpoint.unknown", NOT_SERVED][..], &broken[..]].concat())?;
        self.count(format!("refused: {}", error.code()));
        if error.code() == "checkpoint.unknown" {
            self.checkpoints.remove(&id);
        }
        Ok(())
    }

    /// A branch holds what the checkpoint held, and what it does is nobody else's.
    async fn branch(&mut self) -> Result<&'static str, Gone> {
        let Some((id, state)) = self.some_checkpoint() else { return self.checkpoint().await };
        let spec = SessionSpec::default().grace(Duration::from_millis(500));
        let branch = match in_time("branch", self.session.branch_with(&id, spec)).await {
            Ok(branch) => branch,
            Err(error) => return self.note_unknown(&error, id).map(|()| "branch"),
        };
        self.remember(&branch);
        let (own, model) = (
            std::mem::replace(&mut self.session, branch),
            std::mem::replace(&mut self.model, Model::is(state)),
        );
        let crashes = self.swap_crashes(0);
        let life = self.live_as_a_branch().await;
        self.swap_crashes(crashes);
        let branch = std::mem::replace(&mut self.session, own);
        self.model = model;
        life?;
        match in_time("close a branch", branch.close()).await {
            Ok(()) => Ok("branch"),
            Err(error) => refused(&error, &[]).map(|()| "branch"),
        }
    }

    async fn live_as_a_branch(&mut self) -> Result<(), Gone> {
        self.observe("its birth as a branch").await?;
        self.write(End::Completes).await?;
        self.observe("writing in a branch").await.map(drop)
    }

    async fn delete_a_checkpoint(&mut self) -> Result<&'static str, Gone> {
        let Some((id, _)) = self.some_checkpoint() else { return Ok("nothing to delete") };
        in_time("delete a checkpoint", self.session.backend().delete_checkpoint(&id)).await.unwrap();
        self.checkpoints.remove(&id);
        let refusal = in_time("restore what was deleted", self.session.restore(&id)).await.unwrap_err();
        refused(&refusal, &["checkpoint.unknown"])?;
        Ok("delete a checkpoint")
    }

    async fn read_a_name(&mut self) -> Result<&'static str, Gone> {
        match in_time("read a name", self.session.namespace().get("n")).await {
            Ok(told) => {
                let number = told.as_u64().unwrap();
                if !self.model.allows_number(number) {
                    assert!(self.allow_for_a_loss().await?, "n is {number}, and may be {:?}", self.model);
                }
            }
            Err(error) => refused(&error, &["session.no_such_name", NOT_SERVED])?,
        }
        Ok("read a name")
    }
}

/// Whether code ended by an exception of its own, as a deadline's interrupt may become one.
fn has_failed(result: &ExecutionResult) -> bool {
    let own = result.outcome.error.as_ref().is_some_and(|error| error.type_name != "KeyboardInterrupt");
    result.status() == Status::Failed || (result.status() == Status::TimedOut && own)
}
