//! A container that lives by one connection: its stdin. When that ends, by whatever cause, the container does.
//!
//! ```text
//!  create ─▶ attach ─▶ start ─▶ Attached { stdin, stdout, stderr's tail, Removal }
//!    └─ given up at any point: Removal is dropped, and the container removed
//! ```

use std::time::Duration;

use bollard::Docker;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions, WaitContainerOptionsBuilder,
};
use futures_util::StreamExt as _;
use hibernaculum_core::Error;
use hibernaculum_engine::Tail;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::streams::{Input, Stdout};
use crate::trouble::{failed, status};

/// How long the engine may take to remove a container.
const REMOVAL: Duration = Duration::from_secs(20);
/// How often it is asked whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// A running container, and its first process' three streams.
pub(crate) struct Attached {
    pub(crate) stdin: Input,
    pub(crate) stdout: Stdout,
    pub(crate) tail: Tail,
    pub(crate) removal: Removal,
}

/// Makes and starts a container.
///
/// Cancel safe: what was made is removed when the future is dropped.
pub(crate) async fn launch(
    docker: &Docker,
    name: String,
    body: ContainerCreateBody,
) -> Result<Attached, Error> {
    let runtime = Handle::current();
    let maker = docker.clone();
    // The engine makes it even if nobody waits for the answer: so a task waits, whose result nobody may take.
    let made = runtime.clone().spawn(async move {
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        maker.create_container(Some(options), body).await?;
        Ok::<_, bollard::errors::Error>(Removal { docker: maker, name, runtime, is_due: true })
    });
    let removal = made
        .await
        .map_err(|error| crate::trouble::broken("making a container", error))?
        .map_err(|error| failed("the engine did not make its container", error))?;
    let options =
        AttachContainerOptionsBuilder::default().stdin(true).stdout(true).stderr(true).stream(true).build();
    let attached = docker.attach_container(&removal.name, Some(options)).await;
    let attached = attached.map_err(|error| failed("its container cannot be attached to", error))?;
    let started = docker.start_container(&removal.name, None::<StartContainerOptions>).await;
    started.map_err(|error| failed("its container did not start", error))?;
    let tail = Tail::default();
    let stdout = Stdout::new(attached.output, tail.clone());
    Ok(Attached { stdin: attached.input, stdout, tail, removal })
}

/// The removal of a container: done, or begun when it is dropped.
pub(crate) struct Removal {
    docker: Docker,
    name: String,
    runtime: Handle,
    is_due: bool,
}

impl Removal {
    /// Of a container that somebody else made.
    pub(crate) fn of(docker: Docker, name: String) -> Self {
        Self { docker, name, runtime: Handle::current(), is_due: true }
    }

    /// Waits until it runs no more.
    pub(crate) async fn ended(&self) {
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        let ended = self.docker.wait_container(&self.name, Some(options)).next().await;
        // One that failed, or is not there any more, is an error as well.
        if let Some(Err(bollard::errors::Error::RequestTimeoutError)) = ended {
            std::future::pending::<()>().await;
        }
    }

    /// It is not to be removed.
    pub(crate) fn release(mut self) {
        self.is_due = false;
    }

    /// Removes it, and waits until it is gone.
    pub(crate) async fn run(mut self) {
        remove(&self.docker, &self.name).await;
        self.is_due = false;
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        if self.is_due {
            let (docker, name) = (self.docker.clone(), std::mem::take(&mut self.name));
            self.runtime.spawn(async move { remove(&docker, &name).await });
        }
    }
}

/// Ends and removes a container, and waits until the engine knows it no more. One that is not there is removed.
pub(crate) async fn remove(docker: &Docker, name: &str) {
    let deadline = Instant::now() + REMOVAL;
    loop {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match docker.remove_container(name, Some(options)).await {
            Err(error) if status(&error) == Some(404) => return,
            // It is being removed already: there is nothing to do but to wait for it.
            Ok(())
            | Err(bollard::errors::Error::DockerResponseServerError { status_code: 409 | 500, .. })
                if Instant::now() < deadline =>
            {
                sleep(LOOK).await;
            }
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(container = name, %error, "could not be removed; `hib reap` tries again");
                return;
            }
        }
    }
}
