//! One sandbox of the service.

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Error, TransportError};
use hibernaculum_engine::{ByteStream, Place, Ready, Role};

use crate::api::Api;
use crate::ending::Ending;
use crate::entry::{Process, inquire};
use crate::tunnel::{Road, TunnelStream};

/// How long the news of an end may be held up for its cause.
const CAUSE: Duration = Duration::from_millis(500);

/// One sandbox of the service.
///
/// Dropping it deletes the sandbox as soon as may be; [`Place::stop`] deletes it and waits.
#[derive(Debug)]
pub struct DaytonaPlace {
    pub(crate) ready: Ready,
    pub(crate) workdir: String,
    pub(crate) road: Arc<Road>,
    pub(crate) ending: Arc<Ending>,
    pub(crate) api: Api,
    /// The service's own id of it.
    pub(crate) id: String,
    pub(crate) process: Process,
}

impl DaytonaPlace {
    /// The service's own id of the sandbox: what its dashboard shows.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Place for DaytonaPlace {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn workdir(&self) -> &str {
        &self.workdir
    }

    async fn connect(&self, role: Role) -> Result<Box<dyn ByteStream>, Error> {
        let broken = |problem: String| {
            let doing = format!("opening a stream through the tunnel: {problem}");
            Error::from(TransportError::Broken { doing, source: None })
        };
        let (stream, pump) = TunnelStream::begin(Arc::clone(&self.road)).await.map_err(broken)?;
        tracing::trace!(?role, sandbox = self.id, "a stream begins");
        if self.ending.spawn(pump) { Ok(Box::new(stream)) } else { Err(broken("it has ended".to_owned())) }
    }

    async fn fate(&self) -> Option<String> {
        if let Some(told) = self.ending.reason().or_else(|| self.road.reason()) {
            return Some(told);
        }
        let inquiry = inquire(&self.api, &self.id, &self.process);
        tokio::time::timeout(CAUSE, inquiry).await.ok().flatten()
    }

    async fn stop(&self) {
        self.ending.begin();
        self.ending.over().await;
    }

    async fn release(&self) {
        self.ending.release();
    }

    async fn kill(&self) {
        self.stop().await;
    }
}

impl Drop for DaytonaPlace {
    fn drop(&mut self) {
        self.ending.begin();
    }
}
