//! The decorator: a backend that hands everything on, but for what its saboteur bends.

use std::sync::Arc;

use hibernaculum_core::{
    Backend, Error, Execution, ExecutionId, ExecutionRequest, Features, InputReply, InputToken,
    SandboxCheckpoints, SandboxExecution, SandboxFiles, SandboxId, SandboxInfo, SandboxSpec, Sandboxes,
    SessionId, SessionInfo, SessionSpec, async_trait,
};

use super::bends::{Bend, Call};
use super::events::Bent;
use super::vices::Vice;

/// A backend with a saboteur in front of it.
pub(super) struct Sabotaged {
    honest: Arc<dyn Backend>,
    bend: Arc<dyn Bend>,
}

impl Sabotaged {
    pub(super) fn new(honest: Arc<dyn Backend>, vice: Vice) -> Self {
        Self { honest, bend: vice.into() }
    }

    fn omits(&self, call: Call) -> bool {
        self.bend.omits(call)
    }
}

#[async_trait]
impl Sandboxes for Sabotaged {
    async fn create(&self, mut spec: SandboxSpec) -> Result<SandboxInfo, Error> {
        self.bend.sandbox(&mut spec);
        self.honest.create(spec).await
    }

    async fn get(&self, sandbox: &SandboxId) -> Result<SandboxInfo, Error> {
        self.honest.get(sandbox).await
    }

    async fn list(&self) -> Result<Vec<SandboxInfo>, Error> {
        let mut sandboxes = self.honest.list().await?;
        self.bend.list(&mut sandboxes);
        Ok(sandboxes)
    }

    async fn destroy(&self, sandbox: &SandboxId) -> Result<(), Error> {
        if self.omits(Call::Destroy) { Ok(()) } else { self.honest.destroy(sandbox).await }
    }

    fn abandon(&self, sandbox: &SandboxId) {
        if !self.omits(Call::Abandon) {
            self.honest.abandon(sandbox);
        }
    }
}

#[async_trait]
impl SandboxExecution for Sabotaged {
    async fn open_session(&self, sandbox: &SandboxId, mut spec: SessionSpec) -> Result<SessionInfo, Error> {
        if self.omits(Call::Open)
            && let Some(session) = self.honest.sessions(sandbox).await?.into_iter().next()
        {
            return Ok(session);
        }
        self.bend.session(&mut spec);
        self.honest.open_session(sandbox, spec).await
    }

    async fn session(&self, session: &SessionId) -> Result<SessionInfo, Error> {
        let mut info = self.honest.session(session).await?;
        self.bend.info(&mut info);
        Ok(info)
    }

    async fn sessions(&self, sandbox: &SandboxId) -> Result<Vec<SessionInfo>, Error> {
        self.honest.sessions(sandbox).await
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), Error> {
        if self.omits(Call::Close) { Ok(()) } else { self.honest.close_session(session).await }
    }

    fn abandon_session(&self, session: &SessionId) {
        if !self.omits(Call::AbandonSession) {
            self.honest.abandon_session(session);
        }
    }

    async fn execute(&self, session: &SessionId, mut request: ExecutionRequest) -> Result<Execution, Error> {
        self.bend.request(&mut request);
        let (id, limits) = (request.id, request.output);
        let execution = self.honest.execute(session, request).await?;
        Ok(Execution::new(id, *session, limits, Bent::new(execution, Arc::clone(&self.bend), 0)))
    }

    async fn attach(
        &self,
        session: &SessionId,
        execution: &ExecutionId,
        after_seq: u64,
    ) -> Result<Execution, Error> {
        let after_seq = self.bend.attach_after(after_seq);
        let honest = self.honest.attach(session, execution, after_seq).await?;
        let bent = Bent::new(honest, Arc::clone(&self.bend), after_seq);
        Ok(Execution::new(*execution, *session, hibernaculum_core::OutputLimits::default(), bent))
    }

    async fn interrupt(&self, session: &SessionId, execution: &ExecutionId) -> Result<bool, Error> {
        if self.omits(Call::Interrupt) { Ok(true) } else { self.honest.interrupt(session, execution).await }
    }

    async fn answer(&self, session: &SessionId, token: &InputToken, reply: InputReply) -> Result<(), Error> {
        let answered = self.honest.answer(session, token, self.bend.answer(reply)).await;
        if self.omits(Call::RefuseAnswer) { Ok(()) } else { answered }
    }

    fn execution_backend(&self) -> &str {
        self.honest.execution_backend()
    }
}

impl SandboxCheckpoints for Sabotaged {
    fn checkpoints_backend(&self) -> &str {
        self.honest.checkpoints_backend()
    }
}

impl SandboxFiles for Sabotaged {
    fn files_backend(&self) -> &str {
        self.honest.files_backend()
    }
}

impl Backend for Sabotaged {
    fn features(&self) -> &Features {
        self.honest.features()
    }
}
