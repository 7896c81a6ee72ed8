//! One sandbox in a container.

use std::path::PathBuf;
use std::sync::Arc;

use bollard::Docker;
use hibernaculum_core::Error;
use hibernaculum_engine::{ByteStream, Fate, Place, Ready, Role};
use tokio::task::JoinHandle;

use crate::container::SOCKET_NAME;
use crate::ending::Ending;
use crate::fates::{Fates, LastWords, Told};
use crate::relay::{DOING, EarlyStreams, stream};
use crate::socket;
use crate::trouble::broken;

/// The way to a sandbox's supervisor.
#[derive(Debug)]
pub(crate) enum Road {
    /// The directory with its socket.
    Socket(PathBuf),
    /// A relay for each stream.
    Exec { docker: Docker, container: String, early: EarlyStreams },
}

/// One sandbox in a container.
///
/// Dropping it ends the sandbox as soon as may be; [`Place::stop`] ends it and waits.
#[derive(Debug)]
pub struct DockerPlace {
    pub(crate) ready: Ready,
    pub(crate) workdir: String,
    pub(crate) road: Road,
    pub(crate) ending: Arc<Ending>,
    pub(crate) container: String,
    pub(crate) fates: Arc<Fates>,
    /// Ends it when its time is over.
    pub(crate) clock: Option<JoinHandle<()>>,
    /// Of the first process, where this program started it.
    pub(crate) last_words: Option<LastWords>,
}

impl Place for DockerPlace {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn workdir(&self) -> &str {
        &self.workdir
    }

    async fn connect(&self, _role: Role) -> Result<Box<dyn ByteStream>, Error> {
        match &self.road {
            Road::Socket(directory) => {
                let connected = socket::connect(directory, SOCKET_NAME).await;
                Ok(Box::new(connected.map_err(|error| broken(DOING, error))?))
            }
            Road::Exec { docker, container, early } => stream(docker, container, early).await,
        }
    }

    async fn fate(&self) -> Fate {
        let told = self.ending.reason();
        // What we ended ourselves needs no news of the engine's.
        let has_told = told.is_some() || self.ending.has_begun();
        let told = if has_told { told } else { self.told().await };
        told.map_or(Fate::Unknown, Fate::Gone)
    }

    async fn stop(&self) {
        self.ending.begin(false);
        self.ending.over().await;
    }

    async fn release(&self) {
        self.ending.release();
        if let Some(clock) = &self.clock {
            clock.abort();
        }
    }

    async fn kill(&self) {
        self.ending.begin(true);
        self.ending.over().await;
    }
}

impl DockerPlace {
    /// Why its container has ended, with what that said where it ended by itself.
    async fn told(&self) -> Option<String> {
        let Told { why, by_itself } = self.fates.of(&self.container).await?;
        let lines = match self.last_words.as_ref().filter(|_| by_itself) {
            Some(words) => words.lines().await,
            None => String::new(),
        };
        Some(if lines.is_empty() { why } else { format!("{why}; it said: {lines}") })
    }
}

impl Drop for DockerPlace {
    fn drop(&mut self) {
        self.ending.begin(false);
        self.fates.forget(&self.container);
        if let Some(clock) = &self.clock {
            clock.abort();
        }
    }
}
