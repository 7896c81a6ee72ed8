//! Running a program of this machine to see what it says, bounded in time.

use std::ffi::OsStr;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

/// How long a program may take.
pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// How much of what it says is read.
const SAID: u64 = 16 * 1024;

/// What a program said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Said {
    /// The last line of its complaint.
    pub(super) fn complaint(&self) -> String {
        let line = self.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let line: String = line.trim().chars().filter(|c| !c.is_control()).take(200).collect();
        if line.is_empty() { self.status.to_string() } else { line }
    }
}

/// Runs the program. One that takes too long is ended, with its children, and told as [`io::ErrorKind::TimedOut`].
pub(super) async fn ask<const N: usize>(
    program: impl AsRef<OsStr>,
    args: [&str; N],
    limit: Duration,
) -> io::Result<Said> {
    let mut command = Command::new(program);
    command.args(args).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let leader = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let said = async { tokio::join!(read(stdout), read(stderr), child.wait()) };
    if let Ok((stdout, stderr, status)) = tokio::time::timeout(limit, said).await {
        return Ok(Said { status: status?, stdout, stderr });
    }
    // The leader is not reaped yet, so its number is still its own.
    let _ = leader.map(|leader| kill_process_group(leader, Signal::KILL));
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs_f32())))
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What cannot be read is as good as not said.
        let _ = stream.take(SAID).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_is_asked_and_its_complaint_is_one_line() {
        let said =
            ask("sh", ["-c", "echo hello; echo a >&2; echo 'b\x1b[1m' >&2; exit 3"], LIMIT).await.unwrap();
        assert_eq!((said.stdout.as_str(), said.complaint().as_str()), ("hello\n", "b[1m"));
        assert_eq!(ask("sh", ["-c", "exit 3"], LIMIT).await.unwrap().complaint(), "exit status: 3");
    }

    #[tokio::test]
    async fn one_that_hangs_or_is_not_there_is_an_error() {
        let hangs = ask("sh", ["-c", "sleep 600 & wait"], Duration::from_millis(100)).await;
        assert_eq!(hangs.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(ask("/nonexistent", [], LIMIT).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
