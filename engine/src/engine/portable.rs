//! Portable checkpoints, on the engine's store.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hibernaculum_core::{
    CheckpointError, CheckpointId, CheckpointInfo, CheckpointKind, CheckpointRecord, CheckpointRequest,
    CheckpointStore, CheckpointWriter, ConfigError, Error, Feature, Features, Manifest,
    SandboxExecution as _, SandboxId, SessionId, SessionInfo, SessionSpec, Timeout, Unsupported,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Engine, Inner};
use crate::config::EngineConfig;
use crate::failure;
use crate::provider::Provider;
use crate::session::{Afterword, Port, describe};

/// How often the store is seen to, at most.
const BETWEEN_COLLECTIONS: Duration = Duration::from_mins(5);
/// The longest name of a checkpoint, in bytes.
const NAME_LIMIT: usize = 256;

/// What an engine with this configuration offers, beyond what its provider does.
pub(super) fn offered(features: Features, config: &EngineConfig) -> Features {
    match &config.checkpoint_store {
        Some(_) if features.supports(Feature::Files) => {
            features.with([Feature::PortableCheckpoints, Feature::SandboxSnapshots])
        }
        Some(_) => features.with([Feature::PortableCheckpoints]),
        None => features,
    }
}

impl<P: Provider> Inner<P> {
    /// The store, where there is one.
    pub(super) fn store(&self) -> Result<&Arc<dyn CheckpointStore>, Error> {
        let store = self.config.checkpoint_store.as_ref();
        store.ok_or_else(|| Unsupported::feature(&self.features.backend, Feature::PortableCheckpoints).into())
    }

    /// Has the store keep what is to be kept, unless that was done a moment ago.
    pub(super) fn tidy(&self) {
        let Ok(store) = self.store() else { return };
        {
            let mut last = self.collecting.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| last.elapsed() < BETWEEN_COLLECTIONS) {
                return;
            }
            *last = Some(Instant::now());
        }
        let (store, retention) = (Arc::clone(store), self.config.retention.clone());
        // It ends by itself, soon; whatever it leaves undone the next one does.
        self.runtime.spawn(async move {
            match store.collect(&retention).await {
                Ok(collected) => tracing::debug!(?collected, "the checkpoint store was seen to"),
                Err(error) => tracing::warn!(%error, "the checkpoint store could not be seen to"),
            }
        });
    }
}

impl<P: Provider> Engine<P> {
    pub(super) async fn save_portable(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        let saved = self.saved(self.inner.port(*session)?, request).await?;
        let inner = Arc::clone(&self.inner);
        // Once it is on its way it is published and gone on from, whoever waits: not one without the other.
        let publishing = self.inner.runtime.spawn(async move { saved.publish(&inner).await });
        publishing.await.map_err(|_| failure::ended("publishing a checkpoint"))?
    }

    /// Saves a session's state: what is to be published.
    async fn saved(&self, port: Arc<Port>, request: CheckpointRequest) -> Result<Publication, Error> {
        let writer = self.inner.store()?.begin().await?;
        // A session whose process dies meanwhile goes back to this one.
        let (noted, afterword) = oneshot::channel();
        let record = self.recorded(&port, request, &writer, Some(afterword)).await?;
        Ok(Publication { port, writer, record, _noted: noted })
    }

    /// Saves a session's state, and publishes nothing.
    pub(super) async fn recorded(
        &self,
        port: &Port,
        request: CheckpointRequest,
        writer: &Arc<dyn CheckpointWriter>,
        afterword: Option<Afterword>,
    ) -> Result<CheckpointRecord, Error> {
        let store = self.inner.store()?;
        let name = named(request.name)?;
        let timeout = request.timeout.unwrap_or(Timeout::After(CheckpointRequest::TIMEOUT));
        // Read after the save has begun: what it names stays.
        let parent = match port.line() {
            Some(line) => store.checkpoint(&line).await.ok(),
            None => None,
        };
        let saved = port.save(writer, parent.as_ref(), request.limits, timeout, afterword).await?;
        let (raw, size) = saved.sizes();
        let session = port.info();
        let mut info = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Portable, session.id);
        (info.parent, info.name, info.size) = (session.checkpoint, name, size);
        info.warnings = saved.warnings;
        let mut record = CheckpointRecord::new(info, session.sandbox, saved.manifest);
        (record.labels, record.executions) = (session.labels, session.executions);
        (record.blobs, record.raw, record.added) = (saved.blobs, raw, saved.added);
        Ok(record)
    }

    /// Loads a checkpoint into a session. Its execution count follows by itself; what there is to warn of, the next execution tells.
    async fn loaded(&self, port: &Port, record: CheckpointRecord) -> Result<(), Error> {
        let (store, checkpoint) = (self.inner.store()?, record.info.id);
        let timeout = Timeout::After(CheckpointRequest::TIMEOUT);
        let restored = port.load(store, record, timeout).await?;
        tracing::debug!(%checkpoint, count = restored.count, warnings = ?restored.warnings, "restored");
        Ok(())
    }

    pub(super) async fn restore_portable(
        &self,
        session: &SessionId,
        checkpoint: &CheckpointId,
    ) -> Result<(), Error> {
        let port = self.inner.port(*session)?;
        let record = self.inner.store()?.checkpoint(checkpoint).await?;
        self.loaded(&port, record).await
    }

    pub(super) async fn wake_portable(
        &self,
        sandbox: &SandboxId,
        checkpoint: &CheckpointId,
        mut spec: SessionSpec,
    ) -> Result<SessionInfo, Error> {
        let record = self.inner.store()?.checkpoint(checkpoint).await?;
        let own = record.info.session;
        spec.id = spec.id.or_else(|| (!self.inner.is_open(own)).then_some(own));
        self.opened_with(sandbox, spec, record).await
    }

    pub(super) async fn branch_portable(
        &self,
        checkpoint: &CheckpointId,
        spec: SessionSpec,
    ) -> Result<SessionInfo, Error> {
        let record = self.inner.store()?.checkpoint(checkpoint).await?;
        if self.inner.sandbox(record.sandbox).is_err() {
            let doing = format!("branching from the checkpoint {checkpoint}");
            let problem = "the sandbox that it was made in is gone: `wake` it in another one".to_owned();
            return Err(CheckpointError::Refused { doing, problem }.into());
        }
        let sandbox = record.sandbox;
        self.opened_with(&sandbox, spec, record).await
    }

    /// Opens a session with the state of a checkpoint; nothing is left of one that cannot have it.
    pub(super) async fn opened_with(
        &self,
        sandbox: &SandboxId,
        spec: SessionSpec,
        record: CheckpointRecord,
    ) -> Result<SessionInfo, Error> {
        let executions = record.executions;
        let info = self.open_session(sandbox, spec).await?;
        let port = self.inner.port(info.id)?;
        let unclaimed = super::unclaimed::Unclaimed::session(&self.inner, &port);
        if let Err(error) = self.loaded(&port, record).await {
            // Its id is free again when the error is told.
            self.inner.close(&port).await;
            unclaimed.claim();
            return Err(error);
        }
        port.note_executions(executions);
        unclaimed.claim();
        Ok(port.info())
    }

    pub(super) async fn put_to_sleep(
        &self,
        session: &SessionId,
        request: CheckpointRequest,
    ) -> Result<CheckpointInfo, Error> {
        let port = self.inner.port(*session)?;
        let seal = port.seal()?;
        let saved = self.saved(Arc::clone(&port), request).await?;
        let inner = Arc::clone(&self.inner);
        // Once it is on its way it is published and the session closed, whoever waits: not one without the other. It is not opened in between.
        let falling_asleep = self.inner.runtime.spawn(async move {
            let info = saved.publish(&inner).await?;
            inner.close(&port).await;
            drop(seal);
            Ok(info)
        });
        falling_asleep.await.map_err(|_| failure::ended("putting a session to sleep"))?
    }

    pub(super) async fn portable_of(&self, session: &SessionId) -> Result<Vec<CheckpointInfo>, Error> {
        let stored = self.stored().await?;
        Ok(stored.into_iter().filter(|info| info.session == *session).collect())
    }

    pub(super) async fn stored(&self) -> Result<Vec<CheckpointInfo>, Error> {
        let records = self.inner.store()?.checkpoints().await?;
        Ok(records.into_iter().map(|record| record.info).collect())
    }

    pub(super) async fn manifest_of(&self, checkpoint: &CheckpointId) -> Result<Manifest, Error> {
        Ok(describe(self.inner.store()?.checkpoint(checkpoint).await?))
    }

    pub(super) async fn delete_portable(&self, checkpoint: &CheckpointId) -> Result<(), Error> {
        self.inner.store()?.delete_checkpoint(checkpoint).await.map(drop)
    }
}

/// A state that was saved, and of which nobody knows yet.
struct Publication {
    port: Arc<Port>,
    writer: Arc<dyn CheckpointWriter>,
    record: CheckpointRecord,
    /// Its end tells that it is known what became of it.
    _noted: oneshot::Sender<()>,
}

impl Publication {
    /// Publishes it, and has the session go on from it.
    async fn publish<P: Provider>(self, inner: &Inner<P>) -> Result<CheckpointInfo, Error> {
        self.writer.publish_checkpoint(&self.record).await?;
        self.port.note_line(self.record.info.id);
        self.port.go_on_from(self.record.info.id);
        inner.tidy();
        Ok(self.record.info)
    }
}

/// A name for people, within bounds.
pub(super) fn named(name: Option<String>) -> Result<Option<String>, Error> {
    match name {
        Some(name) if name.is_empty() || name.len() > NAME_LIMIT || name.chars().any(char::is_control) => {
            let value = name.chars().take(80).flat_map(char::escape_debug).collect();
            let rule = format!("must have 1 to {NAME_LIMIT} bytes and no control characters");
            Err(ConfigError::Invalid { field: "name".to_owned(), value, rule }.into())
        }
        other => Ok(other),
    }
}
