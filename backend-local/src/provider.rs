//! How sandboxes are started on this machine.
//!
//! ```text
//!  find Python (once) ─▶ look the runner's files over ─▶ make the sandbox's directory ─▶ spawn ─▶ boot ─▶ LocalPlace
//! ```

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{ConfigError, Error, Features, SandboxError, SandboxSpec};
use hibernaculum_engine::{Boot, BootPlace, Provider};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::directory::make_private;
use crate::ending::{Ending, Remains};
use crate::environment;
use crate::home::Home;
use crate::launch::{Pipes, boot as boot_up, failed, spawn};
use crate::place::LocalPlace;
use crate::python::Search;
use crate::runner_files::RunnerFiles;

/// Starts sandboxes on this machine: what [`crate::LocalBackend`] gives to the engine. For those who put an engine together themselves.
///
/// Dropping the provider and all its places waits, for at most 10 s, until everything that they started has ended.
pub struct LocalProvider {
    pub(crate) search: Search,
    pub(crate) python: OnceCell<PathBuf>,
    pub(crate) runner: Arc<RunnerFiles>,
    pub(crate) home: Arc<Home>,
    pub(crate) start_timeout: Duration,
    pub(crate) env_pass: Vec<String>,
    pub(crate) features: Features,
}

/// Where one sandbox's things lie; UTF-8, because the boot message is.
struct Layout {
    directory: PathBuf,
    socket: String,
    workdir: String,
    runner: String,
}

impl Provider for LocalProvider {
    type Place = LocalPlace;

    fn features(&self) -> Features {
        self.features.clone()
    }

    async fn start(&self, spec: &SandboxSpec, boot: &Boot) -> Result<LocalPlace, Error> {
        let named = spec.workdir.as_deref().map(named_workdir).transpose()?;
        let python = self.python.get_or_try_init(|| self.search.find()).await?.clone();
        let environment =
            environment::of_sandbox(std::env::vars_os(), &self.env_pass, &spec.env, &boot.sandbox);
        let (home, runner, sandbox) = (Arc::clone(&self.home), Arc::clone(&self.runner), boot.sandbox);
        // Half a dozen system calls, but on a disk that may be slow. A future that is dropped meanwhile leaves a result that nobody takes, and
        // dropping that ends what was started.
        let started = spawn_blocking(move || {
            let layout = lay_out(&home, &runner, named)?;
            let child = spawn(&python, &layout.workdir, &environment).map_err(|error| {
                let _ = std::fs::remove_dir_all(&layout.directory);
                failed(&format!("`{}` cannot be run", python.display()), error)
            })?;
            let directory = layout.directory.clone();
            let remains = Remains { sandbox, child, lifeline: None, directory };
            Ok::<_, Error>((Ending::new(remains, home), layout))
        });
        let (ending, layout) = started.await.map_err(|error| SandboxError::Start {
            problem: "the runtime is shutting down".to_owned(),
            source: Some(error.into()),
        })??;
        let pipes =
            ending.with_child(Pipes::take).map_err(|error| failed("its pipes cannot be used", error))?;
        let message = boot.stdin(
            spec,
            &BootPlace {
                socket: &layout.socket,
                workdir: &layout.workdir,
                runner_dir: &layout.runner,
                bundle: false,
                remove: &[&text(&layout.directory)?],
                tunnel: None,
            },
        );
        let booted = boot_up(pipes, &message, self.start_timeout, ending).await;
        let (ready, ending) = booted.inspect_err(|_| self.runner.forget_bytecode())?;
        Ok(LocalPlace { ready, workdir: layout.workdir, socket: layout.socket.into(), ending })
    }
}

/// Makes the directories of one sandbox.
fn lay_out(home: &Home, runner: &RunnerFiles, named: Option<String>) -> Result<Layout, Error> {
    let runner = runner.directory().map_err(|error| failed("the runner's files cannot be written", error))?;
    let runner = text(runner)?;
    let made = home.make_sandbox_directory();
    let directory = made.map_err(|error| failed("its directory cannot be made", error))?;
    let workdir = if let Some(workdir) = named {
        workdir
    } else {
        let own = directory.join("work");
        make_private(&own).map_err(|error| failed("its working directory cannot be made", error))?;
        text(&own)?
    };
    Ok(Layout { socket: text(&directory.join("s"))?, workdir, runner, directory })
}

/// A working directory that the spec names, in full.
fn named_workdir(path: &str) -> Result<String, Error> {
    let refused = |rule: String| ConfigError::Invalid {
        field: "workdir".to_owned(),
        value: path.chars().take(200).flat_map(char::escape_debug).collect(),
        rule,
    };
    let full = std::fs::canonicalize(path)
        .map_err(|error| refused(format!("must be a directory that exists ({error})")))?;
    if !full.is_dir() {
        return Err(refused("must be a directory".to_owned()).into());
    }
    Ok(text(&full)?)
}

fn text(path: &Path) -> Result<String, ConfigError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ConfigError::Invalid {
        field: "workdir".to_owned(),
        value: path.to_string_lossy().into_owned(),
        rule: "must be UTF-8".to_owned(),
    })
}

impl fmt::Debug for LocalProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalProvider")
            .field("python", &self.python.get())
            .field("start_timeout", &self.start_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_working_directory_that_is_none_is_refused_by_field() {
        let scene = tempfile::tempdir().unwrap();
        let file = scene.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [file.to_str().unwrap(), "/nonexistent/directory"] {
            let error = named_workdir(path).unwrap_err();
            assert_eq!(error.code(), "config.invalid");
            assert!(error.to_string().contains("`workdir`"), "{error}");
        }
        let full = named_workdir(scene.path().join(".").to_str().unwrap()).unwrap();
        assert_eq!(Path::new(&full), scene.path().canonicalize().unwrap());
    }
}
