//! Drives `floor.py`: a bare Python process that does the least that a job takes.
//!
//! ```text
//!  Floor ── listens on a unix socket ◀── connects ── python3 -c FLOOR.PY MODE SOCKET
//!        ── {"id", …} ──▶                 frames: 4 bytes of length, big endian, then JSON
//!        ◀── {"id", "value"} ──
//! ```
//!
//! Blocking on purpose: a floor has no runtime to pay for. Nothing but the standard library, rustix and `serde_json` is needed.

use std::io::{self, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How long anything may take. A floor that is slower than this is no floor.
const PATIENCE: Duration = Duration::from_secs(30);
/// An interrupt that has no answer after so long was missed.
const MISSED: Duration = Duration::from_secs(2);
/// How long the process may take from a request to the middle of its sleep or loop. It does not say when it is there.
const SETTLING: Duration = Duration::from_millis(3);

/// `floor.py`, as it came. Python takes it by `-c`, so that nothing of it has to lie on a disk.
pub(crate) const SCRIPT: &str = include_str!("../floor.py");

/// What the process does with a request.
#[derive(Debug, Clone, Copy)]
pub enum Mode<'a> {
    /// It evaluates the request's `code`, and answers with the `repr`.
    Roundtrip,
    /// It sleeps, or spins if the request is `busy`, until an interrupt, and answers then.
    Interrupt,
    /// It has imported these modules (separated by commas), forks, and the child answers.
    Fork(&'a str),
    /// The same, of a module with this source.
    ForkWith(&'a str),
}

/// A process that runs `floor.py`, connected.
#[derive(Debug)]
pub struct Floor {
    python: PathBuf,
    /// None: it is somebody else's, in a container.
    process: Option<Process>,
    stream: BufReader<UnixStream>,
    last_id: u64,
    /// Where the module is that the process imports, after it has connected.
    _folder: Option<tempfile::TempDir>,
}

impl Floor {
    /// Starts it, and waits until it is connected.
    ///
    /// # Errors
    ///
    /// What the system says; [`io::ErrorKind::TimedOut`] where the process ends or stays silent.
    pub fn start(python: &Path, mode: Mode<'_>) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let socket = std::env::temp_dir().join(format!("hibernaculum-floor-{}-{number}", std::process::id()));
        let listener = UnixListener::bind(&socket)?;
        let mut command = Command::new(python);
        command.args(["-c", SCRIPT]);
        let mut folder = None;
        match mode {
            Mode::Roundtrip => command.arg("roundtrip").arg(&socket),
            Mode::Interrupt => command.arg("interrupt").arg(&socket),
            Mode::Fork(modules) => command.arg("fork").arg(&socket).arg(modules),
            Mode::ForkWith(source) => {
                let place = tempfile::tempdir()?;
                std::fs::write(place.path().join("hibernaculum_floor.py"), source)?;
                command.env("PYTHONPATH", place.path());
                folder = Some(place);
                command.arg("fork").arg(&socket).arg("hibernaculum_floor")
            }
        };
        if let Mode::Interrupt = mode {
            // A signal that comes at the wrong moment ends it with a traceback, which would only alarm: see `interrupt`.
            command.stderr(Stdio::null());
        }
        let connected = command.stdin(Stdio::null()).spawn().and_then(|child| {
            let mut process = Process(child);
            let stream = accept(&listener, || Ok(process.0.try_wait()?.is_some()))?;
            Ok((process, stream))
        });
        let _ = std::fs::remove_file(&socket);
        let (process, stream) = connected?;
        stream.set_read_timeout(Some(if let Mode::Interrupt = mode { MISSED } else { PATIENCE }))?;
        let stream = BufReader::new(stream);
        Ok(Self { python: python.to_owned(), process: Some(process), stream, last_id: 0, _folder: folder })
    }

    /// One that somebody else has started, and that connects to this socket.
    ///
    /// # Errors
    ///
    /// As [`Floor::start`].
    #[cfg(feature = "docker")]
    pub(crate) fn accepted(listener: &UnixListener) -> io::Result<Self> {
        let stream = accept(listener, || Ok(false))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let stream = BufReader::new(stream);
        Ok(Self { python: PathBuf::new(), process: None, stream, last_id: 0, _folder: None })
    }

    /// Has the code evaluated; gives the `repr` of its value. [`Mode::Roundtrip`] and [`Mode::Fork`].
    ///
    /// # Errors
    ///
    /// What the system says, and an answer that is none.
    pub fn ask(&mut self, code: &str) -> io::Result<String> {
        self.send(json!({ "code": code }))?;
        self.answer()
    }

    /// Has it sleep (or spin), interrupts it, and tells how long its answer took from the signal on. [`Mode::Interrupt`].
    ///
    /// On a busy machine the signal may be there before the request is, or come when the process is not prepared for it. That counts for nothing, and is
    /// tried again by a new process, with more patience.
    ///
    /// # Errors
    ///
    /// As [`Floor::ask`].
    pub fn interrupt(&mut self, busy: bool) -> io::Result<Duration> {
        let mut settling = SETTLING;
        loop {
            match self.try_interrupt(busy, settling) {
                Err(_) if settling < PATIENCE => {
                    settling *= 4;
                    *self = Self::start(&self.python.clone(), Mode::Interrupt)?;
                }
                done => return done,
            }
        }
    }

    fn try_interrupt(&mut self, busy: bool, settling: Duration) -> io::Result<Duration> {
        self.send(json!({ "busy": busy }))?;
        pause(settling);
        let start = Instant::now();
        let Some(process) = &self.process else { return Err(io::ErrorKind::Unsupported.into()) };
        kill_process(Pid::from_child(&process.0), Signal::INT)?;
        self.answer()?;
        Ok(start.elapsed())
    }

    fn send(&mut self, mut request: Value) -> io::Result<()> {
        self.last_id += 1;
        if let Some(fields) = request.as_object_mut() {
            fields.insert("id".to_owned(), self.last_id.into());
        }
        let body = request.to_string();
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        self.stream.get_mut().write_all(&[&length.to_be_bytes(), body.as_bytes()].concat())
    }

    /// The answer to the last request.
    fn answer(&mut self) -> io::Result<String> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut body = Vec::new();
        self.stream.by_ref().take(u32::from_be_bytes(length).into()).read_to_end(&mut body)?;
        let mut answer: Value = serde_json::from_slice(&body)?;
        match (answer.get("id").and_then(Value::as_u64), answer.get_mut("value").map(Value::take)) {
            (Some(id), Some(Value::String(value))) if id == self.last_id => Ok(value),
            _ => Err(io::Error::other(format!("no answer to request {}: {answer}", self.last_id))),
        }
    }
}

/// Has a process print so many lines, and tells how long they took: from the first bytes on, so that its start does not count.
///
/// # Errors
///
/// What the system says, and an output that is not these lines.
pub fn print_lines(python: &Path, lines: usize) -> io::Result<Duration> {
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT, "print"]).arg(lines.to_string());
    let mut process = Process(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let mut stdout = process.0.stdout.take().ok_or_else(|| io::Error::other("it has no stdout"))?;
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = stdout.read(&mut buffer)?;
    let start = Instant::now();
    loop {
        match stdout.read(&mut buffer)? {
            0 => break,
            more => bytes += more,
        }
    }
    let took = start.elapsed();
    if bytes != 2 * lines {
        return Err(io::Error::other(format!("{lines} lines came to {bytes} bytes")));
    }
    Ok(took)
}

/// The modules that a runner needs, imported by a bare Python that then ends.
///
/// # Errors
///
/// What the system says, and a Python that does not end in order.
pub fn cold_start(python: &Path) -> io::Result<Duration> {
    const IMPORTS: &str = "import json,socket,select,ast,mmap,ctypes,traceback,random";
    let mut command = Command::new(python);
    command.args(["-I", "-S", "-c", IMPORTS]).stdin(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let took = start.elapsed();
    if status.success() { Ok(took) } else { Err(io::Error::other(format!("{}: {status}", python.display()))) }
}

/// Waits for the process to connect; gives up when it ends.
fn accept(
    listener: &UnixListener,
    mut has_ended: impl FnMut() -> io::Result<bool>,
) -> io::Result<UnixStream> {
    listener.set_nonblocking(true)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) if has_ended()? || Instant::now() > deadline => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "floor.py did not connect"));
            }
            Err(_) => pause(Duration::from_millis(1)),
        }
    }
}

/// A process that is ended with its handle.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // That it has ended already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a floor has no runtime, and what it waits for tells nobody")]
fn pause(time: Duration) {
    thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn python() -> PathBuf {
        std::env::var_os("HIBERNACULUM_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from)
    }

    fn start(mode: Mode<'_>) -> Floor {
        Floor::start(&python(), mode).unwrap()
    }

    #[test]
    fn a_roundtrip_answers_with_the_value() {
        let mut floor = start(Mode::Roundtrip);
        assert_eq!([floor.ask("1+1").unwrap(), floor.ask("'é'").unwrap()], ["2", "'é'"]);
    }

    #[test]
    fn an_interrupt_ends_sleep_and_loop() {
        let mut floor = start(Mode::Interrupt);
        for busy in [false, true, false] {
            assert!(floor.interrupt(busy).unwrap() < PATIENCE);
        }
    }

    #[test]
    fn a_fork_answers() {
        assert_eq!(start(Mode::Fork("json,colorsys")).ask("").unwrap(), "forked");
    }

    #[test]
    fn lines_are_counted() {
        print_lines(&python(), 100_000).unwrap();
    }

    #[test]
    fn a_floor_that_cannot_start_is_told() {
        let started = Floor::start(Path::new("/nowhere/python3"), Mode::Roundtrip);
        assert_eq!(started.unwrap_err().kind(), io::ErrorKind::NotFound);
        let started = Floor::start(Path::new("/bin/false"), Mode::Roundtrip);
        assert_eq!(started.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
