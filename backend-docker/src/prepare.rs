//! The runner in a volume, ready for one image: written and compiled once, then mounted read-only into every sandbox.
//!
//! ```text
//!  volume hibernaculum-runner-DIGEST-IMAGE is there ──yes──▶ used
//!            │ no
//!            ▼
//!  made ─▶ a container of that image runs prepare.py ─▶ what Python is there? ─▶ files, bytecode ─▶ used
//!                                                            └─ none, or none that will do ─▶ `sandbox.image_unfit`
//! ```
//!
//! An image never changes, nor does a runner of one digest: so neither does the volume, and all programs share it.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, VolumeCreateRequest};
use bollard::query_parameters::RemoveVolumeOptionsBuilder;
use hibernaculum_core::{Error, SandboxError};
use hibernaculum_engine::Tail;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use crate::attached::{Attached, launch};
use crate::container::{RUNNER, attached, closed, words};
use crate::daemon::Daemon;
use crate::image::Image;
use crate::owner;
use crate::trouble::{failed, status};

const PROGRAM: &str = include_str!("prepare.py");
/// What a volume of ours has for a label.
pub(crate) const LABEL: &str = "hibernaculum.runner";
/// For which image it is.
pub(crate) const IMAGE: &str = "hibernaculum.image";
/// How much its output may be.
const ANSWER: u64 = 64 * 1024;
/// How long its last words may be on their way.
const DRAIN: Duration = Duration::from_secs(1);
/// How long the engine may take to remove a volume that was not filled.
pub(crate) const CLEARING: Duration = Duration::from_secs(5);
/// How long the preparation may be left over: the program that makes it may be gone.
const TTL: Duration = Duration::from_mins(10);

/// The volume with the runner for that image, made where it is not there yet: `limit` bounds the question, and the answer's work.
///
/// Cancel safe: an unfinished volume is made whole by the next who needs it.
pub(crate) async fn runner_volume(daemon: &Daemon, image: &Image, limit: Duration) -> Result<String, Error> {
    let name = volume_name(image);
    match timeout(limit, daemon.docker.inspect_volume(&name)).await {
        Ok(Ok(_)) => return Ok(name),
        Ok(Err(error)) if status(&error) == Some(404) => {}
        Ok(Err(error)) => return Err(failed("the engine does not say which volumes it has", error)),
        Err(_) => return Err(too_late(limit, "the engine was asked for the runner's volume")),
    }
    fill(daemon, image, limit).await?;
    Ok(name)
}

/// Makes the volume whole, whatever is in it, within that limit.
pub(crate) async fn fill(daemon: &Daemon, image: &Image, limit: Duration) -> Result<(), Error> {
    let name = volume_name(image);
    let request = VolumeCreateRequest {
        name: Some(name.clone()),
        labels: Some(HashMap::from([
            (LABEL.to_owned(), hibernaculum_runner::digest().to_owned()),
            (IMAGE.to_owned(), image.id.clone()),
            (owner::OWNER.to_owned(), owner::user()),
        ])),
        ..VolumeCreateRequest::default()
    };
    let filling = async {
        let made = daemon.docker.create_volume(request).await;
        made.map_err(|error| failed("the engine made no volume for the runner", error))?;
        run(daemon, image, &name).await
    };
    let filled = timeout(limit, filling)
        .await
        .unwrap_or_else(|_| Err(too_late(limit, "the runner was being prepared for the image")));
    if filled.is_err() {
        // Where somebody else uses it the engine keeps it.
        let options = RemoveVolumeOptionsBuilder::default().build();
        let _ = timeout(CLEARING, daemon.docker.remove_volume(&name, Some(options))).await;
    }
    filled
}

/// A start that took longer than it may, and what was being done.
pub(crate) fn too_late(limit: Duration, doing: impl Into<String>) -> Error {
    let after_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    SandboxError::StartTimeout { after_ms, stderr: doing.into() }.into()
}

fn volume_name(image: &Image) -> String {
    let short = |text: &str| text.chars().take(16).collect::<String>();
    let id = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
    format!("hibernaculum-runner-{}-{}", short(hibernaculum_runner::digest()), short(id))
}

async fn run(daemon: &Daemon, image: &Image, volume: &str) -> Result<(), Error> {
    let unfit = |found: String| SandboxError::ImageUnfit { image: image.name.clone(), found };
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| SandboxError::Start {
        problem: "there are no random numbers".to_owned(),
        source: Some(error.into()),
    })?;
    let random = hex::encode(random);
    let launched =
        launch(&daemon.remover, format!("hibernaculum-prepare-{random}"), body(image, volume, &random)).await;
    let Attached { mut stdin, mut stdout, tail, removal } = match launched {
        Ok(attached) => attached,
        // In the engine's words: `exec: "python3": executable file not found in $PATH`.
        Err(Error::Sandbox(SandboxError::Start { problem, .. }))
            if problem.contains("executable file not found")
                || problem.contains("no such file or directory") =>
        {
            return Err(unfit("no `python3` along its PATH".to_owned()).into());
        }
        Err(error) => return Err(error),
    };
    let bundle = hibernaculum_runner::bundle();
    let length = u32::try_from(bundle.len()).unwrap_or(u32::MAX).to_be_bytes();
    let message = [&length[..], &bundle].concat();
    let mut said = Vec::new();
    let answered = async { (&mut stdout).take(ANSWER).read_to_end(&mut said).await };
    let told = async {
        // One that will not do ends before it has read everything, and says why: then nobody may ever read the rest.
        let _ = stdin.write_all(&message).await;
        std::future::pending::<()>().await;
    };
    // Where it ends at once the engine may forget to close what is attached to it.
    let ended = async {
        removal.ended().await;
        sleep(DRAIN).await;
    };
    tokio::select! {
        biased;
        _ = answered => {}
        () = told => {}
        () = ended => {}
    }
    removal.run().await;
    let said = String::from_utf8_lossy(&said).into_owned();
    if said.lines().any(|line| line == "hibernaculum-prepared") {
        return Ok(());
    }
    let python = said.lines().find_map(|line| line.strip_prefix("hibernaculum-python "));
    let words = [said.as_str(), &tail.shown()].join("\n");
    // The first process of all, which starts the others, found none.
    if python.is_none() && words.contains("exec python3 failed") {
        return Err(unfit("no `python3` along its PATH".to_owned()).into());
    }
    match python.and_then(|python| python.split_once(' ')) {
        Some((name, version)) if !will_do(name, version) => {
            let name = if name == "cpython" { "CPython" } else { name };
            Err(unfit(Tail::printable(format!("{name} {version}").as_bytes())).into())
        }
        Some(_) => {
            let problem = format!(
                "the runner could not be prepared for {}: {}",
                image.name,
                Tail::printable(words.as_bytes())
            );
            Err(SandboxError::Start { problem, source: None }.into())
        }
        None => Err(unfit(format!(
            "a `python3` that is no Python: it said `{}`",
            Tail::printable(words.as_bytes())
        ))
        .into()),
    }
}

fn will_do(name: &str, version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    name == "cpython" && (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) >= (3, 8)
}

/// The one container in which the volume can be written to; it runs nothing but the image's Python and our program, as a root without any capability.
fn body(image: &Image, volume: &str, random: &str) -> ContainerCreateBody {
    let mount = Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.to_owned()),
        target: Some(RUNNER.to_owned()),
        ..Mount::default()
    };
    ContainerCreateBody {
        image: Some(image.id.clone()),
        user: Some("0:0".to_owned()),
        entrypoint: Some(words(["python3", "-E", "-s", "-S", "-c", PROGRAM, RUNNER, random])),
        cmd: Some(Vec::new()),
        working_dir: Some("/".to_owned()),
        labels: Some(owner::labels(None, TTL, &std::collections::BTreeMap::new())),
        host_config: Some(HostConfig {
            readonly_rootfs: Some(true),
            network_mode: Some("none".to_owned()),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            memory: Some(512 << 20),
            memory_swap: Some(512 << 20),
            pids_limit: Some(64),
            mounts: Some(vec![mount]),
            tmpfs: Some(image.volumes.iter().map(|path| (path.clone(), "ro,size=4096".to_owned())).collect()),
            ..closed()
        }),
        ..attached()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cpython_from_3_8_on_will_do() {
        assert!(will_do("cpython", "3.8.0") && will_do("cpython", "3.14.2"));
        assert!(!will_do("cpython", "3.7.17") && !will_do("cpython", "2.7.18") && !will_do("pypy", "3.10.1"));
    }
}
