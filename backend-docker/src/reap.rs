//! Removes what programs left behind that ended without ending their sandboxes: containers that nobody has any more.
//!
//! ```text
//!  containers with our labels ─▶ of this user? ─▶ does its host live? ─▶ alive: kept │ dead: removed │ cannot be seen: removed once older than its TTL
//!                                     └─ outlives its host, and runs: kept
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::Weak;
use std::time::Duration;

use bollard::Docker;
use bollard::models::ContainerSummaryStateEnum;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveVolumeOptionsBuilder,
};
use hibernaculum_core::Error;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use crate::daemon::Daemon;
use crate::image;
use crate::owner;
use crate::prepare;
use crate::removal::Remover;
use crate::state::State;
use crate::trouble::failed;

/// How often a living backend looks for what others left.
const ROUND: Duration = Duration::from_mins(10);

/// Something that was left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reaped {
    /// What the engine calls it.
    pub name: String,
    /// The sandbox that it was, where it was one.
    pub sandbox: Option<String>,
    /// Why nobody has it any more.
    pub why: String,
}

/// Finds containers of this user that their programs left behind, and removes them unless `dry`: what `hib reap` does. A program that lives keeps its
/// containers, however old they are; where that cannot be seen from here (another machine at the same engine, another pid namespace), their TTL decides.
/// Volumes go, too, where nothing uses them: those with the runner of another version of this program, or for an image that is gone, and those whose container
/// somebody removed without them.
///
/// `host` is the engine's address, as for [`crate::DockerBackendBuilder::host`]. A backend does the same by itself for containers, now and then.
///
/// ```no_run
/// # async fn example() -> Result<(), hibernaculum_core::Error> {
/// for left in hibernaculum_backend_docker::reap(None, false).await? {
///     println!("{}: {}", left.name, left.why);
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`hibernaculum_core::SandboxError::Engine`] where there is no engine, [`hibernaculum_core::SandboxError::Start`] where it does not say what it has.
///
/// # Cancel safety
///
/// What has been removed by then is removed; the rest is found the next time.
pub async fn reap(host: Option<&str>, dry: bool) -> Result<Vec<Reaped>, Error> {
    let daemon = Daemon::connect(host).await?;
    let mut all = containers(&daemon.remover, dry).await?;
    all.extend(volumes(&daemon.docker, dry).await?);
    Ok(all)
}

/// Looks for containers that were left behind, or that could not be removed, for as long as the task lives.
pub(crate) fn watch(remover: Remover, state: Weak<State>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            remover.again().await;
            if let (Ok(living), Some(state)) = (living(&remover.docker).await, state.upgrade()) {
                state.sweep_lingering(&living);
            }
            match containers(&remover, false).await {
                Ok(reaped) => {
                    for left in reaped {
                        tracing::info!(
                            container = left.name,
                            why = left.why,
                            "a container that was left behind is removed"
                        );
                    }
                }
                Err(error) => tracing::debug!(%error, "what was left behind cannot be looked for"),
            }
            tokio::time::sleep(ROUND).await;
        }
    })
}

async fn containers(remover: &Remover, dry: bool) -> Result<Vec<Reaped>, Error> {
    let ours = vec![format!("{}={}", owner::OWNER, owner::user())];
    let filters = HashMap::from([("label".to_owned(), ours)]);
    // Also those that were made and never started.
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let listed = remover.docker.list_containers(Some(options)).await;
    let listed = listed.map_err(|error| failed("the engine does not say which containers it has", error))?;
    let (now, mut reaped) = (Timestamp::now(), Vec::new());
    for container in listed {
        let labels = container.labels.unwrap_or_default();
        let name = container.names.unwrap_or_default().into_iter().next().or(container.id);
        let is_running = container.state == Some(ContainerSummaryStateEnum::RUNNING);
        if let (Some(why), Some(name)) = (owner::left_over(&labels, is_running, now), name) {
            let name = name.trim_start_matches('/').to_owned();
            if !dry {
                remover.remove(&name).await;
            }
            reaped.push(Reaped { name, sandbox: labels.get(owner::SANDBOX).cloned(), why });
        }
    }
    Ok(reaped)
}

/// The sandboxes that have a container, in whatever state.
async fn living(docker: &Docker) -> Result<HashSet<String>, bollard::errors::Error> {
    let filters = HashMap::from([("label".to_owned(), vec![owner::SANDBOX.to_owned()])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let listed = docker.list_containers(Some(options)).await?;
    Ok(listed.into_iter().filter_map(|container| container.labels?.remove(owner::SANDBOX)).collect())
}

async fn volumes(docker: &Docker, dry: bool) -> Result<Vec<Reaped>, Error> {
    let filters = HashMap::from([("label".to_owned(), vec![format!("{}={}", owner::OWNER, owner::user())])]);
    let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
    let listed = docker.list_volumes(Some(options)).await;
    let listed = listed.map_err(|error| failed("the engine does not say which volumes it has", error))?;
    let mut reaped = Vec::new();
    for volume in listed.volumes.unwrap_or_default() {
        let Some(why) = needless(docker, &volume.labels).await? else { continue };
        // The engine keeps what is in use.
        let options = RemoveVolumeOptionsBuilder::default().build();
        if dry || docker.remove_volume(&volume.name, Some(options)).await.is_ok() {
            reaped.push(Reaped { name: volume.name, sandbox: None, why });
        }
    }
    Ok(reaped)
}

/// Why nobody needs a volume with these labels any more, where that is so.
async fn needless(docker: &Docker, labels: &HashMap<String, String>) -> Result<Option<String>, Error> {
    let Some(digest) = labels.get(prepare::LABEL) else {
        // It was made with a container, and should have gone with it.
        return Ok(owner::left_over(labels, false, Timestamp::now()));
    };
    let image = labels.get(prepare::IMAGE).map_or("", String::as_str);
    let why = if digest != hibernaculum_runner::digest() {
        "it holds the runner of another version of this program"
    } else if image::find(docker, image).await?.is_none() {
        "the image that its runner was prepared for is gone"
    } else {
        return Ok(None);
    };
    Ok(Some(why.to_owned()))
}
