//! Runs the real `hib`, bounded in time, and reads what it says.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::leash::{LIMIT, Leash};

/// A line of `hib`, to be run.
pub(crate) struct Hib {
    command: Command,
    stdin: Option<Vec<u8>>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `hib` with these arguments, without input, in the directory of the test.
pub(crate) fn hib<const N: usize>(args: [&str; N]) -> Hib {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hib"));
    // What somebody configured for themselves is no matter of a test.
    command.args(args).env_remove("HIBERNACULUM_BACKEND").env("HIBERNACULUM_CONFIG", "/dev/null");
    command.stdin(Stdio::null());
    Hib { command, stdin: None }
}

impl Hib {
    pub(crate) fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self.command.stdin(Stdio::piped());
        self
    }

    pub(crate) fn directory(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// The command itself, for what only one test needs.
    pub(crate) fn command(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    /// Starts it, its stdout and stderr in pipes.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if let Some(input) = self.stdin {
            let mut stdin = child.stdin.take().unwrap();
            // A program that does not read its input is no failure of the test.
            thread::spawn(move || drop(stdin.write_all(&input)));
        }
        Running { leash: Leash::on(&child), child, stdout: String::new(), held: None }
    }

    pub(crate) fn run(self) -> Ran {
        self.start().end()
    }
}

/// A `hib` that runs.
pub(crate) struct Running {
    /// For whoever reads what it writes.
    leash: Leash,
    child: Child,
    stdout: String,
    /// Open, and not read.
    held: Option<ChildStdout>,
}

impl Running {
    /// Reads stdout until this was written.
    pub(crate) fn until(mut self, text: &str) -> Self {
        let stdout = self.child.stdout.as_mut().unwrap();
        while !self.stdout.contains(text) {
            let mut byte = [0];
            assert_eq!(stdout.read(&mut byte).unwrap(), 1, "it ended; it had written: {}", self.stdout);
            self.stdout.push(char::from(byte[0]));
        }
        self
    }

    /// Reads exactly so many bytes of stdout, and forgets them.
    pub(crate) fn drain(mut self, bytes: u64) -> Self {
        let stdout = self.child.stdout.as_mut().unwrap();
        let came = std::io::copy(&mut stdout.take(bytes), &mut std::io::sink()).unwrap();
        assert_eq!(came, bytes, "it ended before that");
        self
    }

    /// Its number.
    #[cfg(feature = "docker")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it has had so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    pub(crate) fn signal(self, signal: Signal) -> Self {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self
    }

    /// Reads no more; whatever it writes from now on is refused.
    pub(crate) fn stop_reading(mut self) -> Self {
        drop(self.child.stdout.take());
        self
    }

    /// Reads no more, as a pager does that waits for its reader: the pipe fills up.
    pub(crate) fn hold(mut self) -> Self {
        self.held = self.child.stdout.take();
        self
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ran {
        let read = |pipe: Option<Box<dyn std::io::Read + Send>>| {
            thread::spawn(move || {
                let mut text = Vec::new();
                pipe.map(|mut pipe| pipe.read_to_end(&mut text)).transpose().unwrap();
                String::from_utf8(text).unwrap()
            })
        };
        let stdout = read(self.child.stdout.take().map(|pipe| Box::new(pipe) as _));
        let stderr = read(self.child.stderr.take().map(|pipe| Box::new(pipe) as _));
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                panic!(
                    "it did not end; stdout: {}\nstderr: {}",
                    stdout.join().unwrap(),
                    stderr.join().unwrap()
                );
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "there is no runtime here, and a child has no future"
            )]
            thread::sleep(Duration::from_millis(2));
        };
        drop(self.leash);
        self.stdout.push_str(&stdout.join().unwrap());
        Ran { code: status.code(), stdout: self.stdout, stderr: stderr.join().unwrap() }
    }
}

impl Ran {
    /// Exactly this, and nothing on stderr.
    #[track_caller]
    pub(crate) fn says(&self, code: i32, stdout: &str) {
        let expected = Ran { code: Some(code), stdout: stdout.to_owned(), stderr: String::new() };
        assert_eq!(self, &expected);
    }

    /// stderr without what Python versions draw under a line of source.
    pub(crate) fn traceback(&self) -> String {
        let drawn = |line: &&str| !line.trim().is_empty() && line.trim().chars().all(|c| "~^".contains(c));
        self.stderr.split_inclusive('\n').filter(|line| !drawn(line)).collect()
    }
}
