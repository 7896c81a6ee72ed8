//! Starting a sandbox's first process, waiting until it is ready, and telling why it is not.
//!
//! ```text
//!  spawn ──▶ boot message to stdin ──▶ "hibernaculum-ready {…}" on stdout ──▶ a place; stdin is kept: its end is the sandbox's
//!                    │
//!                    └─ it failed, ended, or took too long ──▶ everything is ended ──▶ the error, with the last words of stderr
//! ```

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hibernaculum_core::{Error, SandboxError};
use hibernaculum_engine::Tail;
use hibernaculum_engine::boot::{Ready, STAGE0, wait_ready};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::ending::{Ending, GRACE_UNREADY};

/// How long a process that failed may take until its last words and its exit are seen.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// How often its exit is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(2);

/// Starts `python -I -c STAGE0` with the three pipes of the boot, in a process group of its own. Descriptors of the host stay behind: the standard
/// library opens its own close-on-exec.
pub(crate) fn spawn(
    python: &Path,
    workdir: &str,
    environment: &BTreeMap<OsString, OsString>,
) -> io::Result<Child> {
    Command::new(python)
        .args(["-I", "-c", STAGE0])
        .current_dir(workdir)
        .env_clear()
        .envs(environment)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// The pipes of a process that was started by [`spawn`].
pub(crate) struct Pipes {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: ChildStderr,
}

impl Pipes {
    /// Takes them from the child.
    pub(crate) fn take(child: &mut Child) -> io::Result<Self> {
        let missing = || io::Error::other("a pipe of the first process is missing");
        Ok(Self {
            stdin: ChildStdin::from_std(child.stdin.take().ok_or_else(missing)?)?,
            stdout: BufReader::new(ChildStdout::from_std(child.stdout.take().ok_or_else(missing)?)?),
            stderr: ChildStderr::from_std(child.stderr.take().ok_or_else(missing)?)?,
        })
    }
}

/// Boots a started process. Where that fails, what was started is ended before the error is given.
///
/// Cancel safe: `ending` is dropped with the future, and ends what was started.
pub(crate) async fn boot(
    pipes: Pipes,
    message: &[u8],
    limit: Duration,
    ending: Ending,
) -> Result<(Ready, Ending), Error> {
    let Pipes { mut stdin, mut stdout, stderr } = pipes;
    let tail = Tail::default();
    // It reads until the last process of the sandbox has closed its stderr, which the ending sees to.
    let follower = tokio::spawn(tail.clone().follow(stderr));
    let ready = async {
        // A process that ends before it reads everything says why on its stderr; the broken pipe says less.
        let _ = stdin.write_all(message).await;
        wait_ready(&mut stdout).await
    };
    let error = match timeout(limit, ready).await {
        Ok(Ok(ready)) => match stdin.into_owned_fd() {
            Ok(lifeline) => {
                ending.hold(lifeline);
                return Ok((ready, ending));
            }
            Err(error) => failed("its stdin cannot be kept", error).into(),
        },
        Ok(Err(error)) => explain(error, &ending, follower, &tail).await,
        Err(_) => {
            let after_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            SandboxError::StartTimeout { after_ms, stderr: tail.shown() }.into()
        }
    };
    ending.begin(GRACE_UNREADY);
    ending.over().await;
    Err(error)
}

/// A start that failed with an error of the operating system.
pub(crate) fn failed(step: &str, source: io::Error) -> SandboxError {
    SandboxError::Start { problem: format!("{step}: {source}"), source: Some(source.into()) }
}

/// Adds to an error what only the host can know: how the process ended, and what it said last.
async fn explain(error: Error, ending: &Ending, mut follower: JoinHandle<()>, tail: &Tail) -> Error {
    let Error::Sandbox(SandboxError::Start { mut problem, source }) = error else { return error };
    let _ = timeout(LAST_WORDS, &mut follower).await;
    if let Ok(status) = timeout(LAST_WORDS, exit(ending)).await {
        problem.push_str("; Python ended with ");
        problem.push_str(&status.to_string());
    }
    let words = tail.shown();
    if !words.is_empty() {
        problem.push_str("; it said: ");
        problem.push_str(&words);
    }
    SandboxError::Start { problem, source }.into()
}

async fn exit(ending: &Ending) -> std::process::ExitStatus {
    loop {
        if let Some(status) = ending.exit_status() {
            return status;
        }
        sleep(LOOK).await;
    }
}
