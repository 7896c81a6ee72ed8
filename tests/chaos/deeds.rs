//! What a session under fire does, and what may come of it.

use std::future::IntoFuture as _;
use std::time::Duration;

use hibernaculum::{
    CheckpointKind, EventKind, Execution, ExecutionId, ExecutionResult, StateAfter, Status,
    TransactionPolicy, TransactionScope,
};
use rustix::process::Signal;

use crate::actor::{Actor, Gone, refused};
use crate::bounds::{Bound, in_time};
use crate::code::{End, write};
use crate::model::Model;

/// A session's state could not be asked about: its process ended, or was killed at the deadline.
pub(crate) const NOT_SERVED: &str = "session.not_served";
/// No copy of the session could be made: it was killed as it was born.
pub(crate) const REFUSED: &str = "checkpoint.refused";

impl Actor {
    /// Does something, and looks whether the state is what it must be.
    pub(crate) async fn act(&mut self) -> Result<(), Gone> {
        self.acts += 1;
        let deed = match self.in_turn() {
            Some(turn) => self.take(turn).await?,
            None => self.by_chance().await?,
        };
        self.count(deed);
        self.observe(deed).await.map(drop)
    }

    /// Some deeds have their turn: chance alone might leave them out of a short run.
    fn in_turn(&self) -> Option<Turn> {
        let is_odd = self.acts / 30 % 2 == 1;
        let (kind, other) = (CheckpointKind::Portable, CheckpointKind::Live);
        let (kind, other) = if is_odd { (other, kind) } else { (kind, other) };
        match self.acts % 30 {
            3 => Some(Turn::Fall(kind)),
            8 => Some(Turn::LoseAGuard(if is_odd { Signal::STOP } else { Signal::KILL })),
            13 => Some(Turn::GoBack(other)),
            18 => Some(Turn::SleepAndWake),
            23 => Some(Turn::Branch(kind)),
            25 => Some(Turn::DieIdle),
            28 => Some(Turn::Fall(other)),
            _ => None,
        }
    }

    async fn take(&mut self, turn: Turn) -> Result<&'static str, Gone> {
        match turn {
            Turn::Fall(kind) => self.fall(kind).await,
            Turn::LoseAGuard(signal) => self.lose_a_guard(signal).await,
            Turn::SleepAndWake => self.sleep_and_wake().await,
            Turn::DieIdle => self.die_idle().await,
            Turn::GoBack(kind) => {
                self.checkpoint(kind).await?;
                self.restore(kind).await
            }
            Turn::Branch(kind) => {
                self.checkpoint(kind).await?;
                self.branch(kind).await
            }
        }
    }

    async fn by_chance(&mut self) -> Result<&'static str, Gone> {
        let (roll, policy, kind) = (self.dice.roll(27), self.policy(), self.some_kind());
        match roll {
            0..6 => self.write(End::Completes, policy).await,
            6..8 => self.write(End::Fails, policy).await,
            8..10 => self.write(End::Crashes, policy).await,
            10 => self.write(End::Sleeps, policy).await,
            11 => self.write(End::IsStubborn, policy).await,
            12..14 => self.be_interrupted().await,
            14..17 => self.settle().await,
            17..19 => self.checkpoint(kind).await,
            19..21 => self.restore(kind).await,
            21..23 => self.branch(kind).await,
            23 => self.delete_a_checkpoint().await,
            24 => self.write(End::IsLate, policy).await,
            25 => self.write(End::HasAChild, policy).await,
            _ => self.read_a_name().await,
        }
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

    pub(crate) async fn write(&mut self, end: End, policy: TransactionPolicy) -> Result<&'static str, Gone> {
        let token = self.token();
        let bound = Bound::timed("write", end.timeout(), self.life.way_back_of(policy));
        match in_time(bound, self.life.session.execute(write(token, end, policy))).await {
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
    pub(crate) fn judge_write(&mut self, result: &ExecutionResult, token: u64, policy: TransactionPolicy) {
        let kept = matches!(result.state(), StateAfter::Kept);
        let restored = matches!(result.state(), StateAfter::Restored { .. });
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
    pub(crate) async fn not_begun(&mut self, error: &hibernaculum::Error) -> Result<(), Gone> {
        refused(error, &[REFUSED])?;
        self.count("no guard could be made");
        self.allow_for_a_loss().await.map(drop)
    }

    async fn be_interrupted(&mut self) -> Result<&'static str, Gone> {
        const TIMEOUT: Duration = Duration::from_secs(5);
        let (token, policy) = (self.token(), self.policy());
        let request = write(token, End::Sleeps, policy).timeout(TIMEOUT);
        let starting = self.life.session.start(request);
        let mut running = match in_time(Bound::at_once("start"), starting).await {
            Ok(running) => running,
            Err(error) => return self.not_begun(&error).await.map(|()| "be interrupted"),
        };
        let (id, way_back) = (running.id(), self.life.way_back_of(policy));
        in_time(Bound::timed("output", TIMEOUT, way_back), until_output(&mut running)).await;
        let interrupting = self.life.session.interrupt(&id);
        if let Err(error) = in_time(Bound::at_once("interrupt"), interrupting).await {
            refused(&error, &[])?;
        }
        // From the first event once more, whatever became of the process meanwhile.
        running.detach();
        let again = match in_time(Bound::at_once("attach"), self.life.session.attach(&id, 0)).await {
            Ok(again) => again,
            Err(error) => return self.not_begun(&error).await.map(|()| "be interrupted"),
        };
        // From the interrupt on it has its grace, and no more of its time.
        let bound = Bound::timed("the end of what was interrupted", Duration::ZERO, way_back);
        match in_time(bound, again.into_future()).await {
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
        let bound = Bound::timed("write", end.timeout(), self.life.way_back_of(policy));
        let result = match in_time(bound, self.life.session.execute(write(token, end, policy))).await {
            Ok(result) => result,
            Err(error) => return self.not_begun(&error).await.map(|()| "settle"),
        };
        // A loss before it began is told by it.
        self.heed(&result.outcome.warnings);
        let before = self.life.model.clone();
        self.conclude(&result, Some(token));
        if !matches!(result.state(), StateAfter::Kept) {
            return Ok("settle");
        }
        if self.dice.roll(3) == 0 {
            self.read_a_name().await?;
        }
        let undone = match scope {
            TransactionScope::Memory => before.clone(),
            _ => before.then(|state| crate::code::with_names_back(state, token, result.status())),
        };
        self.say_the_word(&result.execution, policy, &before, &undone).await
    }

    /// `before`: the execution; `undone`: what a rollback makes of it.
    async fn say_the_word(
        &mut self,
        execution: &ExecutionId,
        policy: TransactionPolicy,
        before: &Model,
        undone: &Model,
    ) -> Result<&'static str, Gone> {
        let commits = self.dice.roll(2) == 0;
        let way_back = self.life.way_back_of(policy);
        let told = if commits {
            in_time(Bound::by_default("commit", way_back), self.life.session.commit(execution)).await
        } else {
            in_time(Bound::by_default("rollback", way_back), self.life.session.rollback(execution)).await
        };
        match told {
            Ok(()) if commits => {}
            Ok(()) => self.life.model = undone.clone(),
            // Its process died before, or meanwhile: undone by its guard, or lost. Only where the word itself was on its way may it have come to pass.
            Err(error) => {
                refused(&error, &["session.no_transaction", NOT_SERVED])?;
                let done = self.life.model.or(undone);
                self.life.model = if error.code() == NOT_SERVED { before.or(&done) } else { before.clone() };
                self.allow_for_a_loss().await?;
            }
        }
        Ok(if commits { "commit" } else { "roll back" })
    }

    async fn read_a_name(&mut self) -> Result<&'static str, Gone> {
        // A transaction may wait, and with it a guard.
        let pending = TransactionPolicy::Explicit { scope: TransactionScope::Memory };
        let bound = Bound::by_default("read a name", self.life.way_back_of(pending));
        match in_time(bound, self.life.session.namespace().get("n")).await {
            Ok(told) => {
                let number = told.as_u64().unwrap();
                if !self.life.model.allows_number(number) {
                    assert!(
                        self.allow_for_a_loss().await?,
                        "n is {number}, and may be {:?}",
                        self.life.model
                    );
                }
            }
            Err(error) => refused(&error, &["session.no_such_name", NOT_SERVED])?,
        }
        Ok("read a name")
    }
}

/// A deed that has its turn.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Fall(CheckpointKind),
    LoseAGuard(Signal),
    GoBack(CheckpointKind),
    Branch(CheckpointKind),
    SleepAndWake,
    DieIdle,
}

/// Waits until code has printed something, or has ended.
pub(crate) async fn until_output(running: &mut Execution) {
    while let Some(event) = running.next().await {
        if matches!(event.kind, EventKind::Output { .. }) {
            break;
        }
    }
}

/// Whether code ended by an exception of its own, as a deadline's interrupt may become one.
fn has_failed(result: &ExecutionResult) -> bool {
    let own = result.outcome.error.as_ref().is_some_and(|error| error.type_name != "KeyboardInterrupt");
    result.status() == Status::Failed || (result.status() == Status::TimedOut && own)
}
