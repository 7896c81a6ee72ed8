//! A backend for the harness's own tests: in memory, without Python. It "runs" code by a handful of words, and can be told to misbehave.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hibernaculum_core::{
    Backend, Error, Event, EventKind, Execution, ExecutionError, ExecutionId, ExecutionRequest,
    ExecutionSource, Feature, Features, InputReply, InputToken, Isolation, NetworkPolicy, Outcome,
    SandboxCheckpoints, SandboxError, SandboxExecution, SandboxFiles, SandboxId, SandboxInfo,
    SandboxSnapshots, SandboxSpec, Sandboxes, SessionError, SessionId, SessionInfo, SessionSpec, StateAfter,
    Status, Value, async_trait,
};
use jiff::Timestamp;

/// Knows the words `hang` (never ends), `holes` (skips a seq); anything else is its own value.
pub(crate) struct Fake {
    features: Features,
    /// Forgets to end what handles drop.
    leaks: bool,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    sandboxes: BTreeMap<SandboxId, SandboxInfo>,
    sessions: BTreeMap<SessionId, SessionInfo>,
}

impl Fake {
    pub(crate) fn new(features: impl IntoIterator<Item = Feature>) -> Self {
        let features =
            Features::new("fake", NetworkPolicy::Full).with(features).with_isolation([Isolation::Trusted]);
        Self { features, leaks: false, places: Mutex::default() }
    }

    pub(crate) fn leaking(mut self) -> Self {
        self.leaks = true;
        self
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sandboxes for Fake {
    async fn create(&self, spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        let mut info = SandboxInfo::new(SandboxId::new(), "fake", NetworkPolicy::Full, Isolation::Trusted);
        info.labels = spec.labels;
        self.places().sandboxes.insert(info.id, info.clone());
        Ok(info)
    }

    async fn get(&self, sandbox: &SandboxId) -> Result<SandboxInfo, Error> {
        let known = self.places().sandboxes.get(sandbox).cloned();
        known.ok_or_else(|| SandboxError::Unknown { sandbox: *sandbox }.into())
    }

    async fn list(&self) -> Result<Vec<SandboxInfo>, Error> {
        Ok(self.places().sandboxes.values().cloned().collect())
    }

    async fn destroy(&self, sandbox: &SandboxId) -> Result<(), Error> {
        let mut places = self.places();
        places.sandboxes.remove(sandbox);
        places.sessions.retain(|_, session| session.sandbox != *sandbox);
        Ok(())
    }

    fn abandon(&self, sandbox: &SandboxId) {
        if !self.leaks {
            self.places().sandboxes.remove(sandbox);
        }
    }

    fn sandboxes_backend(&self) -> &'static str {
        "fake"
    }
}

#[async_trait]
impl SandboxExecution for Fake {
    async fn open_session(&self, sandbox: &SandboxId, _: SessionSpec) -> Result<SessionInfo, Error> {
        self.get(sandbox).await?;
        let info = SessionInfo::new(SessionId::new(), *sandbox);
        self.places().sessions.insert(info.id, info.clone());
        Ok(info)
    }

    async fn session(&self, session: &SessionId) -> Result<SessionInfo, Error> {
        let known = self.places().sessions.get(session).cloned();
        known.ok_or_else(|| SessionError::Unknown { session: *session }.into())
    }

    async fn sessions(&self, sandbox: &SandboxId) -> Result<Vec<SessionInfo>, Error> {
        self.get(sandbox).await?;
        let places = self.places();
        Ok(places.sessions.values().filter(|session| session.sandbox == *sandbox).cloned().collect())
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), Error> {
        self.places().sessions.remove(session);
        Ok(())
    }

    fn abandon_session(&self, session: &SessionId) {
        if !self.leaks {
            self.places().sessions.remove(session);
        }
    }

    async fn execute(&self, session: &SessionId, request: ExecutionRequest) -> Result<Execution, Error> {
        let mut outcome = Outcome::new(Status::Completed, StateAfter::Kept);
        outcome.value = Some(Value { repr: request.code.clone(), ..Value::default() });
        let last = Event::new(
            if request.code == "holes" { 3 } else { 2 },
            request.id,
            Timestamp::now(),
            EventKind::Finished(Box::new(outcome)),
        );
        let first = Event::new(1, request.id, Timestamp::now(), EventKind::Started);
        let source = Script { events: vec![last, first], hangs: request.code == "hang" };
        Ok(Execution::new(request.id, *session, request.output, source))
    }

    async fn attach(&self, _: &SessionId, execution: &ExecutionId, _: u64) -> Result<Execution, Error> {
        Err(ExecutionError::Unknown { execution: *execution }.into())
    }

    async fn interrupt(&self, _: &SessionId, execution: &ExecutionId) -> Result<bool, Error> {
        Err(ExecutionError::Unknown { execution: *execution }.into())
    }

    async fn answer(&self, _: &SessionId, token: &InputToken, _: InputReply) -> Result<(), Error> {
        Err(ExecutionError::NoSuchInput { token: token.clone() }.into())
    }

    fn execution_backend(&self) -> &'static str {
        "fake"
    }
}

impl SandboxCheckpoints for Fake {
    fn checkpoints_backend(&self) -> &'static str {
        "fake"
    }
}

impl SandboxSnapshots for Fake {
    fn snapshots_backend(&self) -> &'static str {
        "fake"
    }
}

impl SandboxFiles for Fake {
    fn files_backend(&self) -> &'static str {
        "fake"
    }
}

impl Backend for Fake {
    fn features(&self) -> &Features {
        &self.features
    }
}

/// Events, the first of them last.
struct Script {
    events: Vec<Event>,
    hangs: bool,
}

impl ExecutionSource for Script {
    fn poll_event(&mut self, _: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.hangs && self.events.len() == 1 {
            return Poll::Pending;
        }
        Poll::Ready(self.events.pop())
    }

    fn take_error(&mut self) -> Option<Error> {
        None
    }

    fn detach(&mut self) {}
}
