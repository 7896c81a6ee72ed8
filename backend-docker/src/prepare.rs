//! The runner in a volume, ready for one image: written and compiled once, then mounted read-only into every sandbox.
//!
//! ```text
//!  volume hibernaculum-runner-DIGEST-IMAGE is there ──yes──▶ used
//!            │ no
//!            ▼
//!  made ─▶ a container of that image runs prepare.py ─▶ what Python is there? ─▶ files, bytecode ─▶ used
//!                                                            └─ none, none that will do, or one without parts of its standard library ─▶ `sandbox.image_unfit`
//! ```
//!
//! An image never changes, nor does a runner of one digest: so neither does the volume, and all programs share it.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig, VolumeCreateRequest};
use bollard::query_parameters::RemoveVolumeOptionsBuilder;
use hibernaculum_core::{Error, SandboxError};
use hibernaculum_engine::Tail;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use crate::attached::{Attached, launch};
use crate::container::{self, RUNNER, attached, closed, covered, words};
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
/// How many missing modules are named.
const NAMED: usize = 8;
/// How long its last words may be on their way.
const DRAIN: Duration = Duration::from_secs(1);
/// How long the engine may take to remove a volume that was not filled.
pub(crate) const CLEARING: Duration = Duration::from_secs(5);
/// How long the preparation may be left over: the program that makes it may be gone.
const TTL: Duration = Duration::from_mins(10);

/// The volume with the runner for an image.
#[derive(Debug, Clone)]
pub(crate) struct RunnerVolume {
    pub(crate) name: String,
    /// Whoever makes it, and be it the engine for a container that mounts it, makes it with these.
    pub(crate) labels: HashMap<String, String>,
}

impl RunnerVolume {
    fn of(image: &Image) -> Self {
        let short = |text: &str| text.chars().take(16).collect::<String>();
        let id = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
        Self {
            name: format!("hibernaculum-runner-{}-{}", short(hibernaculum_runner::digest()), short(id)),
            labels: HashMap::from([
                (LABEL.to_owned(), hibernaculum_runner::digest().to_owned()),
                (IMAGE.to_owned(), image.id.clone()),
                (owner::OWNER.to_owned(), owner::user()),
                (owner::CREATED.to_owned(), jiff::Timestamp::now().to_string()),
            ]),
        }
    }
}

/// The volume with the runner for that image, made where it is not there yet: `limit` bounds the question, and the answer's work.
///
/// Cancel safe: an unfinished volume is made whole by the next who needs it.
pub(crate) async fn runner_volume(
    daemon: &Daemon,
    image: &Image,
    limit: Duration,
) -> Result<RunnerVolume, Error> {
    let volume = RunnerVolume::of(image);
    match timeout(limit, daemon.docker.inspect_volume(&volume.name)).await {
        Ok(Ok(_)) => return Ok(volume),
        Ok(Err(error)) if status(&error) == Some(404) => {}
        Ok(Err(error)) => return Err(failed("the engine does not say which volumes it has", error)),
        Err(_) => return Err(too_late(limit, "the engine was asked for the runner's volume")),
    }
    fill(daemon, image, limit).await?;
    Ok(volume)
}

/// Makes the volume whole, whatever is in it, within that limit.
pub(crate) async fn fill(daemon: &Daemon, image: &Image, limit: Duration) -> Result<(), Error> {
    let volume = RunnerVolume::of(image);
    let request = VolumeCreateRequest {
        name: Some(volume.name.clone()),
        labels: Some(volume.labels.clone()),
        ..VolumeCreateRequest::default()
    };
    let filling = async {
        // One that somebody else made has none of our labels, and would never get them.
        discard(daemon, &volume).await;
        let made = daemon.docker.create_volume(request).await;
        made.map_err(|error| failed("the engine made no volume for the runner", error))?;
        run(daemon, image, &volume).await
    };
    let filled = timeout(limit, filling)
        .await
        .unwrap_or_else(|_| Err(too_late(limit, "the runner was being prepared for the image")));
    if filled.is_err() {
        let _ = timeout(CLEARING, discard(daemon, &volume)).await;
    }
    filled
}

/// Where somebody else uses it the engine keeps it.
async fn discard(daemon: &Daemon, volume: &RunnerVolume) {
    let options = RemoveVolumeOptionsBuilder::default().build();
    let _ = daemon.docker.remove_volume(&volume.name, Some(options)).await;
}

/// A start that took longer than it may, and what was being done.
pub(crate) fn too_late(limit: Duration, doing: impl Into<String>) -> Error {
    let after_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    SandboxError::StartTimeout { after_ms, stderr: doing.into() }.into()
}

async fn run(daemon: &Daemon, image: &Image, volume: &RunnerVolume) -> Result<(), Error> {
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
    let line = |begins: &str| said.lines().find_map(|line| line.strip_prefix(begins));
    let (python, lacks) = (line("hibernaculum-python "), line("hibernaculum-lacks "));
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
        Some((_, version)) if lacks.is_some() => {
            Err(unfit(without(&format!("CPython {version}"), lacks.unwrap_or_default().split(' '))).into())
        }
        Some(_) => {
            let problem = format!(
                "the runner could not be prepared for {}: {}",
                image.name,
                Tail::printable(words.as_bytes())
            );
            Err(SandboxError::Start { problem, source: None }.into())
        }
        None => Err(unfit(match never_began(&words) {
            Some(module) => without("a Python that does not start", [module].into_iter()),
            None => {
                format!("a `python3` that is no Python: it said `{}`", Tail::printable(words.as_bytes()))
            }
        })
        .into()),
    }
}

/// A Python, and what it lacks of its standard library.
fn without<'a>(python: &str, modules: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = modules.map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let noun = if names.len() == 1 { "module" } else { "modules" };
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    Tail::printable(format!("{python} without the {noun} {}{rest}", names.join(", ")).as_bytes())
}

/// The module for want of which a Python ended before it ran anything: `ModuleNotFoundError: No module named 'encodings'`.
fn never_began(words: &str) -> Option<&str> {
    let (_, rest) = words.split_once("Fatal Python error")?;
    rest.split_once("No module named '")?.1.split('\'').next()
}

fn will_do(name: &str, version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    name == "cpython" && (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) >= (3, 8)
}

/// The one container in which the volume can be written to; it runs nothing but the image's Python and our program, as a root without any capability.
fn body(image: &Image, volume: &RunnerVolume, random: &str) -> ContainerCreateBody {
    let runner = container::volume(Some(volume.name.clone()), RUNNER, false, volume.labels.clone());
    let mounts =
        std::iter::once(runner).chain(covered(&image.volumes, &[RUNNER.to_owned()], |_| None)).collect();
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
            mounts: Some(mounts),
            ..closed()
        }),
        ..attached()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_python_lacks_is_named_within_reason() {
        let without = |lacks: &str| without("CPython 3.11.2", lacks.split(' '));
        assert_eq!(without("json"), "CPython 3.11.2 without the module `json`");
        assert_eq!(without("json shutil"), "CPython 3.11.2 without the modules `json`, `shutil`");
        let many: Vec<_> = (0..11).map(|number| format!("m{number}")).collect();
        assert!(without(&many.join(" ")).ends_with("`m6`, `m7` and 3 more"));
        assert!(!without("\u{1b}[2J").contains('\u{1b}'));
    }

    #[test]
    fn a_python_that_never_began_says_for_want_of_what() {
        let said = "Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding\n\
                    ModuleNotFoundError: No module named 'encodings'\n";
        assert_eq!(never_began(said), Some("encodings"));
        assert_eq!(never_began("I am a teapot. No module named 'x'"), None);
    }

    #[test]
    fn only_cpython_from_3_8_on_will_do() {
        assert!(will_do("cpython", "3.8.0") && will_do("cpython", "3.14.2"));
        assert!(!will_do("cpython", "3.7.17") && !will_do("cpython", "2.7.18") && !will_do("pypy", "3.10.1"));
    }
}
