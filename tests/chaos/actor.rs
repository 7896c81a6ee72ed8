//! One session, and what it must hold: whatever is asked of it is asked in here.

use std::sync::Arc;

use hibernaculum::{
    CheckpointId, CheckpointKind, Error, ExecutionResult, RecoveryPolicy, RestoredFrom, Session, SessionId,
    SessionInfo, SessionSpec, StateAfter, Status, TransactionPolicy, TransactionScope,
};

use crate::Tally;
use crate::bounds::{Bound, GRACE, WayBack, in_time};
use crate::code;
use crate::dice::Dice;
use crate::fire::{Fire, Loading};
use crate::kept::Kept;
use crate::model::{Model, State};
use crate::processes;

/// A session may have so many descriptors more than when it was first looked at: what Python opens as it is first used.
const MORE_DESCRIPTORS: u64 = 6;

/// The sandbox is no more.
#[derive(Debug)]
pub(crate) struct Gone;

/// A session, and all that is known of it.
pub(crate) struct Life {
    pub(crate) session: Session,
    pub(crate) recovery: RecoveryPolicy,
    pub(crate) model: Model,
    pub(crate) kept: Kept,
    /// How often its process had ended, and its state with it, when it was last looked at.
    pub(crate) crashes: u64,
    /// Its state was set since code last ran: what that code is told of may have been before, or after.
    pub(crate) is_in_doubt: bool,
    descriptors: Option<u64>,
    /// A session that goes back to checkpoints may load one at any time.
    #[expect(dead_code, reason = "held: its end is what counts")]
    loading: Option<Loading>,
}

impl Life {
    pub(crate) fn new(fire: &Arc<Fire>, session: Session, recovery: RecoveryPolicy) -> Self {
        let loads = recovery == RecoveryPolicy::FromCheckpoint;
        let loading = loads.then(|| fire.loading(session.id()));
        let (model, kept) = (Model::fresh(), Kept::default());
        Self { session, recovery, model, kept, crashes: 0, is_in_doubt: false, descriptors: None, loading }
    }

    /// What may have to come back while something runs that makes no guard of its own.
    pub(crate) fn way_back(&self) -> WayBack {
        let recalls = self.recovery == RecoveryPolicy::FromCheckpoint;
        WayBack { guard: false, live: recalls.then(|| self.kept.live()) }
    }

    /// What may have to come back while code runs, or a transaction is settled.
    pub(crate) fn way_back_of(&self, policy: TransactionPolicy) -> WayBack {
        let in_memory = policy.scope() == Some(TransactionScope::Memory);
        WayBack { guard: in_memory || self.recovery == RecoveryPolicy::Guard, ..self.way_back() }
    }
}

pub(crate) struct Actor {
    pub(crate) fire: Arc<Fire>,
    pub(crate) life: Life,
    pub(crate) dice: Dice,
    /// What was done so far: some deeds have their turn.
    pub(crate) acts: u64,
    token: u64,
    sessions: Vec<String>,
    pub(crate) done: Tally,
}

/// What is asked of every session.
pub(crate) fn spec(recovery: RecoveryPolicy) -> SessionSpec {
    SessionSpec::default().recovery(recovery).grace(GRACE)
}

impl Actor {
    pub(crate) async fn new(fire: Arc<Fire>, recovery: RecoveryPolicy, dice: Dice) -> Result<Self, Gone> {
        let session = loop {
            let id = SessionId::new();
            let _loading = fire.loading(id);
            // Its process may be killed before it is ready: then it says so.
            let opening = fire.sandbox.session_with(spec(recovery).id(id));
            match in_time(Bound::open("open a session"), opening).await {
                Ok(session) => break session,
                Err(error) => refused(&error, &["session.start"])?,
            }
        };
        let sessions = vec![session.id().to_string()];
        let life = Life::new(&fire, session, recovery);
        Ok(Self { fire, life, dice, acts: 0, token: 0, sessions, done: Tally::new() })
    }

    pub(crate) fn count(&mut self, what: impl Into<String>) {
        *self.done.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn token(&mut self) -> u64 {
        self.token += 1;
        self.token
    }

    pub(crate) fn remember(&mut self, session: SessionId) {
        self.sessions.push(session.to_string());
    }

    /// Closes the session, unless its sandbox is gone. Its checkpoints outlive it, and are deleted first.
    pub(crate) async fn leave(mut self, end: Result<(), Gone>) -> (Tally, Vec<String>, Result<(), Gone>) {
        for checkpoint in self.life.kept.all() {
            let deleted = self.life.session.backend().delete_checkpoint(&checkpoint.id);
            in_time(Bound::at_once("delete a checkpoint"), deleted).await.unwrap();
        }
        self.forget_what_is_stored(end.is_err()).await;
        let end = match in_time(Bound::close("close"), self.life.session.close()).await {
            // It may have been asleep when its sandbox went.
            Err(_) if end.is_err() => end,
            Err(error) => refused(&error, &[]).and(end),
            Ok(()) => end,
        };
        (std::mem::take(&mut self.done), self.sessions, end)
    }

    /// Nothing is stored of the session any more. Where its sandbox went, what was kept at that moment may be there, and nobody knew its id.
    async fn forget_what_is_stored(&self, is_gone: bool) {
        let backend = self.life.session.backend();
        let mut stored = in_time(Bound::at_once("list"), backend.stored_checkpoints()).await.unwrap();
        stored.retain(|info| info.session == self.life.session.id());
        assert!(is_gone || stored.is_empty(), "nobody was told of these: {stored:?}");
        for info in stored {
            in_time(Bound::at_once("delete a checkpoint"), backend.delete_checkpoint(&info.id))
                .await
                .unwrap();
        }
    }

    pub(crate) async fn info(&self) -> Result<SessionInfo, Gone> {
        match in_time(Bound::at_once("info"), self.life.session.info()).await {
            Ok(info) => Ok(info),
            Err(error) => Err(gone(&error)),
        }
    }

    /// What an answer makes of the model, where `token` was to be written.
    pub(crate) fn judge(&mut self, result: &ExecutionResult, token: Option<u64>) {
        self.heed(&result.outcome.warnings);
        self.conclude(result, token);
    }

    /// What happened before an execution is told by it: the state that it began with.
    pub(crate) fn heed(&mut self, warnings: &[String]) {
        let is_in_doubt = std::mem::take(&mut self.life.is_in_doubt);
        for warning in warnings {
            let back = went_back_to(warning);
            if back.is_none() && !warning.contains("state was lost before") {
                continue;
            }
            self.count(if back.is_some() { "recovered while idle" } else { "lost while idle" });
            let before = match back {
                Some(id) if is_in_doubt => Model::is(self.held_by(id)),
                Some(id) => Model::is(self.came_back(id, warnings)),
                None if is_in_doubt => Model::fresh(),
                None => self.lose(warnings),
            };
            self.life.model = if is_in_doubt { self.life.model.or(&before) } else { before };
        }
    }

    /// What became of the state that an execution began with.
    pub(crate) fn conclude(&mut self, result: &ExecutionResult, token: Option<u64>) {
        let (status, state) = (result.status(), result.state());
        match state {
            StateAfter::Kept => {
                assert_ne!(status, Status::Crashed, "a crash keeps nothing: {result:?}");
                if let Some(token) = token {
                    self.count("kept");
                    self.life.model = self.life.model.then(|state| code::after(state, token, status));
                }
            }
            StateAfter::Restored { from: RestoredFrom::Bindings(_) } => {
                let Some(token) = token else { panic!("it had no names to put back: {result:?}") };
                self.count("restored: names");
                self.life.model = self.life.model.then(|state| code::with_names_back(state, token, status));
            }
            StateAfter::Restored { from: RestoredFrom::Guard(execution) } => {
                assert_eq!(*execution, result.execution, "{result:?}");
                let has_died = result.outcome.crash.is_some();
                self.count(if has_died { "restored: a guard took over" } else { "restored: rolled back" });
            }
            StateAfter::Restored { from: RestoredFrom::Live(id) } => {
                self.count("restored: a live checkpoint");
                self.fell_back(*id, CheckpointKind::Live, result);
            }
            StateAfter::Restored { from: RestoredFrom::Portable(id) } => {
                self.count("restored: a portable checkpoint");
                self.fell_back(*id, CheckpointKind::Portable, result);
            }
            StateAfter::Lost => {
                self.count("lost");
                self.life.model = self.lose(&result.outcome.warnings);
            }
            _ => panic!("a state that is none: {result:?}"),
        }
        if let (Some(token), Status::Completed | Status::Failed) = (token, status) {
            assert_eq!(result.stdout, format!("wrote {token}\n").as_str(), "{result:?}");
        }
    }

    /// The execution fell, and the session went back to a checkpoint.
    fn fell_back(&mut self, id: CheckpointId, kind: CheckpointKind, result: &ExecutionResult) {
        assert!(result.outcome.crash.is_some(), "nobody fell: {result:?}");
        let found = self.life.kept.find(id).map(|checkpoint| checkpoint.kind);
        assert_eq!(found, Some(kind), "{result:?}");
        self.life.model = Model::is(self.came_back(id, &result.outcome.warnings));
    }

    /// A checkpoint came back: what it holds. It is the one that the state went on from, or the newest, but for those that are told not to
    /// have come back.
    fn came_back(&mut self, id: CheckpointId, warnings: &[String]) -> State {
        assert_eq!(self.life.recovery, RecoveryPolicy::FromCheckpoint, "{warnings:?}");
        let chain = self.life.kept.chain();
        let better = chain.iter().take_while(|tried| **tried != id);
        for tried in better {
            assert!(
                was_passed_over(*tried, warnings),
                "{tried} stands before {id} and was not tried: {warnings:?}; {:?}",
                self.life.kept
            );
        }
        self.life.kept.goes_on_from(Some(id));
        self.held_by(id)
    }

    fn held_by(&self, id: CheckpointId) -> State {
        let kept = &self.life.kept;
        kept.find(id).unwrap_or_else(|| panic!("{id} is none of {kept:?}")).state.clone()
    }

    /// The state is lost: so nothing was there to go back to, or nothing of it came back.
    fn lose(&mut self, warnings: &[String]) -> Model {
        if self.life.recovery == RecoveryPolicy::FromCheckpoint {
            let left = self.life.kept.chain();
            let left: Vec<_> = left.iter().filter(|id| !was_passed_over(**id, warnings)).collect();
            assert!(left.is_empty(), "lost, and {left:?} were there to go back to: {warnings:?}");
        }
        self.life.kept.goes_on_from(None);
        Model::fresh()
    }

    /// Looks what the session holds, and whether it may.
    pub(crate) async fn observe(&mut self, after: &str) -> Result<State, Gone> {
        processes::note_descriptors_here();
        for _ in 0..20 {
            let (known, was_in_doubt) = (self.info().await?.crashes, self.life.is_in_doubt);
            let bound = Bound::timed("look", code::LOOK, self.life.way_back_of(TransactionPolicy::None));
            let result = match in_time(bound, self.life.session.execute(code::look())).await {
                Ok(result) => result,
                // No guard could be made, and none was asked for: anything but the sandbox's end is a defect.
                Err(error) => return Err(gone(&error)),
            };
            self.judge(&result, None);
            let Some((state, descriptors)) = result.json().and_then(read) else {
                assert_ne!(result.status(), Status::Completed, "{result:?}");
                continue;
            };
            assert!(
                self.life.model.allows(&state),
                "after {after}: the session {} holds {:?}, and may hold {:?}; {:?}; {result:?}",
                self.life.session.id(),
                Model::is(state),
                self.life.model,
                self.life.kept
            );
            let first = *self.life.descriptors.get_or_insert(descriptors);
            assert!(
                descriptors <= first + MORE_DESCRIPTORS,
                "after {after}: the session {} had {first} descriptors, and has {descriptors}",
                self.life.session.id()
            );
            let info = self.info().await?;
            if was_in_doubt {
                self.life.kept.goes_on_from(info.checkpoint);
            } else if info.crashes == known && self.life.recovery == RecoveryPolicy::FromCheckpoint {
                assert_eq!(
                    info.checkpoint,
                    self.life.kept.last(),
                    "after {after}: what its state goes on from"
                );
            }
            (self.life.model, self.life.crashes) = (Model::is(state.clone()), known);
            return Ok(state);
        }
        panic!("after {after}: twenty looks, and no answer");
    }

    /// Whether the state was lost since it was last looked at: then what it fell back to is a thing that may be found.
    pub(crate) async fn allow_for_a_loss(&mut self) -> Result<bool, Gone> {
        let info = self.info().await?;
        let was_lost = info.crashes > self.life.crashes;
        if was_lost {
            let back = info.checkpoint.and_then(|id| self.life.kept.find(id));
            let back = back.map_or_else(Model::fresh, |checkpoint| Model::is(checkpoint.state.clone()));
            self.life.model = self.life.model.or(&back);
        }
        Ok(was_lost)
    }
}

/// The checkpoint that a session is told to have gone back to before an execution.
fn went_back_to(warning: &str) -> Option<CheckpointId> {
    let (_, rest) = warning.split_once("the session went back to the checkpoint ")?;
    rest.split_whitespace().next()?.parse().ok()
}

fn was_passed_over(id: CheckpointId, warnings: &[String]) -> bool {
    let told = format!("the checkpoint {id} did not come back");
    warnings.iter().any(|warning| warning.contains(&told))
}

fn read(told: &serde_json::Value) -> Option<(State, u64)> {
    let (list, number, descriptors) = serde_json::from_value(told.clone()).ok()?;
    Some((State { list, number }, descriptors))
}

/// An error that may be: one of these codes. That the sandbox is gone may always be.
pub(crate) fn refused(error: &Error, codes: &[&str]) -> Result<(), Gone> {
    if error.code().starts_with("sandbox.") {
        return Err(Gone);
    }
    assert!(codes.contains(&error.code()), "{}: {error}; {:?}", error.code(), error.explain());
    Ok(())
}

/// Nothing but the end of the sandbox may be.
fn gone(error: &Error) -> Gone {
    assert!(error.code().starts_with("sandbox."), "{}: {error}; {:?}", error.code(), error.explain());
    Gone
}
