//! Ends a program that does not end by itself: what waits for it then fails, and says what it has seen.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A hang is a failure, not a mystery.
pub(crate) const LIMIT: Duration = Duration::from_mins(3);

/// While it is held, a program has so much time and no more.
pub(crate) struct Leash {
    _held: SyncSender<()>,
}

impl Leash {
    pub(crate) fn on(child: &Child) -> Self {
        Self::ending(Pid::from_child(child), kill_process)
    }

    fn ending(pid: Pid, kill: fn(Pid, Signal) -> rustix::io::Result<()>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "there is no runtime here")]
        let (held, let_go) = mpsc::sync_channel(0);
        thread::spawn(move || {
            if let_go.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                // It may have ended a moment ago.
                let _ = kill(pid, Signal::KILL);
            }
        });
        Self { _held: held }
    }
}

/// Runs a program to its end.
pub(crate) fn output(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _leash = Leash::on(&child);
    child.wait_with_output().unwrap()
}

/// Runs a program to its end, with all that it starts: where the time is up, nothing of it is left that would hold its output open.
pub(crate) fn output_of_all(command: &mut Command) -> Output {
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let _leash = Leash::ending(Pid::from_child(&child), kill_process_group);
    child.wait_with_output().unwrap()
}

/// Writes a program. Another one does: while a file is open here for writing, a child that another test starts may hold it too, and then nobody may run it.
pub(crate) fn write_program(path: &Path, text: &str) {
    let mut shell = Command::new("sh")
        .args(["-c", "cat >\"$0\" && chmod 700 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
}
