//! A `hib stdio`, driven as a program of any language would: a line out, a line in. Blocking on purpose.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The process, with a session in it. Dropping it closes its stdin, which ends it.
#[derive(Debug)]
pub(crate) struct StdioClient {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    session: Value,
}

impl StdioClient {
    /// Starts the program, and opens a session on that backend and Python.
    ///
    /// # Errors
    ///
    /// What the system says, and [`io::ErrorKind::InvalidData`] for an answer that is none.
    pub(crate) fn start(program: &Path, backend: &str, python: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        let mut child = command.arg("stdio").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut client = Self { child, stdin, stdout: BufReader::new(stdout), session: Value::Null };
        let sandbox = client.call("sandbox.create", &json!({ "backend": backend, "python": python }))?;
        let session = client.call("session.open", &json!({ "sandbox": sandbox.get("id") }))?;
        client.session = session.get("id").cloned().unwrap_or_default();
        Ok(client)
    }

    /// Runs code to its end; gives the `repr` of its value, and how long that took.
    ///
    /// # Errors
    ///
    /// As [`StdioClient::start`].
    pub(crate) fn roundtrip(&mut self, code: &str) -> io::Result<(String, Duration)> {
        let start = Instant::now();
        let params = json!({ "session": self.session, "code": code, "events": false });
        let result = self.call("execute", &params)?;
        let repr =
            result.pointer("/outcome/value/repr").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok((repr, start.elapsed()))
    }

    fn call(&mut self, method: &str, params: &Value) -> io::Result<Value> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(format!("{request}\n").as_bytes())?;
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let mut answer: Value = serde_json::from_str(&line)?;
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(io::Error::new(io::ErrorKind::InvalidData, line)),
        }
    }
}

impl Drop for StdioClient {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It ends by itself; what it answers is nothing that a figure could tell.
        let _ = self.child.wait();
    }
}
