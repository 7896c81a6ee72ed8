//! The contract's traits, on the engine. What must happen whether or not the caller waits runs in a task of its own.

use std::sync::Arc;

use async_trait::async_trait;
use hibernaculum_core::{
    Backend, CheckpointId, Error, Execution, ExecutionId, ExecutionRequest, Feature, Features, InputReply,
    InputToken, NamespaceFilter, NamespaceListing, RecoveryPolicy, ReprLimits, SandboxExecution, SandboxId,
    SandboxInfo, SandboxSpec, Sandboxes, SessionError, SessionId, SessionInfo, SessionSpec, Timeout,
    TransactionPolicy, TransactionScope, Value,
};
use tokio::sync::oneshot;

use super::sandbox::Sandbox;
use super::unclaimed::Unclaimed;
use super::{Engine, Inner};
use crate::failure;
use crate::provider::Provider;
use crate::session::{Answer, Port, Question};

impl<P: Provider> Backend for Engine<P> {
    fn features(&self) -> &Features {
        &self.inner.features
    }
}

#[async_trait]
impl<P: Provider> Sandboxes for Engine<P> {
    async fn create(&self, mut spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        spec.on_host_loss.get_or_insert(self.inner.features.default_host_loss);
        self.inner.admit(&spec)?;
        let inner = Arc::clone(&self.inner);
        let (tell, told) = oneshot::channel();
        self.inner.runtime.spawn(async move {
            let made = Sandbox::start(&inner, spec).await.map(|sandbox| {
                let info = sandbox.info(&[]);
                inner.registry().sandboxes.insert(info.id, Arc::new(sandbox));
                (Unclaimed::sandbox(&inner, info.id), info)
            });
            // Where nobody waits any more, dropping what was made ends it.
            let _ = tell.send(made);
        });
        let (unclaimed, info) = told.await.map_err(|_| failure::ended("making a sandbox"))??;
        unclaimed.claim();
        Ok(info)
    }

    async fn get(&self, sandbox: &SandboxId) -> Result<SandboxInfo, Error> {
        let found = self.inner.sandbox(*sandbox)?;
        let sessions = self.inner.registry().sessions_of(*sandbox);
        Ok(found.info(&sessions))
    }

    async fn list(&self) -> Result<Vec<SandboxInfo>, Error> {
        let registry = self.inner.registry();
        let infos = registry.sandboxes.iter().map(|(id, sandbox)| sandbox.info(&registry.sessions_of(*id)));
        let mut infos: Vec<_> = infos.collect();
        infos.sort_by_key(|info| info.id);
        Ok(infos)
    }

    async fn destroy(&self, sandbox: &SandboxId) -> Result<(), Error> {
        let (inner, sandbox) = (Arc::clone(&self.inner), *sandbox);
        let ending = self.inner.runtime.spawn(async move { inner.destroy(sandbox).await });
        ending.await.map_err(|_| failure::ended("ending a sandbox"))
    }

    fn abandon(&self, sandbox: &SandboxId) {
        let (inner, sandbox) = (Arc::clone(&self.inner), *sandbox);
        self.inner.runtime.spawn(async move { inner.destroy(sandbox).await });
    }

    async fn adopt(&self) -> Result<Vec<SandboxInfo>, Error> {
        self.adopt_all().await
    }

    async fn release(&self, sandbox: &SandboxId) -> Result<(), Error> {
        self.let_go(*sandbox).await
    }

    fn sandboxes_backend(&self) -> &str {
        &self.inner.features.backend
    }
}

impl<P: Provider> Inner<P> {
    /// Holds a spec against what makes sense and against what this backend can do.
    fn admit(&self, spec: &SandboxSpec) -> Result<(), Error> {
        spec.validate()?;
        let features = &self.features;
        features.require_limits(&spec.limits)?;
        if let Some(policy) = &spec.network {
            features.require_network(policy)?;
        }
        if let Some(level) = spec.isolation {
            features.require_isolation(level)?;
        }
        if !spec.preload.is_empty() {
            features.require(Feature::Preload)?;
        }
        if matches!(spec.on_host_loss, Some(hibernaculum_core::HostLoss::Linger(_))) {
            features.require(Feature::Linger)?;
        }
        Ok(())
    }

    /// Ends a sandbox and its sessions. Those who destroy it at the same time wait for the same end.
    pub(super) async fn destroy(&self, id: SandboxId) {
        let Ok(sandbox) = self.sandbox(id) else { return };
        let sessions = self.registry().sessions_of(id);
        for port in &sessions {
            port.abandon();
        }
        sandbox.end().await;
        self.strike(id);
    }

    pub(super) async fn close(&self, port: &Port) {
        port.close().await;
        self.forget_session(port.id());
    }
}

#[async_trait]
impl<P: Provider> SandboxExecution for Engine<P> {
    async fn open_session(&self, sandbox: &SandboxId, spec: SessionSpec) -> Result<SessionInfo, Error> {
        self.open(*sandbox, spec, None).await
    }

    async fn session(&self, session: &SessionId) -> Result<SessionInfo, Error> {
        Ok(self.inner.port(*session)?.info())
    }

    async fn sessions(&self, sandbox: &SandboxId) -> Result<Vec<SessionInfo>, Error> {
        self.inner.sandbox(*sandbox)?;
        Ok(self.inner.registry().sessions_of(*sandbox).iter().map(|port| port.info()).collect())
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), Error> {
        let port = match self.inner.port(*session) {
            Ok(port) => port,
            Err(Error::Session(SessionError::Closed { .. })) => return Ok(()),
            Err(error) => return Err(error),
        };
        let inner = Arc::clone(&self.inner);
        let closing = self.inner.runtime.spawn(async move { inner.close(&port).await });
        closing.await.map_err(|_| failure::ended("closing a session"))
    }

    fn abandon_session(&self, session: &SessionId) {
        if let Ok(port) = self.inner.port(*session) {
            let inner = Arc::clone(&self.inner);
            self.inner.runtime.spawn(async move { inner.close(&port).await });
        }
    }

    async fn execute(&self, session: &SessionId, request: ExecutionRequest) -> Result<Execution, Error> {
        match request.transaction {
            TransactionPolicy::None => {}
            policy if policy.scope() == Some(TransactionScope::Bindings) => {
                self.inner.features.require(Feature::BindingTransactions)?;
            }
            _ => self.inner.features.require(Feature::MemoryTransactions)?,
        }
        if request.profile {
            self.inner.features.require(Feature::Profile)?;
        }
        self.inner.port(*session)?.execute(request)
    }

    async fn attach(
        &self,
        session: &SessionId,
        execution: &ExecutionId,
        after_seq: u64,
    ) -> Result<Execution, Error> {
        self.inner.port(*session)?.attach(*execution, after_seq)
    }

    async fn interrupt(&self, session: &SessionId, execution: &ExecutionId) -> Result<bool, Error> {
        self.inner.port(*session)?.interrupt(*execution)
    }

    async fn answer(&self, session: &SessionId, token: &InputToken, reply: InputReply) -> Result<(), Error> {
        self.inner.port(*session)?.answer(token.clone(), reply).await
    }

    fn execution_backend(&self) -> &str {
        &self.inner.features.backend
    }

    async fn namespace_list(
        &self,
        session: &SessionId,
        filter: NamespaceFilter,
    ) -> Result<NamespaceListing, Error> {
        match self.ask(session, Question::List(filter)).await? {
            Answer::Listing(listing) => Ok(listing),
            _ => Err(failure::mistaken("list the names")),
        }
    }

    async fn namespace_get(&self, session: &SessionId, name: &str) -> Result<serde_json::Value, Error> {
        match self.ask(session, Question::Get { name: name.to_owned() }).await? {
            Answer::Json(value) => Ok(value),
            _ => Err(failure::mistaken("read a name")),
        }
    }

    async fn namespace_repr(
        &self,
        session: &SessionId,
        name: &str,
        limits: ReprLimits,
    ) -> Result<Value, Error> {
        limits.validate()?;
        let question = Question::Repr { name: name.to_owned(), bytes: limits.bytes };
        match self.ask_within(session, question, limits.timeout.into()).await? {
            Answer::Repr(value) => Ok(value),
            _ => Err(failure::mistaken("tell a `repr`")),
        }
    }

    async fn namespace_set(
        &self,
        session: &SessionId,
        name: &str,
        value: serde_json::Value,
    ) -> Result<bool, Error> {
        let question = Question::Set { name: name.to_owned(), value: value.to_string() };
        self.ask_to_do(session, question).await
    }

    async fn namespace_delete(&self, session: &SessionId, name: &str) -> Result<bool, Error> {
        self.ask_to_do(session, Question::Delete { name: name.to_owned() }).await
    }

    async fn namespace_clear(&self, session: &SessionId) -> Result<(), Error> {
        self.ask_to_do(session, Question::Clear).await.map(drop)
    }
}

impl<P: Provider> Engine<P> {
    /// Opens a session: a fresh one, or a branch of a live checkpoint, of which no execution had a higher number than this.
    pub(super) async fn open(
        &self,
        sandbox: SandboxId,
        spec: SessionSpec,
        branch: Option<(CheckpointId, u64)>,
    ) -> Result<SessionInfo, Error> {
        spec.validate()?;
        match spec.recovery {
            RecoveryPolicy::FreshOnCrash | RecoveryPolicy::None => {}
            RecoveryPolicy::FromCheckpoint => self.inner.features.require(Feature::PortableCheckpoints)?,
            _ => self.inner.features.require(Feature::Guard)?,
        }
        let home = self.inner.sandbox(sandbox)?;
        let (port, opened) = home.open(&self.inner, spec, branch).await?;
        let unclaimed = Unclaimed::session(&self.inner, &port);
        let result = opened.await.unwrap_or_else(|_| {
            let problem = "it was closed before it was ready".to_owned();
            Err(SessionError::Start { problem, source: None }.into())
        });
        if let Err(error) = result {
            // Its id is free again when the error is told: who tries again may want the same.
            self.inner.close(&port).await;
            unclaimed.claim();
            return Err(error);
        }
        unclaimed.claim();
        Ok(port.info())
    }

    async fn ask(&self, session: &SessionId, question: Question) -> Result<Answer, Error> {
        self.ask_within(session, question, Timeout::default()).await
    }

    async fn ask_within(
        &self,
        session: &SessionId,
        question: Question,
        timeout: Timeout,
    ) -> Result<Answer, Error> {
        self.inner.features.require(Feature::Namespace)?;
        self.inner.port(*session)?.ask(question, timeout).await
    }

    async fn ask_to_do(&self, session: &SessionId, question: Question) -> Result<bool, Error> {
        match self.ask(session, question).await? {
            Answer::Done { was_bound } => Ok(was_bound),
            _ => Err(failure::mistaken("change the names")),
        }
    }
}
