//! Transactions, live checkpoints and branches: the contract's trait, on the engine.

use std::sync::Arc;

use async_trait::async_trait;
use hibernaculum_core::{
    CheckpointError, CheckpointId, CheckpointInfo, CheckpointKind, CheckpointRequest, Error, ExecutionId,
    Feature, Manifest, SandboxCheckpoints, SandboxId, SessionId, SessionInfo, SessionSpec,
};
use tokio::sync::oneshot;

use super::adoption::LiveMemo;
use super::live::{self, Live};
use super::sandbox::Sandbox;
use super::{Engine, Inner};
use crate::failure;
use crate::provider::Provider;
use crate::session::{Afterword, Port, StateRequest};

#[async_trait]
impl<P: Provider> SandboxCheckpoints for Engine<P> {
    fn checkpoints_backend(&self) -> &str {
        &self.inner.features.backend
    }

    async fn checkpoint(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        match request.kind {
            CheckpointKind::Live => self.inner.features.require(Feature::LiveCheckpoints)?,
            _ => return self.save_portable(session, request).await,
        }
        let (inner, session) = (Arc::clone(&self.inner), *session);
        // Whether or not anybody waits for it: what was made is known here.
        let making = self.inner.runtime.spawn(async move { inner.freeze(session, request.name).await });
        making.await.map_err(|_| failure::ended("making a live checkpoint"))?
    }

    async fn checkpoints(&self, session: &SessionId) -> Result<Vec<CheckpointInfo>, Error> {
        let stored = match self.inner.store() {
            Ok(_) => self.portable_of(session).await?,
            Err(_) => Vec::new(),
        };
        if stored.is_empty() {
            self.inner.features.require(Feature::LiveCheckpoints)?;
        }
        let found = self.inner.registry().live.of(*session);
        if found.is_empty() && stored.is_empty() {
            self.inner.port(*session)?;
        }
        let mut all = self.inner.measured(found).await?;
        all.extend(stored);
        all.sort_by_key(|info| (info.created, info.id));
        Ok(all)
    }

    async fn restore(&self, session: &SessionId, checkpoint: &CheckpointId) -> Result<(), Error> {
        if self.is_stored(*checkpoint) {
            return self.restore_portable(session, checkpoint).await;
        }
        self.inner.features.require(Feature::LiveCheckpoints)?;
        let port = self.inner.port(*session)?;
        let live = self.inner.live(*checkpoint)?;
        if live.sandbox != self.inner.home(*session)? {
            let doing = format!("going back to the checkpoint {checkpoint}");
            let problem = "it is a live one of another sandbox, and lives there only".to_owned();
            return Err(CheckpointError::Refused { doing, problem }.into());
        }
        let request = StateRequest::Restore { checkpoint: *checkpoint, number: live.number };
        let inner = Arc::clone(&self.inner);
        let restoring = self.inner.runtime.spawn(async move {
            let result = port.change(request, None).await;
            inner.forget_if_unknown(live.info.id, &result);
            result
        });
        restoring.await.map_err(|_| failure::ended("going back to a live checkpoint"))?.map(drop)
    }

    async fn branch(&self, checkpoint: &CheckpointId, spec: SessionSpec) -> Result<SessionInfo, Error> {
        if self.is_stored(*checkpoint) {
            return self.branch_portable(checkpoint, spec).await;
        }
        self.inner.features.require(Feature::Branches)?;
        let live = self.inner.live(*checkpoint)?;
        let opened = self.open(live.sandbox, spec, Some((live.info.id, live.number))).await;
        self.inner.forget_if_unknown(live.info.id, &opened);
        opened
    }

    async fn delete_checkpoint(&self, checkpoint: &CheckpointId) -> Result<(), Error> {
        if self.is_stored(*checkpoint) {
            return self.delete_portable(checkpoint).await;
        }
        self.inner.features.require(Feature::LiveCheckpoints)?;
        let Ok(live) = self.inner.live(*checkpoint) else { return Ok(()) };
        let forget = || drop(self.inner.registry().live.forget(*checkpoint));
        match self.inner.sandbox(live.sandbox) {
            Ok(sandbox) => sandbox.drop_live(*checkpoint, forget).await,
            Err(_) => forget(),
        }
        Ok(())
    }

    async fn stored_checkpoints(&self) -> Result<Vec<CheckpointInfo>, Error> {
        self.stored().await
    }

    async fn manifest(&self, checkpoint: &CheckpointId) -> Result<Manifest, Error> {
        self.manifest_of(checkpoint).await
    }

    async fn wake(
        &self,
        sandbox: &SandboxId,
        checkpoint: &CheckpointId,
        spec: SessionSpec,
    ) -> Result<SessionInfo, Error> {
        self.wake_portable(sandbox, checkpoint, spec).await
    }

    async fn hibernate(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        self.put_to_sleep(session, request).await
    }

    async fn commit(&self, session: &SessionId, execution: &ExecutionId) -> Result<(), Error> {
        self.settle(session, StateRequest::Commit { execution: *execution }).await
    }

    async fn rollback(&self, session: &SessionId, execution: &ExecutionId) -> Result<(), Error> {
        self.settle(session, StateRequest::Rollback { execution: *execution }).await
    }
}

impl<P: Provider> Engine<P> {
    /// Whether a checkpoint is to be looked for in the store: where there is one, and no live checkpoint has that id.
    fn is_stored(&self, checkpoint: CheckpointId) -> bool {
        self.inner.store().is_ok() && self.inner.registry().live.get(checkpoint).is_none()
    }

    async fn settle(&self, session: &SessionId, request: StateRequest) -> Result<(), Error> {
        let features = &self.inner.features;
        if !features.supports(Feature::BindingTransactions) {
            features.require(Feature::MemoryTransactions)?;
        }
        let port = self.inner.port(*session)?;
        // Once it is on its way it is done, whoever waits.
        let settling = self.inner.runtime.spawn(async move { port.change(request, None).await });
        settling.await.map_err(|_| failure::ended("settling a transaction"))?.map(drop)
    }
}

impl<P: Provider> Inner<P> {
    /// Makes a live checkpoint, within the limits of its sandbox.
    async fn freeze(&self, session: SessionId, name: Option<String>) -> Result<CheckpointInfo, Error> {
        let port = self.port(session)?;
        let sandbox = self.sandbox(self.home(session)?)?;
        let limits = sandbox.live_limits();
        self.registry().live.begin(sandbox.id(), limits)?;
        // Until it is registered: a session whose process dies meanwhile goes back to this one.
        let (_noted, afterword) = oneshot::channel();
        let made = self.freeze_within(&port, &sandbox, name, afterword).await;
        if let Ok(live) = &made {
            sandbox.remember(live.info.id.to_string(), &LiveMemo::from(live)).await;
        }
        self.registry().live.end(sandbox.id(), made.as_ref().ok().cloned());
        Ok(made?.info)
    }

    async fn freeze_within(
        &self,
        port: &Port,
        sandbox: &Sandbox<P>,
        name: Option<String>,
        afterword: Afterword,
    ) -> Result<Live, Error> {
        let limits = sandbox.live_limits();
        if limits.memory.is_some() {
            live::require_memory(limits, &sandbox.measure().await?)?;
        }
        let mut info = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Live, port.id());
        let checkpoint = info.id;
        info.warnings = port.change(StateRequest::Freeze { checkpoint }, Some(afterword)).await?;
        info.parent = port.go_on_from(checkpoint);
        info.name = name;
        Ok(Live { info, sandbox: sandbox.id(), number: port.number() })
    }

    fn live(&self, checkpoint: CheckpointId) -> Result<Live, Error> {
        let found = self.registry().live.get(checkpoint).cloned();
        found.ok_or_else(|| CheckpointError::Unknown { checkpoint }.into())
    }

    /// Its process may have ended by itself, as when memory ran out.
    fn forget_if_unknown<T>(&self, checkpoint: CheckpointId, result: &Result<T, Error>) {
        if matches!(result, Err(Error::Checkpoint(CheckpointError::Unknown { .. }))) {
            self.registry().live.forget(checkpoint);
        }
    }

    /// What live checkpoints of one session take now; those that ended by themselves are left out.
    async fn measured(&self, found: Vec<Live>) -> Result<Vec<CheckpointInfo>, Error> {
        let Some(first) = found.first() else { return Ok(Vec::new()) };
        let there = self.sandbox(first.sandbox)?.measure().await?;
        let mut infos = Vec::with_capacity(found.len());
        for Live { mut info, .. } in found {
            match there.checkpoints.get(&info.id.to_string()) {
                Some(live) => {
                    info.size = hibernaculum_core::ByteSize::bytes(live.memory_bytes);
                    infos.push(info);
                }
                None => drop(self.registry().live.forget(info.id)),
            }
        }
        Ok(infos)
    }
}
