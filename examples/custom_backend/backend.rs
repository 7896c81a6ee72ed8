//! Sandboxes wherever a command line reaches: one stdio stream per command is all that this backend needs of a place.
//!
//! ```text
//!  start    COMMAND 'python3 -c PREPARE'   stdin: orders, boot message … and then its end ends the sandbox
//!                                          stdout: … "hibernaculum-ready {…}"
//!  connect  COMMAND 'python3 relay.py'     stdin and stdout: one byte stream to the sandbox's supervisor
//! ```
//!
//! `COMMAND` takes a line for a shell as its last argument, as `ssh host` and `sh -c` do.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use hibernaculum::engine::boot::{skip_preamble, wait_ready};
use hibernaculum::engine::{
    Boot, BootPlace, ByteStream, Place, Provider, RUNNER_FEATURES, Ready, Role, STAGE0,
};
use hibernaculum::{
    Error, Features, Isolation, LimitKind, NetworkPolicy, SandboxError, SandboxSpec, Source, TransportError,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, join};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long a sandbox may take to start.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// How long it may take to end in order, before the command is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a command that failed may take to say why, and how much of it is told.
const LAST_WORDS: (Duration, u64) = (Duration::from_millis(300), 4096);

/// Becomes stage 0 in a directory and an environment that come on stdin: in its arguments, everybody on that machine could read them.
const PREPARE: &str = r#"
import json, os, sys
line = b""
while not line.endswith(b"\n"):
    line += os.read(0, 1) or sys.exit("no orders on stdin")
orders = json.loads(line.decode())
os.mkdir(orders["home"], 0o700)
try:
    if orders["own"]:
        os.mkdir(orders["workdir"], 0o700)
    os.chdir(orders["workdir"])
except OSError as error:
    os.rmdir(orders["home"])
    sys.exit("its working directory: %s" % error)
passed = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "TMPDIR", "TZ")
env = dict({name: os.environ[name] for name in passed if name in os.environ}, **orders["env"])
os.execve(sys.executable, [sys.executable, "-I", "-c", orders["stage0"]], env)
"#;

/// Starts sandboxes through a command.
#[derive(Debug, Clone)]
pub(crate) struct CommandProvider {
    command: Vec<String>,
    python: String,
}

/// One sandbox: the command that runs it, and where its things lie over there.
#[derive(Debug)]
pub(crate) struct CommandPlace {
    provider: CommandProvider,
    ready: Ready,
    home: String,
    workdir: String,
    /// Taken by whoever ends the sandbox first; the others wait for the lock.
    running: Mutex<Option<(Child, ChildStdin)>>,
}

impl CommandProvider {
    /// `command` is a program and its first arguments; `python` is what Python is called over there.
    pub(crate) fn new<W: Into<String>>(
        command: impl IntoIterator<Item = W>,
        python: impl Into<String>,
    ) -> Self {
        Self { command: command.into_iter().map(Into::into).collect(), python: python.into() }
    }

    /// Runs Python with these arguments over there.
    fn python(&self, arguments: &[&str]) -> io::Result<Child> {
        let (program, first) = self.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let words = [self.python.as_str()].into_iter().chain(arguments.iter().copied()).map(quoted);
        Command::new(program)
            .args(first)
            .arg(format!("exec {}", words.collect::<Vec<_>>().join(" ")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C at this terminal is for this program to answer.
            .process_group(0)
            .spawn()
    }
}

impl Provider for CommandProvider {
    type Place = CommandPlace;

    /// Only what the runner does by itself, wherever it runs.
    fn features(&self) -> Features {
        use LimitKind::{ProcessCpuTime, ProcessFileSize, ProcessMemory, ProcessOpenFiles};
        Features::new("command", NetworkPolicy::Full)
            .with(RUNNER_FEATURES)
            .with_limits([ProcessMemory, ProcessCpuTime, ProcessOpenFiles, ProcessFileSize])
            .with_isolation([Isolation::Trusted])
    }

    async fn start(&self, spec: &SandboxSpec, boot: &Boot) -> Result<CommandPlace, Error> {
        let home = format!("/tmp/hibernaculum-{}", boot.sandbox);
        let workdir = spec.workdir.clone().unwrap_or_else(|| format!("{home}/work"));
        let mut env = spec.env.clone();
        env.insert("HIBERNACULUM_SANDBOX".to_owned(), boot.sandbox.to_string());
        let orders = serde_json::json!({
            "home": home, "workdir": workdir, "own": spec.workdir.is_none(), "env": env, "stage0": STAGE0,
        });
        let place = BootPlace {
            socket: &format!("{home}/s"),
            workdir: &workdir,
            runner_dir: &format!("{home}/runner"),
            bundle: true,
            remove: &[&home],
            tunnel: None,
        };
        let message = [orders.to_string().as_bytes(), b"\n", &boot.stdin(spec, &place)].concat();

        let mut child = self.python(&["-I", "-c", PREPARE]).map_err(not_started)?;
        let (mut stdin, stdout, stderr) = pipes(&mut child).map_err(not_started)?;
        let ready = async {
            // A command that reads no more says why on its stderr.
            let _ = stdin.write_all(&message).await;
            wait_ready(&mut BufReader::new(stdout)).await
        };
        // Where this fails, or is given up, `stdin` is dropped: that ends whatever has been started over there.
        match timeout(START_TIMEOUT, ready).await {
            Ok(Ok(ready)) => {
                tokio::spawn(discard(stderr));
                let running = Mutex::new(Some((child, stdin)));
                Ok(CommandPlace { provider: self.clone(), ready, home, workdir, running })
            }
            Ok(Err(error)) => Err(explained(error, stderr).await),
            Err(_) => {
                let after_ms = u64::try_from(START_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
                Err(SandboxError::StartTimeout { after_ms, stderr: last_words(stderr).await }.into())
            }
        }
    }
}

impl Place for CommandPlace {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn workdir(&self) -> &str {
        &self.workdir
    }

    async fn connect(&self, _role: Role) -> Result<Box<dyn ByteStream>, Error> {
        let relay = format!("{}/runner/hibernaculum_runner/relay.py", self.home);
        let socket = format!("{}/s", self.home);
        let mut child = self.provider.python(&["-I", "-S", &relay, &socket]).map_err(broken)?;
        let (stdin, mut stdout, stderr) = pipes(&mut child).map_err(broken)?;
        skip_preamble(&mut stdout).await?;
        tokio::spawn(async move {
            // The relay ends with its stream; somebody has to take note.
            discard(stderr).await;
            child.wait().await
        });
        Ok(Box::new(join(stdout, stdin)))
    }

    async fn stop(&self) {
        let mut running = self.running.lock().await;
        if let Some((mut child, stdin)) = running.take() {
            // Over there, the keeper sees the end of its stdin, ends everything, and removes the directory.
            drop(stdin);
            if timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
                // All that can be done from here: the connection goes, and what hangs on it.
                let _ = child.kill().await;
            }
        }
    }

    async fn kill(&self) {
        self.stop().await;
    }
}

/// The pipes of a child that was started with them.
fn pipes(child: &mut Child) -> io::Result<(ChildStdin, tokio::process::ChildStdout, ChildStderr)> {
    let all = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
    all.map(|((stdin, stdout), stderr)| (stdin, stdout, stderr))
        .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
}

/// A word as a shell takes it for itself.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

async fn discard(mut stream: ChildStderr) {
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

/// What a command that failed says of it: `ssh: connect to host …`.
async fn last_words(stderr: ChildStderr) -> String {
    let (patience, limit) = LAST_WORDS;
    let mut said = Vec::new();
    let _ = timeout(patience, stderr.take(limit).read_to_end(&mut said)).await;
    String::from_utf8_lossy(&said).trim().to_owned()
}

async fn explained(error: Error, stderr: ChildStderr) -> Error {
    let said = last_words(stderr).await;
    match error {
        Error::Sandbox(SandboxError::Start { problem, source }) if !said.is_empty() => {
            SandboxError::Start { problem: format!("{problem}; it said: {said}"), source }.into()
        }
        other => other,
    }
}

fn not_started(error: io::Error) -> Error {
    let problem = format!("its command cannot be run: {error}");
    SandboxError::Start { problem, source: Some(Source::new(error)) }.into()
}

fn broken(error: io::Error) -> Error {
    TransportError::Broken { doing: "starting a relay".to_owned(), source: Some(Source::new(error)) }.into()
}
