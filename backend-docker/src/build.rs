//! Makes images that sandboxes can be made of: a base image, and what a list of requirements adds to it.
//!
//! ```text
//!  base (pulled if it may be) ─▶ its Python will do? ─▶ hibernaculum:KEY is there ──▶ it is the latest now
//!                                                           │ not yet
//!                                                           ▼
//!                          a container of the base runs `pip install`, its requirements on stdin ─▶ committed as hibernaculum:KEY
//! ```
//!
//! KEY is made of the base's id and the requirements: the same ones are built once.

use std::fmt;
use std::time::Duration;

use bollard::models::{ContainerConfig, ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CommitContainerOptionsBuilder, TagImageOptionsBuilder, WaitContainerOptionsBuilder,
};
use futures_util::StreamExt as _;
use hibernaculum_core::{Error, SandboxError, Source};
use hibernaculum_engine::Tail;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::attached::{Attached, launch};
use crate::container::{attached, closed, declared, volume, words};
use crate::daemon::Daemon;
use crate::image::{self, BUILT, Image};
use crate::owner;
use crate::prepare::runner_volume;
use crate::pull::pull;
use crate::trouble::shown;

/// What an image is based on unless somebody says otherwise.
const BASE: &str = "python:3.13-slim";
/// How long one image may take.
const LIMIT: Duration = Duration::from_mins(30);
/// How long its Python may take to say what it is.
const LOOK: Duration = Duration::from_mins(2);
/// How many of pip's last lines stand in an error.
const LAST_LINES: usize = 12;

/// Runs pip. What Debian manages is here to be added to; that is a variable, since an older pip does not know the option, and one of this process alone, since
/// an image remembers those of its container.
const PIP: &str = "import os, runpy, sys\n\
    os.environ.update(PIP_BREAK_SYSTEM_PACKAGES='1', PIP_ROOT_USER_ACTION='ignore', PIP_NO_INPUT='1', PIP_PROGRESS_BAR='off')\n\
    sys.argv = ['pip', 'install', '--no-cache-dir', '--disable-pip-version-check', '-r', '/dev/stdin']\n\
    runpy.run_module('pip', run_name='__main__', alter_sys=True)";

/// Says how far it is.
type Progress = Box<dyn Fn(&str) + Send + Sync>;

/// Makes an image for sandboxes: what `hib image build` does.
///
/// ```no_run
/// # async fn example() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_docker::{DockerBackend, ImageBuild};
///
/// let image = ImageBuild::new().from("python:3.13-slim").requirements("numpy\npandas >= 2\n").run().await?;
/// let backend = DockerBackend::builder().image(image.name).build().await?;
/// # Ok(()) }
/// ```
pub struct ImageBuild {
    host: Option<String>,
    base: String,
    requirements: String,
    may_pull: bool,
    progress: Progress,
}

/// An image that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuiltImage {
    /// Its name: `hibernaculum:…`. It is `hibernaculum:latest`, too, until the next one is built.
    pub name: String,
    /// Its id: `sha256:…`.
    pub id: String,
    /// Whether it had been built before.
    pub was_there: bool,
}

impl fmt::Debug for ImageBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageBuild")
            .field("base", &self.base)
            .field("requirements", &self.requirements)
            .finish_non_exhaustive()
    }
}

impl Default for ImageBuild {
    fn default() -> Self {
        Self {
            host: None,
            base: BASE.to_owned(),
            requirements: String::new(),
            may_pull: true,
            progress: Box::new(|line| tracing::info!(line, "an image is built")),
        }
    }
}

impl ImageBuild {
    /// `python:3.13-slim`, with nothing added.
    ///
    /// ```
    /// let build = hibernaculum_backend_docker::ImageBuild::new();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The engine's address. Unset: as for a backend.
    ///
    /// ```
    /// let build = hibernaculum_backend_docker::ImageBuild::new().host("unix:///run/user/1000/docker.sock");
    /// ```
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// The image to begin with; without a tag or a digest: its tag `latest`. It needs CPython 3.8 or newer as `python3`, and pip where there are requirements.
    ///
    /// ```
    /// let build = hibernaculum_backend_docker::ImageBuild::new().from("python:3.12");
    /// ```
    #[must_use]
    pub fn from(mut self, base: impl Into<String>) -> Self {
        self.base = base.into();
        self
    }

    /// What to install, as a `requirements.txt` lists it.
    ///
    /// ```
    /// let build = hibernaculum_backend_docker::ImageBuild::new().requirements("numpy\npandas >= 2\n");
    /// ```
    #[must_use]
    pub fn requirements(mut self, lines: impl Into<String>) -> Self {
        self.requirements = lines.into();
        self
    }

    /// Whether the base may be pulled from its registry where the engine does not have it. Unset: it may. No credentials are sent: a private base is pulled
    /// by `docker pull` before.
    ///
    /// ```
    /// let offline = hibernaculum_backend_docker::ImageBuild::new().pull(false);
    /// ```
    #[must_use]
    pub fn pull(mut self, may_pull: bool) -> Self {
        self.may_pull = may_pull;
        self
    }

    /// Who is told how far it is, line by line. Unset: the log.
    ///
    /// ```
    /// let build = hibernaculum_backend_docker::ImageBuild::new().on_progress(|line| eprintln!("{line}"));
    /// ```
    #[must_use]
    pub fn on_progress(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.progress = Box::new(tell);
        self
    }

    /// Makes the image, unless it is there. It may take 30 minutes, what is pulled not counted.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_backend_docker::ImageBuild;
    ///
    /// let image = ImageBuild::new().requirements("numpy\n").run().await?;
    /// println!("{} is {}", image.name, if image.was_there { "there" } else { "made" });
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SandboxError::Engine`] where there is no engine, [`SandboxError::ImageUnfit`] where the base has no usable Python, [`SandboxError::ImageBuild`] where
    /// there is no base, or with pip's last words.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left when the future is dropped but what was pulled.
    pub async fn run(self) -> Result<BuiltImage, Error> {
        let daemon = Daemon::connect(self.host.as_deref()).await?;
        let base = self.base(&daemon).await?;
        // Asked first: pip would fail in more words.
        runner_volume(&daemon, &base, LOOK).await?;
        let tag = key(&base.id, &self.requirements);
        let name = format!("{BUILT}:{tag}");
        if let Some(found) = image::find(&daemon.docker, &name).await? {
            self.name(&daemon, &found.id, "latest").await?;
            return Ok(BuiltImage { name, id: found.id, was_there: true });
        }
        let id = if is_empty(&self.requirements) {
            self.name(&daemon, &base.id, &tag).await?;
            base.id.clone()
        } else {
            let limit = tokio::time::timeout(LIMIT, self.install(&daemon, &base, &tag)).await;
            limit.unwrap_or_else(|_| Err(self.failed("it took longer than 30 minutes".to_owned(), None)))?
        };
        self.name(&daemon, &id, "latest").await?;
        Ok(BuiltImage { name, id, was_there: false })
    }

    async fn base(&self, daemon: &Daemon) -> Result<Image, Error> {
        if let Some(found) = image::find(&daemon.docker, &self.base).await? {
            return Ok(found);
        }
        if self.may_pull {
            pull(&daemon.docker, &self.base, &*self.progress).await.map_err(|error| {
                self.failed(
                    format!("its base could not be pulled: {}", shown(&error)),
                    Some(Source::new(error)),
                )
            })?;
            if let Some(found) = image::find(&daemon.docker, &self.base).await? {
                return Ok(found);
            }
        }
        Err(self.failed("the engine does not have it, and was told not to pull it".to_owned(), None))
    }

    /// Runs pip in a container of the base, and makes an image of what comes out.
    async fn install(&self, daemon: &Daemon, base: &Image, tag: &str) -> Result<String, Error> {
        let docker = &daemon.docker;
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|error| self.failed("there are no random numbers".to_owned(), Some(error.into())))?;
        let container = format!("hibernaculum-build-{}", hex::encode(random));
        let Attached { mut stdin, stdout, tail, removal } =
            launch(&daemon.remover, container.clone(), body(base)).await?;
        let _ = stdin.write_all(self.requirements.as_bytes()).await;
        let _ = stdin.shutdown().await;
        let mut lines = BufReader::new(stdout).lines();
        let mut last = std::collections::VecDeque::new();
        while let Ok(Some(line)) = lines.next_line().await {
            let line = Tail::printable(line.as_bytes());
            (self.progress)(&line);
            last.push_back(line);
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        let ended = docker.wait_container(&container, Some(options)).next().await;
        if !matches!(&ended, Some(Ok(ended)) if ended.status_code == 0) {
            let words = [last.make_contiguous().join("\n"), tail.shown()].join("\n");
            removal.run().await;
            return Err(self.failed(format!("pip failed; it said: {}", words.trim()), None));
        }
        // With its name from the first moment on: one without would be nobody's where this program ends here.
        let options = CommitContainerOptionsBuilder::default()
            .container(&container)
            .repo(BUILT)
            .tag(tag)
            .pause(false)
            .changes(&changes(base))
            .build();
        let made = docker.commit_container(options, ContainerConfig::default()).await;
        removal.run().await;
        Ok(made
            .map_err(|error| {
                self.failed(
                    format!("what pip installed could not be kept: {}", shown(&error)),
                    Some(Source::new(error)),
                )
            })?
            .id)
    }

    async fn name(&self, daemon: &Daemon, id: &str, tag: &str) -> Result<(), Error> {
        let options = TagImageOptionsBuilder::default().repo(BUILT).tag(tag).build();
        let named = daemon.docker.tag_image(id, Some(options)).await;
        named.map_err(|error| {
            self.failed(
                format!("the engine did not take its name: {}", shown(&error)),
                Some(Source::new(error)),
            )
        })
    }

    fn failed(&self, problem: String, source: Option<Source>) -> Error {
        SandboxError::ImageBuild {
            base: self.base.chars().take(200).flat_map(char::escape_debug).collect(),
            problem,
            source,
        }
        .into()
    }
}

/// What a container of ours is told is nothing that the image should remember: what it says of itself it has from its base.
fn changes(base: &Image) -> String {
    let fixed =
        "ENTRYPOINT []\nCMD [\"python3\"]\nLABEL hibernaculum.host= hibernaculum.owner= hibernaculum.ttl=";
    // A variable's name would be read as its value.
    let said = |what: &str, was: &str| format!("{what} {}", was.replace('$', "\\$"));
    let of_base = [("USER", &base.user), ("WORKDIR", &base.workdir)];
    let of_base = of_base.iter().filter(|(_, was)| !was.is_empty()).map(|(what, was)| said(what, was));
    std::iter::once(fixed.to_owned()).chain(of_base).collect::<Vec<_>>().join("\n")
}

/// A container in which pip can write and reach its index: trusted as far as the requirements are, closed where that costs nothing.
fn body(base: &Image) -> ContainerCreateBody {
    // What an image does not say cannot be taken back: it is said here only where the base says something else.
    let unless_unsaid = |said: &str, ours: &str| (!said.is_empty()).then(|| ours.to_owned());
    let labels = owner::labels(None, LIMIT, &std::collections::BTreeMap::new());
    // The volumes that the image declares the engine would make by itself, without a word of whose they are. They go with their container.
    let volumes = declared(&base.volumes).map(|place| volume(None, &place, false, labels.clone())).collect();
    ContainerCreateBody {
        image: Some(base.id.clone()),
        user: unless_unsaid(&base.user, "0:0"),
        entrypoint: Some(words(["python3", "-c", PIP])),
        cmd: Some(Vec::new()),
        working_dir: unless_unsaid(&base.workdir, "/"),
        labels: Some(labels.clone()),
        host_config: Some(HostConfig {
            auto_remove: Some(false),
            network_mode: Some("bridge".to_owned()),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            mounts: Some(volumes),
            ..closed()
        }),
        ..attached()
    }
}

/// What makes an image another one.
fn key(base: &str, requirements: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(base.as_bytes());
    for line in meaningful(requirements) {
        hasher.update(b"\n");
        hasher.update(line.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}

fn is_empty(requirements: &str) -> bool {
    meaningful(requirements).next().is_none()
}

/// Lines that say something.
fn meaningful(requirements: &str) -> impl Iterator<Item = &str> {
    requirements.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(user: &str, workdir: &str) -> Image {
        Image {
            name: "base".to_owned(),
            id: "sha256:0".to_owned(),
            volumes: Vec::new(),
            user: user.to_owned(),
            workdir: workdir.to_owned(),
        }
    }

    #[test]
    fn an_image_is_told_nothing_that_its_base_does_not_say() {
        let (silent, outspoken) = (base("", ""), base("7:8", "/srv/$HOME"));
        // pip runs as root in `/` in both; what the container says of itself is taken back only where there is something to say instead.
        let (unsaid, said) = (body(&silent), body(&outspoken));
        assert_eq!((unsaid.user, unsaid.working_dir, unsaid.env), (None, None, None));
        assert_eq!((said.user.as_deref(), said.working_dir.as_deref()), (Some("0:0"), Some("/")));
        assert_eq!(said.env, None);
        assert!(!changes(&silent).contains("USER") && !changes(&silent).contains("WORKDIR"));
        assert!(changes(&outspoken).ends_with("\nUSER 7:8\nWORKDIR /srv/\\$HOME"), "{}", changes(&outspoken));
    }

    #[test]
    fn the_same_content_has_the_same_key_however_it_is_laid_out() {
        assert_eq!(key("a", "numpy\npandas"), key("a", "# ours\n  numpy\n\npandas\n"));
        assert_ne!(key("a", "numpy"), key("b", "numpy"));
        assert_ne!(key("a", "numpy"), key("a", "pandas"));
        assert!(is_empty("# nothing\n\n") && !is_empty("numpy"));
    }
}
