//! A sandbox that runs: its place, the task of its control connection, and its end.

use std::sync::Arc;

use hibernaculum_core::{
    CheckpointId, Error, HostLoss, LiveLimits, SandboxError, SandboxFiles, SandboxId, SandboxInfo,
    SandboxSpec, SandboxState, SessionError, SessionId, SessionInfo, SessionSpec,
};
use tokio::sync::{OnceCell, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::Inner;
use crate::boot::Boot;
use crate::failure;
use crate::files::Files;
use crate::provider::{Place, Provider};
use crate::sandbox::{Control, Dialer, End, Order, Signs, live};
use crate::session::memo::{self, SandboxMemo, SessionMemo};
use crate::session::{Actor, Parts, Port};
use crate::wire::Secret;
use crate::wire::messages::{Census, Checkpoints};

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
    live_limits: LiveLimits,
    /// Whether it may outlive this host.
    lingers: bool,
}

impl<P: Provider> Sandbox<P> {
    /// Starts a place and connects to it.
    pub(super) async fn start(inner: &Arc<Inner<P>>, spec: SandboxSpec) -> Result<Self, Error> {
        let id = SandboxId::new();
        let boot = inner.boot(id);
        let place = Arc::new(inner.provider.start(&spec, &boot).await?);
        let (dialer, is_up) = dialer(inner, &place, boot.secret);
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
        info.labels.clone_from(&spec.labels);
        info.limits = spec.limits.or(&place.limits()).or(&features.default_limits);
        info.live_checkpoints = spec.live_checkpoints;
        let lingers = matches!(spec.on_host_loss, Some(HostLoss::Linger(_)));
        let memo = SandboxMemo { info, spec };
        let (orders, ordered) = mpsc::channel(ORDERS);
        let control = Control::new(connection, ordered);
        let sandbox = Self::over(inner, (dialer, is_up), (orders, control), &memo, lingers);
        if lingers {
            sandbox.remember(memo::SANDBOX.to_owned(), &memo).await;
        }
        Ok(sandbox)
    }

    /// Connects to a place that an earlier host left; and what is there. Somebody may have it, or be on the way: then its supervisor refuses.
    pub(super) async fn adopt(
        inner: &Arc<Inner<P>>,
        id: SandboxId,
        place: Arc<P::Place>,
    ) -> Result<(Self, Census), Error> {
        let (dialer, is_up) = dialer(inner, &place, inner.config.owner_key.secret(id));
        let connection = dialer.adopting().await?;
        let (orders, ordered) = mpsc::channel(ORDERS);
        let mut control = Control::new(connection, ordered);
        let census = control.census().await;
        let memo: Option<SandboxMemo> = census.memos.get(memo::SANDBOX).and_then(memo::read);
        let Some(memo) = memo.filter(|memo| memo.info.id == id) else {
            let problem = "its host was gone before it was made".to_owned();
            return Err(SandboxError::Start { problem, source: None }.into());
        };
        Ok((Self::over(inner, (dialer, is_up), (orders, control), &memo, true), census))
    }

    fn over(
        inner: &Arc<Inner<P>>,
        (dialer, is_up): (Arc<Dialer<P::Place>>, watch::Sender<bool>),
        (orders, control): (mpsc::Sender<Order>, Control),
        memo: &SandboxMemo,
        lingers: bool,
    ) -> Self {
        let (info, live_limits) = (memo.info.clone(), memo.spec.live_checkpoints);
        let id = info.id;
        tracing::debug!(sandbox = %id, backend = inner.features.backend, "a sandbox is here");
        let (tell_lost, lost) = watch::channel(None);
        let start = (memo.spec.clone(), inner.boot(id));
        run(inner, start, Arc::clone(&dialer), control, Signs { lost: tell_lost, is_up });
        let files = Files::new(Arc::clone(&dialer), id, lost.clone());
        Self { id, info, dialer, orders, lost, ended: OnceCell::new(), files, live_limits, lingers }
    }

    /// Whether it may outlive this host.
    pub(super) fn lingers(&self) -> bool {
        self.lingers
    }

    /// Has it keep something for the next host, where there may be one.
    pub(super) async fn remember(&self, name: String, what: &impl serde::Serialize) {
        if self.lingers
            && let Some(memo) = memo::write(what)
        {
            // Where control is gone, there is nobody to remember it.
            let _ = self.orders.send(Order::Remember { name, memo }).await;
        }
    }

    /// Lets go of it: it goes on.
    pub(super) async fn release(&self) {
        self.dialer.place.release().await;
        let released = async {
            let _ = self.orders.send(Order::Release).await;
            let _ = self.lost.clone().wait_for(Option::is_some).await;
        };
        // A supervisor that stands still hears nothing: it finds out by itself that its host is gone.
        let _ = timeout(self.dialer.timeout, released).await;
    }

    /// Closes a session that nobody knows.
    pub(super) async fn close_unknown(&self, session: SessionId) {
        let (done, _) = oneshot::channel();
        let _ = self.orders.send(Order::Close { session, done }).await;
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

    pub(super) fn id(&self) -> SandboxId {
        self.id
    }

    /// How many live checkpoints it may keep.
    pub(super) fn live_limits(&self) -> LiveLimits {
        self.live_limits
    }

    /// Ends a live checkpoint, which is forgotten in the same step: it is either known still, or ended. Where control is gone, it is gone too.
    pub(super) async fn drop_live(&self, checkpoint: CheckpointId, forget: impl FnOnce() + Send) {
        let order = self.orders.reserve().await;
        forget();
        if let Ok(order) = order {
            order.send(Order::Drop { checkpoint });
        }
    }

    /// Which live checkpoints are there, and what they take.
    pub(super) async fn measure(&self) -> Result<Checkpoints, Error> {
        const DOING: &str = "asking for the checkpoints of a sandbox";
        let (done, told) = oneshot::channel();
        let asking = async {
            let asked = self.orders.send(Order::Measure { done }).await.is_ok();
            told.await.ok().filter(|_| asked)
        };
        match timeout(self.dialer.timeout, asking).await {
            Ok(Some(checkpoints)) => Ok(checkpoints),
            Err(_) => Err(failure::timeout(DOING, self.dialer.timeout)),
            Ok(None) => {
                let problem = self.lost.borrow().clone().unwrap_or_else(|| "its supervisor ended".to_owned());
                Err(SandboxError::Lost { sandbox: self.id, problem, source: None }.into())
            }
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    pub(super) fn info(&self, sessions: &[Arc<Port>]) -> SandboxInfo {
        let mut info = self.info.clone();
        info.sessions = sessions.len();
        info.last_used = sessions.iter().map(|port| port.info().last_used).max().unwrap_or(info.created);
        info.state = if self.is_lost() {
            SandboxState::Lost
        } else if *self.dialer.is_up.borrow() {
            SandboxState::Running
        } else {
            SandboxState::Starting
        };
        info
    }

    /// Makes a session's port and starts its actor. The receiver is told when the session takes code.
    pub(super) async fn open(
        &self,
        inner: &Arc<Inner<P>>,
        spec: SessionSpec,
        branch: Option<(CheckpointId, u64)>,
    ) -> Result<(Arc<Port>, oneshot::Receiver<Result<(), Error>>), Error> {
        let id = spec.id.unwrap_or_else(SessionId::new);
        let mut info = SessionInfo::new(id, self.id);
        info.labels.clone_from(&spec.labels);
        info.checkpoint = branch.map(|(checkpoint, _)| checkpoint);
        let memo = SessionMemo { spec, info };
        let told = self.lingers.then(|| memo::write(&memo)).flatten();
        self.enlist(inner, memo, told, branch, false).await
    }

    /// The same for a session that an earlier host left.
    pub(super) async fn take_up(
        &self,
        inner: &Arc<Inner<P>>,
        session: SessionId,
        mut memo: SessionMemo,
    ) -> Result<(Arc<Port>, oneshot::Receiver<Result<(), Error>>), Error> {
        (memo.info.id, memo.info.sandbox, memo.spec.id) = (session, self.id, Some(session));
        self.enlist(inner, memo, None, None, true).await
    }

    async fn enlist(
        &self,
        inner: &Arc<Inner<P>>,
        SessionMemo { spec, info }: SessionMemo,
        memo: Option<serde_json::Value>,
        branch: Option<(CheckpointId, u64)>,
        is_adopted: bool,
    ) -> Result<(Arc<Port>, oneshot::Receiver<Result<(), Error>>), Error> {
        let id = info.id;
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
            enlist.send(Order::Enlist { session: id, inbox: tell, memo });
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
            recall: Arc::new(Arc::downgrade(inner)),
            branch,
            lingers: self.lingers,
            is_adopted,
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
                    let _ = timeout(SHUTDOWN_WAIT, ended).await;
                }
                self.dialer.place.stop().await;
            })
            .await;
    }
}

/// The way to a place, and the word that its supervisor is there.
fn dialer<P: Provider>(
    inner: &Inner<P>,
    place: &Arc<P::Place>,
    secret: Secret,
) -> (Arc<Dialer<P::Place>>, watch::Sender<bool>) {
    let (tell_up, is_up) = watch::channel(true);
    let dialer = Dialer {
        place: Arc::clone(place),
        secret,
        timeout: inner.config.handshake_timeout,
        runtime: inner.runtime.clone(),
        is_up,
    };
    (Arc::new(dialer), tell_up)
}

/// Has a task serve control for as long as the sandbox is there.
fn run<P: Provider>(
    inner: &Arc<Inner<P>>,
    start: (SandboxSpec, Boot),
    dialer: Arc<Dialer<P::Place>>,
    control: Control,
    signs: Signs,
) {
    let (sandbox, place) = (start.1.sandbox, Arc::clone(&dialer.place));
    // Weak, because a sandbox must not keep alive what ends it.
    let engine = Arc::downgrade(inner);
    let stopped = move || {
        if let Some(inner) = engine.upgrade() {
            inner.registry().live.forget_sandbox(sandbox);
        }
    };
    inner.runtime.spawn(async move {
        let end = live(control, start, dialer, signs, stopped).await;
        tracing::debug!(%sandbox, ?end, "control ended");
        // Whatever broke the connection, nothing of the sandbox may be left.
        if let End::Lost(_) = end {
            place.kill().await;
        }
    });
}
