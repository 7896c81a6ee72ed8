//! A container that lives by one connection: its stdin. When that ends, by whatever cause, the container does.
//!
//! ```text
//!  create ─▶ attach ─▶ start ─▶ Attached { stdin, stdout, stderr's tail, Removal }
//!    └─ given up at any point: Removal is dropped, and the container removed
//! ```

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, StartContainerOptions,
};
use hibernaculum_core::Error;
use hibernaculum_engine::Tail;

use crate::removal::{Removal, Remover};
use crate::streams::{Input, Stdout};
use crate::trouble::{failed, status};

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
    remover: &Remover,
    name: String,
    body: ContainerCreateBody,
) -> Result<Attached, Error> {
    let docker = &remover.docker;
    let maker = remover.clone();
    // The engine makes it even if nobody waits for the answer: so a task waits, whose result nobody may take.
    let made = tokio::spawn(async move {
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        match maker.docker.create_container(Some(options), body).await {
            Ok(made) => {
                for warning in made.warnings {
                    tracing::info!(container = name, warning, "the engine warns of a container");
                }
                Ok(Removal::of(maker, name))
            }
            Err(error) => {
                // Without an answer nobody knows whether it has been made.
                if status(&error).is_none() {
                    maker.note(name);
                }
                Err(error)
            }
        }
    });
    let removal = made
        .await
        .map_err(|error| crate::trouble::broken("making a container", error))?
        .map_err(|error| failed("the engine did not make its container", error))?;
    let options =
        AttachContainerOptionsBuilder::default().stdin(true).stdout(true).stderr(true).stream(true).build();
    let attached = docker.attach_container(removal.name(), Some(options)).await;
    let attached = attached.map_err(|error| failed("its container cannot be attached to", error))?;
    let started = docker.start_container(removal.name(), None::<StartContainerOptions>).await;
    started.map_err(|error| failed("its container did not start", error))?;
    let tail = Tail::default();
    let stdout = Stdout::new(attached.output, tail.clone());
    Ok(Attached { stdin: attached.input, stdout, tail, removal })
}
