//! A sandbox that runs: its place, the task of its control connection, and its end.

use std::sync::Arc;

use hibernaculum_core::{
    Error, SandboxError, SandboxFiles, SandboxId, SandboxInfo, SandboxSpec, SandboxState, SessionError,
    SessionId, SessionInfo, SessionSpec,
};
use tokio::sync::{OnceCell, mpsc, oneshot, watch};

use super::Inner;
use crate::boot::Boot;
use crate::files::Files;
use crate::provider::{Place, Provider};
use crate::sandbox::{Control, Dialer, Order};
use crate::session::{Actor, Parts, Port};

/// How many orders may wait for control.
const ORDERS: usize = 256;
/// How many asks, and how many messages of control, may wait for a session.
const ASKS: usize = 64;
/// How long a supervisor has to end in order.
const SHUTDOWN_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// One sandbox.
pub(super) struct Sandbox<P: Provider> {
    id: SandboxId,
    /// What is known of it, as it was when it started.
    info: SandboxInfo,
    dialer: Arc<Dialer<P::Place>>,
    orders: mpsc::Sender<Order>,
    /// Why it is gone, once it is.
    lost: watch::Receiver<Option<String>>,
    ended: OnceCell<()>,
    files: Arc<Files<P::Place>>,
}

impl<P: Provider> Sandbox<P> {
    /// Starts a place and connects to it.
    pub(super) async fn start(inner: &Inner<P>, spec: SandboxSpec) -> Result<Self, Error> {
        let id = SandboxId::new();
        let boot = Boot { sandbox: id, secret: inner.config.owner_key.secret(id) };
        let place = Arc::new(inner.provider.start(&spec, &boot).await?);
        let dialer = Arc::new(Dialer {
            place: Arc::clone(&place),
            secret: boot.secret,
            timeout: inner.config.handshake_timeout,
            runtime: inner.runtime.clone(),
        });
        let connection = match dialer.control().await {
            Ok(connection) => connection,
            Err(error) => {
                place.kill().await;
                return Err(error);
            }
        };
        let features = &inner.features;
        let network = spec.network.clone().unwrap_or_else(|| features.default_network.clone());
        let least = features.isolation.first().copied().unwrap_or(hibernaculum_core::Isolation::Trusted);
        let isolation = spec.isolation.unwrap_or(least);
        let mut info = SandboxInfo::new(id, features.backend.clone(), network, isolation);
        info.python.clone_from(&place.ready().python);
        place.workdir().clone_into(&mut info.workdir);
        info.labels = spec.labels;

        let (orders, ordered) = mpsc::channel(ORDERS);
        let (tell_lost, lost) = watch::channel(None);
        let control = Control::new(connection, ordered);
        inner.runtime.spawn(async move {
            let why = control.run(&tell_lost).await;
            tracing::debug!(sandbox = %id, why, "control ended");
            // Whatever ended the connection, nothing of the sandbox may be left.
            place.kill().await;
        });
        let files = Files::new(Arc::clone(&dialer), id, lost.clone());
        Ok(Self { id, info, dialer, orders, lost, ended: OnceCell::new(), files })
    }

    /// Its files; where it is gone, why.
    pub(super) fn files(&self) -> Result<&Arc<Files<P::Place>>, Error> {
        match self.lost.borrow().clone() {
            Some(problem) => Err(SandboxError::Lost { sandbox: self.id, problem, source: None }.into()),
            None => Ok(&self.files),
        }
    }

    /// A better way to its files, where its place has one.
    pub(super) fn own_files(&self) -> Option<&dyn SandboxFiles> {
        self.dialer.place.files()
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    pub(super) fn info(&self, sessions: &[Arc<Port>]) -> SandboxInfo {
        let mut info = self.info.clone();
        info.sessions = sessions.len();
        info.last_used = sessions.iter().map(|port| port.info().last_used).max().unwrap_or(info.created);
        info.state = if self.is_lost() { SandboxState::Lost } else { SandboxState::Running };
        info
    }

    /// Makes a session's port and starts its actor. The receiver is told when the session takes code.
    pub(super) async fn open(
        &self,
        inner: &Inner<P>,
        spec: SessionSpec,
    ) -> Result<(Arc<Port>, oneshot::Receiver<Result<(), Error>>), Error> {
        let id = spec.id.unwrap_or_else(SessionId::new);
        let mut info = SessionInfo::new(id, self.id);
        info.labels.clone_from(&spec.labels);
        let (asks, asked) = mpsc::channel(ASKS);
        let (tell, inbox) = mpsc::channel(ASKS);
        let (opened, told) = oneshot::channel();
        let (port, jobs) = Port::new(info, spec.queue_limit, asks);
        // The last await: from here on the session is either not there at all, or whole.
        let enlist = self.orders.reserve().await;
        {
            let mut registry = inner.registry();
            if registry.sessions.contains_key(&id) {
                return Err(SessionError::Exists { session: id }.into());
            }
            registry.sessions.insert(id, (self.id, Arc::clone(&port)));
        }
        // Before the connection is opened, so that nothing that is told of it can be missed.
        if let Ok(enlist) = enlist {
            enlist.send(Order::Enlist { session: id, inbox: tell });
        }
        let parts = Parts {
            sandbox: self.id,
            spec,
            port: Arc::clone(&port),
            jobs,
            asks: asked,
            inbox,
            orders: self.orders.clone(),
            dial: Arc::clone(&self.dialer) as Arc<dyn crate::sandbox::Dial>,
            lost: self.lost.clone(),
            opened,
        };
        inner.runtime.spawn(Actor::new(parts).run());
        Ok((port, told))
    }

    /// Ends everything, once, and waits until nothing is left.
    pub(super) async fn end(&self) {
        self.ended
            .get_or_init(async || {
                let (done, ended) = oneshot::channel();
                if self.orders.send(Order::Shutdown { done }).await.is_ok() {
                    // It was asked; whether it obeys or not, the place sees to the rest.
                    let _ = tokio::time::timeout(SHUTDOWN_WAIT, ended).await;
                }
                self.dialer.place.stop().await;
            })
            .await;
    }
}
