//! How a container goes: asked for within a bound, whatever the engine does, and again later where it was not done.
//!
//! ```text
//!  Removal ──run, drop──▶ Remover::remove ──▶ the engine knows it no more
//!                              └─ refused, no answer in time: noted ──▶ tried again in each round of `reap`
//! ```

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as Bollard;
use bollard::query_parameters::{RemoveContainerOptionsBuilder, WaitContainerOptionsBuilder};
use futures_util::StreamExt as _;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::trouble::status;

/// How long the engine may take to remove a container.
const REMOVAL: Duration = Duration::from_secs(20);
/// How often it is asked whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// Removes an engine's containers. Clones share what could not be removed.
#[derive(Debug, Clone)]
pub(crate) struct Remover {
    pub(crate) docker: Docker,
    left: Arc<Mutex<BTreeSet<String>>>,
}

impl Remover {
    pub(crate) fn of(docker: Docker) -> Self {
        Self { docker, left: Arc::default() }
    }

    /// Ends and removes a container, and waits until the engine knows it no more: whether that came about. One that is not there is removed; one that could not
    /// be removed is noted.
    pub(crate) async fn remove(&self, name: &str) -> bool {
        match self.gone(name).await {
            Ok(()) => {
                self.left().remove(name);
                true
            }
            Err(error) => {
                tracing::warn!(container = name, %error, "could not be removed; it is tried again");
                self.note(name.to_owned());
                false
            }
        }
    }

    /// This one is to be removed when there is time: it may be there.
    pub(crate) fn note(&self, name: String) {
        self.left().insert(name);
    }

    /// Tries again with those that could not be removed.
    pub(crate) async fn again(&self) {
        let names = self.left().clone();
        for name in names {
            self.remove(&name).await;
        }
    }

    async fn gone(&self, name: &str) -> Result<(), Bollard> {
        let deadline = Instant::now() + REMOVAL;
        loop {
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            let asked = timeout_at(deadline, self.docker.remove_container(name, Some(options))).await;
            match asked.unwrap_or(Err(Bollard::RequestTimeoutError)) {
                Err(error) if status(&error) == Some(404) => return Ok(()),
                // It is being removed already: there is nothing to do but to wait for it.
                Ok(()) | Err(Bollard::DockerResponseServerError { status_code: 409 | 500, .. })
                    if Instant::now() < deadline =>
                {
                    sleep(LOOK).await;
                }
                done => return done,
            }
        }
    }

    fn left(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The removal of a container: done, or begun when it is dropped.
pub(crate) struct Removal {
    remover: Remover,
    name: String,
    runtime: Handle,
    is_due: bool,
}

impl Removal {
    /// Needs a runtime.
    pub(crate) fn of(remover: Remover, name: String) -> Self {
        Self { remover, name, runtime: Handle::current(), is_due: true }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Waits until it runs no more.
    pub(crate) async fn ended(&self) {
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        let ended = self.remover.docker.wait_container(&self.name, Some(options)).next().await;
        // One that failed, or is not there any more, is an error as well.
        if let Some(Err(Bollard::RequestTimeoutError)) = ended {
            std::future::pending::<()>().await;
        }
    }

    /// It is not to be removed.
    pub(crate) fn release(mut self) {
        self.is_due = false;
    }

    /// Removes it, and waits until it is gone: whether it is.
    ///
    /// Cancel safe: it goes on when the future is dropped.
    pub(crate) async fn run(mut self) -> bool {
        let is_gone = self.remover.remove(&self.name).await;
        self.is_due = false;
        is_gone
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        if self.is_due {
            let (remover, name) = (self.remover.clone(), std::mem::take(&mut self.name));
            self.runtime.spawn(async move { remover.remove(&name).await });
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bollard::API_DEFAULT_VERSION;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;

    /// An engine that answers one request with each of these statuses, and then none.
    pub(crate) fn engine(scene: &tempfile::TempDir, statuses: &'static [u16]) -> Remover {
        let path = scene.path().join("d.sock");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            for status in statuses {
                let (mut stream, _) = listener.accept().await.unwrap();
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                let body = r#"{"message": "so it is"}"#;
                let answer = format!(
                    "HTTP/1.1 {status} So\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            std::future::pending::<()>().await;
            drop(listener);
        });
        Remover::of(Docker::connect_with_unix(&path.to_string_lossy(), 60, API_DEFAULT_VERSION).unwrap())
    }

    #[tokio::test]
    async fn what_could_not_be_removed_is_tried_again() {
        let scene = tempfile::tempdir().unwrap();
        let remover = engine(&scene, &[403, 403, 404]);
        assert!(!remover.remove("one").await);
        remover.again().await;
        assert_eq!(remover.left().len(), 1, "it is refused once more");
        remover.again().await;
        assert!(remover.left().is_empty());
        remover.again().await;
    }

    #[tokio::test]
    async fn an_engine_that_does_not_answer_is_waited_for_no_longer_than_a_removal_may_take() {
        let scene = tempfile::tempdir().unwrap();
        let remover = engine(&scene, &[]);
        // The clock runs ahead while nothing else is to be done.
        tokio::time::pause();
        let began = Instant::now();
        assert!(!remover.remove("one").await);
        assert!(began.elapsed() < REMOVAL + Duration::from_secs(1), "{:?}", began.elapsed());
        assert_eq!(remover.left().len(), 1);
    }
}
