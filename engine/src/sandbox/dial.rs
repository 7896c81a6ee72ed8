//! Opens connections into a sandbox.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hibernaculum_core::{CheckpointError, CheckpointId, Error, SessionId};
use tokio::sync::watch;

use crate::connection::{Connection, shake_hands};
use crate::failure;
use crate::provider::{Place, Role};
use crate::wire::messages::SessionOptions;
use crate::wire::{HostHello, Nonce, Secret};

/// How a process of a session begins.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Start {
    /// With the state of this live checkpoint; unset: with that of the guard that waits for it, or afresh.
    pub(crate) branch: Option<CheckpointId>,
    /// Whether the process that the session has ends as soon as this one is there.
    pub(crate) replace: bool,
    /// Whether it is there already, and was an earlier host's.
    pub(crate) adopt: bool,
}

/// What a session's actor needs of its sandbox's place.
#[async_trait]
pub(crate) trait Dial: Send + Sync {
    /// A connection to a process of that session.
    async fn session(&self, session: SessionId, start: Start) -> Result<Connection, Error>;

    /// Ends the sandbox, because it does not do what it must. Never blocks.
    fn give_up(&self, why: &str);
}

/// Opens and shakes hands on connections of any place.
#[derive(Debug)]
pub(crate) struct Dialer<P> {
    pub(crate) place: Arc<P>,
    pub(crate) secret: Secret,
    pub(crate) timeout: Duration,
    pub(crate) runtime: tokio::runtime::Handle,
    /// Whether there is a supervisor to connect to.
    pub(crate) is_up: watch::Receiver<bool>,
}

impl<P: Place> Dialer<P> {
    /// The control connection.
    pub(crate) async fn control(&self) -> Result<Connection, Error> {
        let nonce = Nonce::random().map_err(failure::handshake)?;
        let hello =
            HostHello::control(hibernaculum_runner::PROTOCOL_VERSION, hibernaculum_runner::digest(), nonce);
        self.open(Role::Control, hello).await
    }

    /// The control connection of a sandbox that an earlier host left.
    pub(crate) async fn adopting(&self) -> Result<Connection, Error> {
        let nonce = Nonce::random().map_err(failure::handshake)?;
        let hello =
            HostHello::adopting(hibernaculum_runner::PROTOCOL_VERSION, hibernaculum_runner::digest(), nonce);
        self.open(Role::Control, hello).await
    }

    /// One more connection for files.
    pub(crate) async fn files(&self) -> Result<Connection, Error> {
        let nonce = Nonce::random().map_err(failure::handshake)?;
        let hello =
            HostHello::files(hibernaculum_runner::PROTOCOL_VERSION, hibernaculum_runner::digest(), nonce);
        self.open(Role::Files, hello).await
    }

    async fn open(&self, role: Role, hello: HostHello) -> Result<Connection, Error> {
        const DOING: &str = "opening a connection to the sandbox";
        // However long a sandbox takes to come back: that it does not is told, too.
        if role != Role::Control && self.is_up.clone().wait_for(|is_up| *is_up).await.is_err() {
            return Err(failure::ended(DOING));
        }
        let connecting = tokio::time::timeout(self.timeout, self.place.connect(role));
        let stream = connecting.await.map_err(|_| failure::timeout(DOING, self.timeout))??;
        shake_hands(stream, hello, &self.secret, self.timeout).await
    }
}

#[async_trait]
impl<P: Place> Dial for Dialer<P> {
    async fn session(&self, session: SessionId, start: Start) -> Result<Connection, Error> {
        let Start { branch, replace, adopt } = start;
        let branch_id = branch.map(|checkpoint| checkpoint.to_string());
        let options = SessionOptions { branch: branch_id, replace, adopt, ..SessionOptions::default() };
        let nonce = Nonce::random().map_err(failure::handshake)?;
        let hello = HostHello::session(
            hibernaculum_runner::PROTOCOL_VERSION,
            hibernaculum_runner::digest(),
            nonce,
            session.to_string(),
            options,
        )
        .map_err(failure::handshake)?;
        let opened = self.open(Role::Session(session), hello).await;
        match (opened, branch) {
            // The only thing about a checkpoint that a hello can be refused for.
            (Err(Error::Checkpoint(_)), Some(checkpoint)) => {
                Err(CheckpointError::Unknown { checkpoint }.into())
            }
            (opened, _) => opened,
        }
    }

    fn give_up(&self, why: &str) {
        tracing::error!(why, "the sandbox is given up");
        let place = Arc::clone(&self.place);
        self.runtime.spawn(async move { place.kill().await });
    }
}
