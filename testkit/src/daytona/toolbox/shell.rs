//! Process sessions: a shell each, which reads commands and keeps what they change of it.
//!
//! ```text
//!  exec ──"run this file, with these ends"──▶ shell's stdin
//!                                              │  . command  0<>input  >stdout  2>stderr
//!  logs ◀── stdout, stderr ◀───────────────────┤
//!  command ◀── exit ◀──────────────────────────┘  echo $? >exit
//! ```
//!
//! One command after another: a shell that waits for one reads no further. A command that ends the shell ends the session with it; its exit code is
//! the shell's.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStdin, Command};
use tokio::sync::watch;

use super::super::processes::Mark;
use super::super::sandbox::Sandbox;
use super::super::world::fresh_hex;

/// How often somebody who waits for a command's end looks.
const LOOK: Duration = Duration::from_millis(3);

/// The sessions of one sandbox.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<String, Arc<Session>>>);

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.lock().get(id).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Session>> {
        self.lock().values().cloned().collect()
    }

    /// Starts a shell, where none has this id.
    pub(super) fn create(&self, sandbox: &Sandbox, id: &str) -> std::io::Result<bool> {
        let mut sessions = self.lock();
        if sessions.contains_key(id) {
            return Ok(false);
        }
        sessions.insert(id.to_owned(), Arc::new(Session::start(sandbox, id)?));
        Ok(true)
    }

    pub(super) fn remove(&self, id: &str) -> Option<Arc<Session>> {
        self.lock().remove(id)
    }

    /// They end with the sandbox.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }
}

/// A command of a sandbox, ready to be started: its environment and directory, and a group of its own.
pub(super) fn command(sandbox: &Sandbox, program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", sandbox.home())
        .env("USER", "daytona")
        .env("SHELL", "/bin/bash")
        .env("LANG", "C.UTF-8")
        .env("DAYTONA_SANDBOX_ID", &sandbox.id)
        .envs(&sandbox.wanted.env)
        .current_dir(sandbox.home())
        .process_group(0);
    sandbox.mark.set(&mut command);
    command
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub id: String,
    pub mark: Mark,
    directory: PathBuf,
    stdin: tokio::sync::Mutex<ChildStdin>,
    commands: Mutex<Vec<Run>>,
    /// The shell's exit code, once it has ended.
    ended: watch::Receiver<Option<i32>>,
}

/// One command of a session.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub id: String,
    pub text: String,
    directory: PathBuf,
    /// Its stdin: what is written before the shell has opened it waits here.
    input: Arc<File>,
}

impl Session {
    fn start(sandbox: &Sandbox, id: &str) -> std::io::Result<Self> {
        let directory = sandbox.directory.join("sessions").join(fresh_hex(8));
        std::fs::create_dir_all(&directory)?;
        let mark = Mark::session(&sandbox.id, id);
        let mut shell = command(sandbox, "/bin/bash");
        mark.set(&mut shell);
        shell
            .args(["--noprofile", "--norc"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = shell.spawn()?;
        let stdin = child.stdin.take().ok_or_else(|| std::io::Error::other("a shell without stdin"))?;
        let (tell, ended) = watch::channel(None);
        tokio::spawn(async move {
            use std::os::unix::process::ExitStatusExt as _;
            let code = match child.wait().await {
                Ok(status) => status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1),
                Err(_) => -1,
            };
            tell.send_replace(Some(code));
        });
        Ok(Self {
            id: id.to_owned(),
            mark,
            directory,
            stdin: tokio::sync::Mutex::new(stdin),
            commands: Mutex::default(),
            ended,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Run>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn commands(&self) -> Vec<Run> {
        self.lock().clone()
    }

    pub(super) fn find(&self, command: &str) -> Option<Run> {
        self.lock().iter().find(|run| run.id == command).cloned()
    }

    /// Gives the shell a command.
    pub(super) async fn run(&self, text: &str) -> std::io::Result<Run> {
        let id = fresh_hex(8);
        let directory = self.directory.join(&id);
        tokio::fs::create_dir(&directory).await?;
        tokio::fs::write(directory.join("command"), format!("{text}\n")).await?;
        tokio::fs::write(directory.join("stdout"), "").await?;
        tokio::fs::write(directory.join("stderr"), "").await?;
        let pipe = directory.join("input");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        // Open for both, a pipe that nobody reads does not hold the opener; and what is in it stays while one has it open.
        let both = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let input = Arc::new(File::from(open(&pipe, both, Mode::empty())?));
        let run = Run { id, text: text.to_owned(), directory, input };
        self.lock().push(run.clone());
        let at = run.directory.display();
        // The number's line feed tells that it is whole.
        let line = format!(
            ". '{at}/command' 0<>'{at}/input' >>'{at}/stdout' 2>>'{at}/stderr'; printf '%s\\n' \"$?\" >'{at}/exit'\n"
        );
        self.stdin.lock().await.write_all(line.as_bytes()).await?;
        Ok(run)
    }

    /// The command's exit code, if it has ended.
    pub(super) fn exit_code(&self, run: &Run) -> Option<i32> {
        // First whether the shell is gone: it writes the code before it goes.
        let ended = *self.ended.borrow();
        let told = std::fs::read_to_string(run.directory.join("exit")).ok();
        let code = told.and_then(|told| told.strip_suffix('\n')?.parse().ok());
        code.or(ended)
    }

    /// Waits for a command's end.
    pub(super) async fn end_of(&self, run: &Run) -> i32 {
        loop {
            if let Some(code) = self.exit_code(run) {
                return code;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Run {
    pub(super) fn stdout(&self) -> PathBuf {
        self.directory.join("stdout")
    }

    pub(super) fn stderr(&self) -> PathBuf {
        self.directory.join("stderr")
    }

    /// Writes into the command's stdin; an error where it does not take so much.
    pub(super) fn send(&self, data: &str) -> std::io::Result<()> {
        (&*self.input).write_all(data.as_bytes())
    }
}

/// What was written to a file, as text.
pub(super) async fn text(path: &Path) -> String {
    let bytes = tokio::fs::read(path).await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
