//! What the tests share: a stand-in, a backend before it, and a look at what was asked.

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_backend_daytona::{DaytonaBackend, DaytonaBackendBuilder};
use hibernaculum_core::{Backend, Error, Sandbox, SandboxSpec, Session};
use hibernaculum_testkit::daytona::{Faults, Recorded, StandIn, StandInConfig};

/// How long anything may take on a machine that is busy with everything else.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Scene {
    pub(crate) service: StandIn,
    pub(crate) backend: Arc<dyn Backend>,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::of(StandInConfig::default(), |builder| builder).await
    }

    pub(crate) async fn with_faults(faults: Faults) -> Self {
        Self::of(StandInConfig { faults, ..StandInConfig::default() }, |builder| builder).await
    }

    pub(crate) async fn of(
        config: StandInConfig,
        set: impl FnOnce(DaytonaBackendBuilder) -> DaytonaBackendBuilder,
    ) -> Self {
        let service = StandIn::start(config).await.unwrap();
        let backend = set(builder(&service)).build().unwrap();
        Self { service, backend }
    }

    pub(crate) async fn create(&self) -> Result<Sandbox, Error> {
        within(Sandbox::create(&self.backend, SandboxSpec::default())).await
    }

    /// A sandbox, and a session in it.
    pub(crate) async fn session(&self) -> (Sandbox, Session) {
        let sandbox = self.create().await.unwrap();
        let session = within(sandbox.session()).await.unwrap();
        (sandbox, session)
    }

    /// The requests of one operation.
    pub(crate) fn asked(&self, operation: &str) -> Vec<Recorded> {
        self.service.requests().into_iter().filter(|request| request.operation == operation).collect()
    }

    /// The sandboxes that the service has, but for those that it has destroyed.
    pub(crate) fn sandboxes(&self) -> Vec<String> {
        let all = self.service.sandboxes().into_iter();
        all.filter(|(_, state)| state != "destroyed").map(|(id, _)| id).collect()
    }

    /// Waits until the service has no sandbox any more.
    pub(crate) async fn is_empty(&self) {
        within(async {
            while !self.sandboxes().is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    /// Nothing may have been asked that the published specifications do not allow.
    pub(crate) async fn close(self) {
        let violations = self.service.violations();
        assert!(violations.is_empty(), "{violations:#?}");
        drop(self.backend);
        self.service.close().await;
    }
}

pub(crate) fn builder(service: &StandIn) -> DaytonaBackendBuilder {
    let python = std::env::var("HIBERNACULUM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    DaytonaBackend::builder().api_url(service.api_url()).api_key(service.api_key()).python(python)
}

pub(crate) async fn within<T>(work: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work.into_future()).await.expect("it takes too long")
}
