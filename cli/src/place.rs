//! Where a subcommand works: the backend that was asked for, a sandbox on it, and a session in that.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hibernaculum::checkpoint_store::Store;
use hibernaculum::{
    Backend, ByteSize, CheckpointStore as _, Registry, Retention, Sandbox, SandboxSpec, Session, SessionSpec,
    Settings,
};

use crate::checkpoint::find;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::recovery::Recovery;
use crate::size::parse_size;
use crate::terminal::Progress;
use crate::time::parse_time;

/// The backend whose code runs where `hib` runs.
pub(crate) const LOCAL: &str = "local";

/// The backend whose code runs in containers.
const DOCKER: &str = "docker";

/// The backend whose code runs in sandboxes of a remote service.
pub(crate) const DAYTONA: &str = "daytona";

/// Which backend; the same for every subcommand.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where it runs")]
pub(crate) struct BackendArgs {
    /// The backend that runs the code
    #[arg(long, value_name = "NAME", default_value = LOCAL)]
    backend: String,

    #[arg(
        long,
        value_name = "PYTHON",
        help = "The Python to use: a path, or a name to look for along PATH",
        long_help = "The Python to use: a path, or a name to look for along PATH\n\n\
                     Unset: HIBERNACULUM_PYTHON, an active virtual environment, then `python3` along PATH."
    )]
    python: Option<String>,

    #[arg(
        long,
        value_name = "IMAGE",
        help = "The image that sandboxes of the backends `docker` and `daytona` are made of",
        long_help = "The image that sandboxes of the backends `docker` and `daytona` are made of\n\n\
                     Unset: HIBERNACULUM_IMAGE, else the one that `hib image build` made last, or the service's own snapshot."
    )]
    image: Option<String>,

    /// Which way byte streams take: of the backend `docker` `auto`, `socket` or `exec`, of `daytona` `auto`, `proxy` or `preview`
    #[arg(long, value_name = "WAY")]
    transport: Option<String>,

    /// Where checkpoints are kept: a directory, `s3://BUCKET/PREFIX`, or `memory:`
    ///
    /// Unset: of the backend `local` a directory of its own, of any other none.
    #[arg(long, id = "checkpoint-store", value_name = "STORE")]
    checkpoint_store: Option<String>,

    #[command(flatten)]
    keeping: KeepArgs,
}

/// What a checkpoint store keeps.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What is kept of checkpoints")]
pub(crate) struct KeepArgs {
    /// Keep the newest N checkpoints of each session, and of each name [default: all]
    ///
    /// The store is seen to after a save; older ones are deleted then. `hib checkpoint prune` does it at once.
    #[arg(long = "checkpoint-keep", id = "checkpoint-keep", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    /// Keep checkpoints for so long, such as 12h or 7d [default: for ever]
    #[arg(long = "checkpoint-max-age", id = "checkpoint-max-age", value_name = "TIME", value_parser = parse_time)]
    max_age: Option<Duration>,

    /// Keep the newest checkpoints that take no more than so much together, such as 500MB or 2GiB [default: no limit]
    #[arg(long = "checkpoint-max-bytes", id = "checkpoint-max-bytes", value_name = "SIZE", value_parser = parse_size)]
    max_bytes: Option<ByteSize>,
}

impl KeepArgs {
    /// What it is called in the library. A name is used again by one `hib` after the other, so that it counts as a session does.
    pub(crate) fn retention(&self) -> Retention {
        let mut retention = Retention::default();
        retention.keep_last = self.keep.and_then(|count| usize::try_from(count).ok());
        retention.keep_named = retention.keep_last;
        (retention.max_age, retention.max_bytes) = (self.max_age, self.max_bytes);
        retention
    }
}

impl BackendArgs {
    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.backend
    }

    /// The Python that was named.
    pub(crate) fn python(&self) -> Option<&str> {
        self.python.as_deref()
    }

    /// The same, but for what is named here. A Python belongs to the backend that it was named for.
    pub(crate) fn with(&self, backend: Option<String>, python: Option<String>) -> Self {
        let is_same = backend.as_ref().is_none_or(|backend| *backend == self.backend);
        let python = python.or_else(|| self.python.clone().filter(|_| is_same));
        let backend = backend.unwrap_or_else(|| self.backend.clone());
        Self { backend, python, ..self.clone() }
    }

    /// Whether the Docker backend is meant.
    #[cfg(feature = "docker")]
    pub(crate) fn is_docker(&self) -> bool {
        self.backend == DOCKER
    }

    /// How the Docker backend is built that is meant: as [`BackendArgs::create`] has it made.
    #[cfg(feature = "docker")]
    pub(crate) fn docker(&self) -> Result<hibernaculum::DockerBackendBuilder, Failure> {
        let mut builder = hibernaculum::DockerBackend::builder().transport(self.transport()?);
        if let Some(image) = &self.image {
            builder = builder.image(image.as_str());
        }
        if let Some(store) = self.store()? {
            builder = builder.checkpoint_store(Arc::new(store)).retention(self.retention());
        }
        Ok(builder)
    }

    /// The image that sandboxes in containers would be made of, whichever backend is meant.
    #[cfg(feature = "docker")]
    pub(crate) async fn image(&self) -> Result<String, hibernaculum::Error> {
        let mut builder = hibernaculum::DockerBackend::builder();
        if let Some(image) = &self.image {
            builder = builder.image(image.as_str());
        }
        Ok(builder.provider().await?.image().to_owned())
    }

    /// Which way its streams take.
    #[cfg(feature = "docker")]
    pub(crate) fn transport(&self) -> Result<hibernaculum::docker::Transport, Failure> {
        let transport = self.transport.as_deref().unwrap_or("auto").parse();
        Ok(transport.map_err(hibernaculum::Error::from)?)
    }

    /// What is to be kept in its store.
    pub(crate) fn retention(&self) -> Retention {
        self.keeping.retention()
    }

    /// Its checkpoint store, without the backend; none where it has none.
    pub(crate) fn store(&self) -> Result<Option<Store>, Failure> {
        match (&self.checkpoint_store, self.store_directory()?) {
            (Some(name), _) => Ok(Some(Store::named(&absolute(name))?)),
            (None, Some(path)) => Ok(Some(Store::directory(path)?)),
            (None, None) => Ok(None),
        }
    }

    /// The directory in which its store is, where it is in one.
    pub(crate) fn store_directory(&self) -> Result<Option<PathBuf>, Failure> {
        match &self.checkpoint_store {
            Some(name) => {
                let name = absolute(name);
                let path = name.strip_prefix("file://").unwrap_or(&name);
                Ok(path.starts_with('/').then(|| PathBuf::from(path)))
            }
            #[cfg(feature = "local")]
            None if self.backend == LOCAL => {
                Ok(Some(hibernaculum::LocalBackend::builder().default_store_path()?))
            }
            None => Ok(None),
        }
    }

    /// Has its store keep what is to be kept, and no more, where something was said of that.
    pub(crate) async fn tidy_store(&self) -> Result<(), Failure> {
        let retention = self.retention();
        if !retention.keeps_all()
            && let Some(store) = self.store()?
        {
            store.collect(&retention).await?;
        }
        Ok(())
    }

    /// What tells one backend from another.
    pub(crate) fn key(&self) -> (String, Option<String>) {
        (self.backend.clone(), self.python.clone())
    }

    /// Makes it.
    pub(crate) async fn make(&self) -> Result<Arc<dyn Backend>, Failure> {
        Ok(self.create().await?)
    }

    /// Makes it; the library's own error where that cannot be done.
    pub(crate) async fn create(&self) -> Result<Arc<dyn Backend>, hibernaculum::Error> {
        let mut settings = Settings::default();
        // The environment and a configuration file say both, for whichever backend is used then.
        let has_images = self.backend == DOCKER || self.backend == DAYTONA;
        if let Some(python) = self.python.as_ref().filter(|_| !has_images) {
            settings = settings.with("python", python.as_str());
        }
        if let Some(image) = self.image.as_ref().filter(|_| has_images) {
            settings = settings.with("image", image.as_str());
        }
        if let Some(transport) = self.transport.as_ref().filter(|_| has_images) {
            settings = settings.with("transport", transport.as_str());
        }
        if let Some(store) = &self.checkpoint_store {
            settings = settings.with("checkpoint_store", absolute(store));
        }
        let kept = self.keeping.retention();
        if let Some(count) = kept.keep_last {
            settings = settings.with("checkpoints_keep", count).with("checkpoints_keep_named", count);
        }
        if let Some(age) = kept.max_age {
            settings = settings.with("checkpoints_max_age", age.as_secs_f64());
        }
        if let Some(bytes) = kept.max_bytes {
            settings = settings.with("checkpoints_max_bytes", bytes.as_u64());
        }
        Registry::builtin().create(&self.backend, &settings).await
    }
}

/// A store's name; a path begins at the current directory.
fn absolute(store: &str) -> String {
    let is_path = !store.is_empty() && !store.contains(':');
    match std::path::absolute(store) {
        Ok(path) if is_path => path.to_string_lossy().into_owned(),
        _ => store.to_owned(),
    }
}

/// Where to work; the same for every subcommand that works in a session.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where it runs")]
pub(crate) struct PlaceArgs {
    #[command(flatten)]
    backend: BackendArgs,

    /// Modules to import before the code runs, separated by commas
    #[arg(long, value_name = "MODULES", value_delimiter = ',')]
    preload: Vec<String>,

    /// Sets a variable of the code's environment; without `=VALUE`, passes on the one of this shell
    ///
    /// Without it the code sees a few harmless ones (HOME, LANG, PATH, TMPDIR, TZ …), and no secrets by accident.
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<String>,

    /// The directory in which the code runs [default: this one]
    #[arg(long, value_name = "DIR")]
    workdir: Option<String>,

    /// What comes back when the session's process dies: by a crash, or because it had to be killed
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    recovery: Recovery,

    /// The saved state with which the session begins: a checkpoint's name, its id, or the beginning of that
    #[arg(long, value_name = "WHICH")]
    from: Option<String>,
}

/// A session to work in, and what it stands on.
#[derive(Debug)]
pub(crate) struct Place {
    /// Declared first, so that it is dropped first.
    pub(crate) session: Session,
    pub(crate) sandbox: Sandbox,
}

impl PlaceArgs {
    /// What the backend is called.
    pub(crate) fn backend(&self) -> &str {
        self.backend.name()
    }

    /// The backend, as it was asked for.
    pub(crate) fn backend_args(&self) -> &BackendArgs {
        &self.backend
    }

    /// What is asked of a session.
    pub(crate) fn session_spec(&self) -> SessionSpec {
        SessionSpec::default().recovery(self.recovery.into())
    }

    /// The same, but that the session begins with a saved state.
    pub(crate) fn from(mut self, checkpoint: String) -> Self {
        self.from = Some(checkpoint);
        self
    }

    /// Makes the sandbox and opens the session. When the future is dropped nothing is left.
    pub(crate) async fn open(&self) -> Result<Place, Failure> {
        let spec = self.spec(|name| env::var_os(name))?;
        let backend = self.backend.make().await?;
        // Looked for first: without it nothing need be started.
        let from = match &self.from {
            Some(which) => Some(find(&backend, which).await?),
            None => None,
        };
        let sandbox = Sandbox::create(&backend, spec).await?;
        let session = match from {
            Some(checkpoint) => {
                let _waiting = Progress::waiting("restoring the saved state");
                sandbox.wake_with(&checkpoint, self.session_spec()).await?
            }
            None => sandbox.session_with(self.session_spec()).await?,
        };
        Ok(Place { session, sandbox })
    }

    /// What is asked of the sandbox.
    fn spec(&self, variable: impl Fn(&str) -> Option<OsString>) -> Result<SandboxSpec, Failure> {
        let preload = self.preload.iter().map(|module| module.trim()).filter(|module| !module.is_empty());
        let mut spec = SandboxSpec::builder().preload(preload);
        for pair in &self.env {
            spec = match pair.split_once('=') {
                Some((name, value)) => spec.env(name, value),
                None => spec.env(pair, passed_on(pair, variable(pair))?),
            };
        }
        // A person who runs a script expects its relative paths to mean what they mean here. Another machine has no such place.
        match &self.workdir {
            Some(workdir) => spec = spec.workdir(workdir),
            None if self.backend.name() == LOCAL => spec = spec.workdir("."),
            None => {}
        }
        Ok(spec.build().map_err(hibernaculum::Error::from)?)
    }
}

impl Place {
    /// Ends everything and waits until nothing is left.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        // The sandbox ends the session, too: one way instead of two.
        self.session.keep();
        Ok(self.sandbox.close().await?)
    }
}

fn passed_on(name: &str, value: Option<OsString>) -> Result<String, Failure> {
    let Some(value) = value else {
        return Err(Failure::new(
            Exit::USAGE,
            "env.unset",
            format!("there is no variable `{name}` to pass on"),
            "`--env NAME` passes on the variable of that name, and this shell has none",
            format!("export it first, or give it a value: --env {name}=VALUE"),
        ));
    };
    value.into_string().map_err(|_| {
        Failure::new(
            Exit::USAGE,
            "env.not_utf8",
            format!("the variable `{name}` cannot be passed on"),
            "its value is not UTF-8",
            format!("give it a value: --env {name}=VALUE"),
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        place: PlaceArgs,
    }

    fn spec(line: &[&str]) -> Result<SandboxSpec, Failure> {
        let words = std::iter::once("hib").chain(line.iter().copied());
        let host = |name: &str| (name == "TOKEN").then(|| OsString::from("s3cret"));
        Line::try_parse_from(words).unwrap().place.spec(host)
    }

    #[test]
    fn what_was_typed_is_what_is_asked_for() {
        let line = ["--preload", "json,numpy", "--preload", "os.path", "--env", "A=b=c", "--env", "TOKEN"];
        let spec = spec(&[&line[..], &["--workdir", "/srv"]].concat()).unwrap();
        assert_eq!(spec.preload, ["json", "numpy", "os.path"]);
        let env: Vec<_> = spec.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(env, [("A", "b=c"), ("TOKEN", "s3cret")]);
        assert_eq!(spec.workdir.as_deref(), Some("/srv"));
    }

    #[test]
    fn code_runs_here_unless_it_runs_elsewhere() {
        assert_eq!(spec(&["--backend", LOCAL]).unwrap().workdir.as_deref(), Some("."));
        assert_eq!(spec(&["--backend", "far"]).unwrap().workdir, None);
    }

    #[test]
    fn what_makes_no_sense_is_a_matter_of_usage() {
        for (line, code) in [
            (["--env", "NOWHERE"], "env.unset"),
            (["--env", "=x"], "config.invalid"),
            (["--preload", "os; import sys"], "config.invalid"),
            (["--workdir", ""], "config.invalid"),
        ] {
            let failure = spec(&line).expect_err("it makes no sense");
            let shown = format!("{failure:?}");
            assert!(shown.contains(code) && shown.contains("exit: Exit(2)"), "{line:?}: {shown}");
        }
    }
}
