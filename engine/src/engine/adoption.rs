//! Sandboxes that an earlier host left, or that this one lets go of.
//!
//! ```text
//!  adopt    Provider::adopt ─▶ control: whoever has it already refuses us ─▶ the census and the memos
//!                           ─▶ the sandbox in the books ─▶ an actor for each session ─▶ each says hello and takes it up
//!  release  out of the books ─▶ control ends, the place stays
//! ```

use std::sync::Arc;

use futures_util::future::join_all;
use hibernaculum_core::{
    CheckpointId, CheckpointInfo, ConfigError, Error, Feature, SandboxId, SandboxInfo, SessionId,
};
use serde::{Deserialize, Serialize};

use super::live::Live;
use super::sandbox::Sandbox;
use super::{Engine, Inner};
use crate::failure;
use crate::provider::{Place as _, Provider};
use crate::session::memo::{self, SessionMemo};
use crate::wire::messages::Census;

/// What is kept of a live checkpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LiveMemo {
    info: CheckpointInfo,
    number: u64,
}

impl From<&Live> for LiveMemo {
    fn from(live: &Live) -> Self {
        Self { info: live.info.clone(), number: live.number }
    }
}

impl<P: Provider> Engine<P> {
    /// Takes over what lingers.
    pub(super) async fn adopt_all(&self) -> Result<Vec<SandboxInfo>, Error> {
        self.inner.features.require(Feature::Linger)?;
        let inner = Arc::clone(&self.inner);
        // What was found is taken over whole, whoever waits for it.
        let adopting = self.inner.runtime.spawn(async move { inner.adopt_all().await });
        adopting.await.map_err(|_| failure::ended("adopting sandboxes"))?
    }

    /// Lets go of a sandbox.
    pub(super) async fn let_go(&self, sandbox: SandboxId) -> Result<(), Error> {
        self.inner.features.require(Feature::Linger)?;
        let found = self.inner.sandbox(sandbox)?;
        if !found.lingers() {
            let rule = "must be `linger` for a sandbox that is released: make it so, or destroy it";
            let (field, value) = ("on_host_loss".to_owned(), "kill".to_owned());
            return Err(ConfigError::Invalid { field, value, rule: rule.to_owned() }.into());
        }
        self.inner.strike(sandbox);
        let releasing = self.inner.runtime.spawn(async move { found.release().await });
        releasing.await.map_err(|_| failure::ended("releasing a sandbox"))
    }
}

impl<P: Provider> Inner<P> {
    async fn adopt_all(self: &Arc<Self>) -> Result<Vec<SandboxInfo>, Error> {
        // Two at once would find the same.
        let _alone = self.adopting.lock().await;
        let known: Vec<_> = self.registry().sandboxes.keys().copied().collect();
        let found = self.provider.adopt(&known).await?;
        let adopted = join_all(found.into_iter().map(|(id, place)| self.adopt_one(id, place))).await;
        let mut infos: Vec<_> = adopted.into_iter().flatten().collect();
        infos.sort_by_key(|info| info.id);
        Ok(infos)
    }

    /// Takes one over, unless somebody else has it.
    async fn adopt_one(self: &Arc<Self>, id: SandboxId, place: P::Place) -> Option<SandboxInfo> {
        let place = Arc::new(place);
        match Sandbox::adopt(self, id, Arc::clone(&place)).await {
            Ok((sandbox, census)) => {
                let sandbox = Arc::new(sandbox);
                self.registry().sandboxes.insert(id, Arc::clone(&sandbox));
                self.adopt_sessions(&sandbox, &census).await;
                self.adopt_checkpoints(&sandbox, &census).await;
                let sessions = self.registry().sessions_of(id);
                Some(sandbox.info(&sessions))
            }
            Err(error) => {
                tracing::debug!(sandbox = %id, %error, "a sandbox was not adopted");
                place.release().await;
                None
            }
        }
    }

    async fn adopt_sessions(self: &Arc<Self>, sandbox: &Sandbox<P>, census: &Census) {
        let adopting = census.sessions.iter().filter_map(|name| {
            let session: SessionId = name.parse().ok()?;
            let memo = census.memos.get(name).and_then(memo::read::<SessionMemo>);
            Some(async move {
                match memo {
                    Some(memo) => self.adopt_session(sandbox, session, memo).await,
                    // Its host had not told anybody of it, or tells it in words that we do not know.
                    None => sandbox.close_unknown(session).await,
                }
            })
        });
        join_all(adopting).await;
    }

    async fn adopt_session(self: &Arc<Self>, sandbox: &Sandbox<P>, session: SessionId, memo: SessionMemo) {
        let taken = match sandbox.take_up(self, session, memo).await {
            Ok((_, told)) => told.await.unwrap_or_else(|_| Err(failure::ended("adopting a session"))),
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            tracing::warn!(%session, %error, "a session was not adopted");
            self.forget_session(session);
        }
    }

    async fn adopt_checkpoints(&self, sandbox: &Sandbox<P>, census: &Census) {
        let Ok(there) = sandbox.measure().await else { return };
        let mut registry = self.registry();
        for name in there.checkpoints.keys() {
            let memo = census.memos.get(name).and_then(memo::read::<LiveMemo>);
            if let (Some(LiveMemo { info, number }), Ok(id)) = (memo, name.parse::<CheckpointId>())
                && info.id == id
            {
                registry.live.know(Live { info, sandbox: sandbox.id(), number });
            }
        }
    }

    /// Takes a sandbox and its sessions out of the books.
    pub(super) fn strike(&self, id: SandboxId) {
        let mut registry = self.registry();
        registry.sandboxes.remove(&id);
        registry.live.forget_sandbox(id);
        for port in registry.sessions_of(id) {
            registry.sessions.remove(&port.id());
            registry.note_closed(port.id());
        }
    }
}
