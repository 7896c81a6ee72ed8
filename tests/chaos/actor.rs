//! One session, and what it must hold: whatever is asked of it is asked in here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum::{
    CheckpointId, Error, ExecutionResult, RecoveryPolicy, RestoredFrom, Sandbox, Session, SessionInfo,
    SessionSpec, StateAfter, Status,
};

use crate::Tally;
use crate::code;
use crate::dice::Dice;
use crate::model::{Model, State};

/// Deadline, grace, the wait for a killed process and for a stopped guard, on a machine under load. No call may take longer.
const PATIENCE: Duration = Duration::from_secs(75);

/// The sandbox is no more.
#[derive(Debug)]
pub(crate) struct Gone;

pub(crate) struct Actor {
    /// Held, so that the sandbox lives.
    _sandbox: Arc<Sandbox>,
    pub(crate) session: Session,
    pub(crate) dice: Dice,
    pub(crate) model: Model,
    /// How often its state had been lost when it was last looked at.
    crashes: u64,
    pub(crate) checkpoints: HashMap<CheckpointId, State>,
    token: u64,
    sessions: Vec<String>,
    pub(crate) done: Tally,
}

impl Actor {
    pub(crate) async fn new(sandbox: Arc<Sandbox>, mut dice: Dice) -> Result<Self, Gone> {
        let session = loop {
            let recovery =
                *dice.pick(&[RecoveryPolicy::Guard, RecoveryPolicy::Guard, RecoveryPolicy::FreshOnCrash]);
            let spec = SessionSpec::default().recovery(recovery).grace(Duration::from_millis(500));
            // Its process may be killed before it is ready: then it says so.
            match in_time("open a session", sandbox.session_with(spec)).await {
                Ok(session) => break session,
                Err(error) => refused(&error, &["session.start"])?,
            }
        };
        let sessions = vec![session.id().to_string()];
        let (model, checkpoints, done) = (Model::fresh(), HashMap::new(), Tally::new());
        Ok(Self {
            _sandbox: sandbox,
            session,
            dice,
            model,
            crashes: 0,
            checkpoints,
            token: 0,
            sessions,
            done,
        })
    }

    pub(crate) fn count(&mut self, what: impl Into<String>) {
        *self.done.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn token(&mut self) -> u64 {
        self.token += 1;
        self.token
    }

    /// Another session is looked at from now on: how often the state of the one before had been lost.
    pub(crate) fn swap_crashes(&mut self, crashes: u64) -> u64 {
        std::mem::replace(&mut self.crashes, crashes)
    }

    pub(crate) fn remember(&mut self, session: &Session) {
        self.sessions.push(session.id().to_string());
    }

    /// Closes the session, unless its sandbox is gone. Its checkpoints outlive it, and are deleted first.
    pub(crate) async fn leave(mut self, end: Result<(), Gone>) -> (Tally, Vec<String>, Result<(), Gone>) {
        for checkpoint in std::mem::take(&mut self.checkpoints).into_keys() {
            let deleted = self.session.backend().delete_checkpoint(&checkpoint);
            in_time("delete a checkpoint", deleted).await.unwrap();
        }
        let end = match in_time("close", self.session.close()).await {
            Err(error) => refused(&error, &[]).and(end),
            Ok(()) => end,
        };
        (self.done, self.sessions, end)
    }

    pub(crate) async fn info(&self) -> Result<SessionInfo, Gone> {
        match in_time("info", self.session.info()).await {
            Ok(info) => Ok(info),
            Err(error) => Err(gone(&error)),
        }
    }

    /// What an answer makes of the model, where `token` was to be written.
    pub(crate) fn judge(&mut self, result: &ExecutionResult, token: Option<u64>) {
        let (status, state) = (result.status(), result.state());
        self.heed(&result.outcome.warnings);
        let Some(token) = token else {
            if state == &StateAfter::Lost {
                self.model = Model::fresh();
            }
            return;
        };
        match state {
            StateAfter::Kept => {
                assert_ne!(status, Status::Crashed, "a crash keeps nothing: {result:?}");
                self.count("kept");
                self.model = self.model.then(|state| code::after(state, token, status));
            }
            StateAfter::Restored { from: RestoredFrom::Bindings(_) } => {
                self.count("restored");
                self.model = self.model.then(|state| code::with_names_back(state, token, status));
            }
            StateAfter::Restored { from } => {
                assert_eq!(from, &RestoredFrom::Guard(result.execution), "{result:?}");
                self.count("restored");
            }
            StateAfter::Lost => {
                self.count("lost");
                self.model = Model::fresh();
            }
            _ => panic!("a state that is none: {result:?}"),
        }
        if matches!(status, Status::Completed | Status::Failed) {
            assert_eq!(result.stdout, format!("wrote {token}\n").as_str(), "{result:?}");
        }
    }

    /// What happened before an execution is told by it.
    fn heed(&mut self, warnings: &[String]) {
        if warnings.iter().any(|warning| warning.contains("state was lost before")) {
            self.count("lost while idle");
            self.model = Model::fresh();
        }
    }

    /// Looks what the session holds, and whether it may.
    pub(crate) async fn observe(&mut self, after: &str) -> Result<State, Gone> {
        for _ in 0..20 {
            let known = self.info().await?.crashes;
            let result = match in_time("look", self.session.execute(code::look())).await {
                Ok(result) => result,
                // No guard could be made, and none was asked for: anything but the sandbox's end is a defect.
                Err(error) => return Err(gone(&error)),
            };
            self.judge(&result, None);
            let Some(state) = result.json().and_then(read) else {
                assert_ne!(result.status(), Status::Completed, "{result:?}");
                continue;
            };
            let was_lost = self.info().await?.crashes > self.crashes && state == State::default();
            assert!(
                was_lost || self.model.allows(&state),
                "after {after}: the session {} holds {:?}, and may hold {:?}; {result:?}",
                self.session.id(),
                Model::is(state),
                self.model
            );
            (self.model, self.crashes) = (Model::is(state.clone()), known);
            return Ok(state);
        }
        panic!("after {after}: twenty looks, and no answer");
    }

    /// Whether the state was lost since it was last looked at: then that is a thing that may be found.
    pub(crate) async fn allow_for_a_loss(&mut self) -> Result<bool, Gone> {
        let was_lost = self.info().await?.crashes > self.crashes;
        if was_lost {
            self.model = self.model.or(&Model::fresh());
        }
        Ok(was_lost)
    }
}

fn read(told: &serde_json::Value) -> Option<State> {
    let (list, number) = serde_json::from_value(told.clone()).ok()?;
    Some(State { list, number })
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

pub(crate) async fn in_time<F: Future>(what: &str, call: F) -> F::Output {
    let Ok(output) = tokio::time::timeout(PATIENCE, call).await else {
        panic!("{what}: no answer in {PATIENCE:?}")
    };
    output
}
