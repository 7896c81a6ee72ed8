//! Sessions through commands that give one stdio stream each, as `ssh host` or `docker exec` would: stage 0 and the relay, by the public SPI alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use hibernaculum_core::{
    Backend, Error, EventKind, ExecutionRequest, Feature, Features, NetworkPolicy, Sandbox, SandboxError,
    SandboxSpec, StdinPolicy, TransportError,
};
use hibernaculum_engine::boot::{BootPlace, skip_preamble, wait_ready};
use hibernaculum_engine::{Boot, ByteStream, Engine, Place, Provider, Ready, Role, STAGE0};
use tempfile::TempDir;
use tokio::io::{AsyncWriteExt, BufReader, join};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;

/// Runs every command through `sh -c`, with nothing but its stdio.
struct Shell {
    python: PathBuf,
}

struct ShellPlace {
    python: PathBuf,
    directory: TempDir,
    ready: Ready,
    workdir: String,
    /// The supervisor's command, and its stdin: its end ends the sandbox.
    running: Mutex<Option<(Child, ChildStdin)>>,
}

/// A command of the shell; arguments go in as `"$@"`, so that nothing needs quoting.
fn shell() -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$@\"", "sh"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command.kill_on_drop(true);
    command
}

fn broken(doing: &str, error: std::io::Error) -> Error {
    TransportError::Broken { doing: doing.to_owned(), source: Some(error.into()) }.into()
}

impl Provider for Shell {
    type Place = ShellPlace;

    fn features(&self) -> Features {
        let features = [Feature::Interrupt, Feature::Input, Feature::Attach, Feature::Preload];
        Features::new("shell", NetworkPolicy::Full).with(features)
    }

    async fn start(&self, spec: &SandboxSpec, boot: &Boot) -> Result<ShellPlace, Error> {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let (socket, workdir, runner_dir) = (path("s"), path("work"), path("runner"));
        std::fs::create_dir(&workdir).unwrap();
        let place = BootPlace {
            socket: &socket,
            workdir: &workdir,
            runner_dir: &runner_dir,
            bundle: true,
            remove: &[],
        };
        let failed = |error| SandboxError::Start { problem: "no shell".to_owned(), source: Some(error) };
        let mut child = shell()
            .arg(&self.python)
            .args(["-I", "-c", STAGE0])
            .spawn()
            .map_err(|error| failed(error.into()))?;
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&boot.stdin(spec, &place)).await.map_err(|error| failed(error.into()))?;
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let ready = wait_ready(&mut stdout).await?;
        Ok(ShellPlace {
            python: self.python.clone(),
            directory,
            ready,
            workdir,
            running: Mutex::new(Some((child, stdin))),
        })
    }
}

impl Place for ShellPlace {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn workdir(&self) -> &str {
        &self.workdir
    }

    async fn connect(&self, _role: Role) -> Result<Box<dyn ByteStream>, Error> {
        let mut child = shell()
            .arg(&self.python)
            .args(["-I", "-S"])
            .arg(self.directory.path().join("runner/hibernaculum_runner/relay.py"))
            .arg(self.directory.path().join("s"))
            .kill_on_drop(false)
            .spawn()
            .map_err(|error| broken("starting the relay", error))?;
        let mut stdout = child.stdout.take().unwrap();
        skip_preamble(&mut stdout).await?;
        let stream = join(stdout, child.stdin.take().unwrap());
        // The relay ends with its stream; somebody has to take note.
        tokio::spawn(async move { child.wait().await });
        Ok(Box::new(stream))
    }

    async fn stop(&self) {
        if let Some((mut child, stdin)) = self.running.lock().await.take() {
            drop(stdin);
            let _ = child.wait().await;
        }
    }

    async fn kill(&self) {
        self.stop().await;
    }
}

fn python() -> PathBuf {
    let name = std::env::var("HIBERNACULUM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let asked =
        std::process::Command::new(name).args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    PathBuf::from(String::from_utf8(asked.stdout).unwrap().trim())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_run_through_commands_that_give_one_stream_each() {
    let backend: Arc<dyn Backend> = Arc::new(Engine::new(Shell { python: python() }).unwrap());
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    session.execute("x = 41").await.unwrap();
    let result = session.execute("print('through the relay'); x + 1").await.unwrap();
    assert_eq!(result.value().map(|value| value.repr.as_str()), Some("42"));
    assert_eq!(result.stdout, "through the relay\n");

    // Megabytes both ways, and a question in between.
    let request = ExecutionRequest::new(format!(
        "text = {:?}\nname = input('who? ')\nprint(text)",
        "ab".repeat(1 << 20)
    ));
    let mut asking = session.start(request.stdin(StdinPolicy::Ask)).await.unwrap();
    let mut printed = 0;
    while let Some(event) = asking.next().await {
        match event.kind {
            EventKind::InputRequest { token, .. } => session.answer(&token, "the shell").await.unwrap(),
            EventKind::Output { text, .. } => printed += text.len(),
            EventKind::Finished(outcome) => assert_eq!(outcome.error, None),
            _ => {}
        }
    }
    assert_eq!(printed, (2 << 20) + 1);
    assert_eq!(
        session.execute("name").await.unwrap().value().map(|value| value.repr.as_str()),
        Some("'the shell'")
    );

    session.close().await.unwrap();
    sandbox.close().await.unwrap();
}
