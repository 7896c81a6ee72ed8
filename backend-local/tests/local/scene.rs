//! What the tests share: a state directory of their own, executables that pretend to be Python, and an eye on processes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hibernaculum_backend_local::{LocalBackend, LocalBackendBuilder};
use hibernaculum_core::{Backend, Error, ExecutionResult, Sandbox, SandboxSpec, SandboxSpecBuilder, Session};

/// How long anything may take on a machine that is busy with everything else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// By which the processes of one test are found.
pub(crate) const MARK: &str = "HIBERNACULUM_TEST_SCENE";

/// One test's surroundings, removed with it.
pub(crate) struct Scene {
    directory: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        // Not TMPDIR: it may be too long for sockets.
        Self { directory: tempfile::tempdir_in("/tmp").unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub(crate) fn builder(&self) -> LocalBackendBuilder {
        LocalBackend::builder().state_dir(self.state())
    }

    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        self.builder().build().unwrap()
    }

    /// A spec whose processes [`Scene::processes`] finds.
    pub(crate) fn spec(&self) -> SandboxSpecBuilder {
        SandboxSpec::builder().env(MARK, self.mark())
    }

    pub(crate) fn mark(&self) -> &str {
        self.path().to_str().unwrap()
    }

    pub(crate) async fn sandbox(&self, backend: &Arc<dyn Backend>) -> Sandbox {
        Sandbox::create(backend, self.spec().build().unwrap()).await.unwrap()
    }

    /// An executable that says that it is a fit Python, and then does what `script` says.
    pub(crate) fn fake_python(&self, script: &str) -> PathBuf {
        let answer = "cpython\\n3.11.7";
        self.script(&format!(
            "case \"$*\" in *hibernaculum-python*) printf 'hibernaculum-python\\n{answer}\\n%s\\n' \"$0\"; exit;; esac\n{script}"
        ))
    }

    /// An executable script.
    pub(crate) fn script(&self, text: &str) -> PathBuf {
        let path = self.path().join("python");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The living processes of this test's sandboxes, described.
    pub(crate) fn processes(&self) -> Vec<(i32, String)> {
        let mark = format!("{MARK}={}", self.mark()).into_bytes();
        let names =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        names
            .filter_map(|name| name.parse().ok())
            .filter(|pid| {
                let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                environment.split(|&byte| byte == 0).any(|variable| variable == mark) && is_alive(*pid)
            })
            .map(|pid| (pid, described(pid)))
            .collect()
    }

    /// Waits until no process of this test is left.
    pub(crate) async fn until_deserted(&self) {
        until("no process is left", || {
            let left = self.processes();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
    }

    /// Waits until nothing but the runner's files lies in the state directory, and nobody listens below it.
    pub(crate) async fn until_tidy(&self) {
        until("no file is left", || {
            let left = self.hosts();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
        assert!(self.sockets().is_empty(), "{:?}", self.sockets());
    }

    /// The directories of sandboxes.
    pub(crate) fn sandbox_directories(&self) -> Vec<PathBuf> {
        let inside =
            |host: PathBuf| fs::read_dir(host).into_iter().flatten().flatten().map(|entry| entry.path());
        self.hosts().into_iter().flat_map(inside).collect()
    }

    /// The directories of hosts, dead or alive. What outlives them is none: the runner's files, the checkpoint store.
    pub(crate) fn hosts(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.state()).into_iter().flatten().map(|entry| entry.unwrap().path());
        let is_shared = |name: &str| name.starts_with("runner-") || name == "checkpoints";
        entries.filter(|path| !is_shared(path.file_name().unwrap().to_str().unwrap())).collect()
    }

    /// The unix sockets that somebody has bound below this test's directory.
    pub(crate) fn sockets(&self) -> Vec<String> {
        let all = fs::read_to_string("/proc/net/unix").unwrap();
        all.lines().filter(|line| line.contains(self.mark())).map(str::to_owned).collect()
    }
}

/// Name, state and parent: what helps to see why a process is left.
fn described(pid: i32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.split(' ').skip(1).take(3).collect::<Vec<_>>().join(" ")
}

/// Whether a process runs; one that only waits to be reaped does not.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Waits until a look at the outside world finds what it should; there is no event for what others' processes do.
pub(crate) async fn until(what: &str, look: impl Fn() -> Result<(), String>) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(found) = look() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}: {found}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Awaits, but not for ever.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it takes too long")
}

/// Runs code that must run to its end.
pub(crate) async fn run(session: &Session, code: &str) -> ExecutionResult {
    let result = within(session.execute(code)).await.unwrap();
    assert!(result.is_completed(), "{:?}", result.error());
    result
}

/// The value of an expression, as JSON.
pub(crate) async fn value(session: &Session, code: &str) -> serde_json::Value {
    run(session, code).await.json().cloned().unwrap_or_default()
}

/// The error with which a sandbox does not start.
pub(crate) async fn refused(backend: &Arc<dyn Backend>, spec: SandboxSpec) -> Error {
    within(Sandbox::create(backend, spec)).await.expect_err("the sandbox started")
}
