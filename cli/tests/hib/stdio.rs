//! `hib stdio`, driven as a program would: lines in, lines out.

#![expect(clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::leash::{Leash, output};

pub(crate) struct Client {
    _leash: Leash,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    number: u64,
    events: Vec<Value>,
}

impl Client {
    pub(crate) fn start() -> Self {
        Self::starting(|_| ())
    }

    pub(crate) fn starting(change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hib"));
        command.arg("stdio").env_remove("HIBERNACULUM_BACKEND").stdin(Stdio::piped()).stdout(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { _leash: Leash::on(&child), child, stdin, stdout, number: 0, events: Vec::new() }
    }

    pub(crate) fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).and_then(|()| stdin.write_all(b"\n")).unwrap();
    }

    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> u64 {
        self.number += 1;
        let line = json!({ "jsonrpc": "2.0", "id": self.number, "method": method, "params": params });
        self.send(&line.to_string());
        self.number
    }

    pub(crate) fn message(&mut self) -> Value {
        let mut line = String::new();
        assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "it ended");
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.message();
            if message["method"] == "event" {
                self.events.push(message["params"].clone());
            } else if message["id"] == id {
                return message;
            }
        }
    }

    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        let id = self.ask(method, params);
        let answer = self.answer(id);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    pub(crate) fn refused(&mut self, method: &str, params: &Value) -> (i64, String) {
        let id = self.ask(method, params);
        refusal(&self.answer(id))
    }

    pub(crate) fn session(&mut self) -> (Value, Value) {
        let sandbox = self.call("sandbox.create", &json!({}))["id"].clone();
        let session = self.call("session.open", &json!({ "sandbox": sandbox }))["id"].clone();
        (sandbox, session)
    }

    /// Closes stdin, and waits for the end.
    pub(crate) fn end(mut self) -> Option<i32> {
        drop(self.stdin.take());
        self.ends()
    }

    pub(crate) fn signal(&mut self, name: &str) {
        let hib = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &hib]).status().unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it did not end");
            std::thread::yield_now();
        }
    }
}

fn refusal(answer: &Value) -> (i64, String) {
    let data = &answer["error"]["data"];
    for part in ["what", "why", "how"] {
        assert!(data[part].as_str().is_some_and(|text| !text.is_empty()), "{part}: {answer}");
    }
    (answer["error"]["code"].as_i64().unwrap(), data["code"].as_str().unwrap().to_owned())
}

#[test]
fn a_session_runs_code_and_tells_what_happens() {
    let mut client = Client::start();
    let (_, session) = client.session();
    let result = client.call("execute", &json!({ "session": session, "code": "print('hi')\nx = 41\nx + 1" }));
    assert_eq!(result["outcome"]["value"]["json"], 42);
    let told: Vec<_> = client.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(told, ["started", "output", "finished"]);
    assert_eq!(client.events[1]["session"], session);
    let result = client.call("execute", &json!({ "session": session, "code": "print(x)", "events": false }));
    assert_eq!(result["stdout"]["text"], "41\n");
    assert_eq!(client.events.len(), 3);
    let failed = client.call("execute", &json!({ "session": session, "code": "1 / 0", "events": false }));
    assert_eq!(failed["outcome"]["error"]["type"], "ZeroDivisionError");
    assert_eq!(client.end(), Some(0));
}

#[test]
fn the_client_of_the_documentation_runs() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/stdio.md")).unwrap();
    let program = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let program =
        program.replace("\"hib\", \"stdio\"", &format!("{:?}, \"stdio\"", env!("CARGO_BIN_EXE_hib")));
    let ran = output(Command::new("python3").args(["-c", &program]));
    let told = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    assert_eq!(told, ("hello\n42\n".to_owned(), String::new()));
    assert!(program.lines().filter(|line| !line.is_empty()).count() <= 20, "the client is to be short");
}

#[test]
fn many_executions_run_at_once_and_one_is_interrupted() {
    let mut client = Client::start();
    let (sandbox, slow) = client.session();
    let quick = client.call("session.open", &json!({ "sandbox": sandbox }))["id"].clone();
    let execution = format!("exe_{:032x}", 7);
    let code = "import time\ntime.sleep(600)";
    let sleeping = client.ask("execute", &json!({ "session": slow, "id": execution, "code": code }));
    for number in 0..20 {
        let code = format!("{number} * 2");
        let result = client.call("execute", &json!({ "session": quick, "code": code, "events": false }));
        assert_eq!(result["outcome"]["value"]["json"], number * 2);
    }
    let told = client.call("interrupt", &json!({ "session": slow, "execution": execution }));
    assert_eq!(told["interrupted"], true);
    assert_eq!(client.answer(sleeping)["result"]["outcome"]["status"], "interrupted");
    assert_eq!(client.end(), Some(0));
}

#[test]
fn questions_are_answered() {
    let mut client = Client::start();
    let (_, session) = client.session();
    let asking =
        client.ask("execute", &json!({ "session": session, "code": "input('name? ')", "stdin": "ask" }));
    let token = loop {
        let message = client.message();
        if message["params"]["event"] == "input_request" {
            break message["params"]["token"].clone();
        }
    };
    client.call("answer", &json!({ "session": session, "token": token, "line": "Ada" }));
    let answered = client.refused("answer", &json!({ "session": session, "token": token, "line": "Bob" }));
    assert_eq!(answered, (-32000, "execution.no_such_input".to_owned()));
    let id = client.ask("session.get", &json!({ "session": session }));
    // The execution's answer may have come before that of the second `answer`.
    let _ = (asking, client.answer(id));
    let result = client.call("execute", &json!({ "session": session, "code": "_", "events": false }));
    assert_eq!(result["outcome"]["value"]["json"], "Ada");
}

#[test]
fn names_and_files_are_at_hand() {
    let mut client = Client::start();
    let (sandbox, session) = client.session();
    client.call("namespace.set", &json!({ "session": session, "name": "rows", "value": [1, 2, 3] }));
    let listed = client.call("namespace.list", &json!({ "session": session, "prefix": "r" }));
    assert_eq!(listed["variables"][0]["preview"], "[1, 2, 3]");
    assert_eq!(
        client.call("namespace.get", &json!({ "session": session, "name": "rows" })),
        json!([1, 2, 3])
    );
    let told = client.call("namespace.repr", &json!({ "session": session, "name": "rows" }));
    assert_eq!(told["repr"], "[1, 2, 3]");
    let missing = client.refused("namespace.get", &json!({ "session": session, "name": "nowhere" }));
    assert_eq!(missing, (-32000, "session.no_such_name".to_owned()));

    client.call("files.write", &json!({ "sandbox": sandbox, "path": "d/a.txt", "text": "hello" }));
    let read = client.call("files.read", &json!({ "sandbox": sandbox, "path": "d/a.txt" }));
    assert_eq!(read["base64"], "aGVsbG8=");
    let here = tempfile::tempdir().unwrap();
    let host = here.path().join("copy");
    client.call("files.download", &json!({ "sandbox": sandbox, "path": "d/a.txt", "host": host }));
    assert_eq!(std::fs::read_to_string(&host).unwrap(), "hello");
    client.call("files.upload", &json!({ "sandbox": sandbox, "path": "b.txt", "host": host }));
    let files = client.call("files.list", &json!({ "sandbox": sandbox, "path": "." }));
    assert_eq!(
        files.as_array().unwrap().iter().map(|file| &file["path"]).collect::<Vec<_>>(),
        ["b.txt", "d"]
    );
    let missing = json!({ "sandbox": sandbox, "path": "c", "host": here.path().join("missing") });
    assert_eq!(client.refused("files.upload", &missing).1, "files.host");
    let outside = client.refused("files.read", &json!({ "sandbox": sandbox, "path": "../x" }));
    assert_eq!(outside, (-32000, "files.outside".to_owned()));
}

#[test]
fn lines_that_are_no_requests_are_refused_and_the_next_is_served() {
    let mut client = Client::start();
    for (line, number, code) in [
        ("{", -32700, "stdio.parse"),
        ("\u{0}", -32700, "stdio.parse"),
        ("[]", -32600, "stdio.request"),
        ("1", -32600, "stdio.request"),
        (r#"{"jsonrpc":"2.0","id":[],"method":"hello"}"#, -32600, "stdio.request"),
        (r#"{"id":3,"method":"hello"}"#, -32600, "stdio.request"),
        (r#"{"jsonrpc":"2.0","id":3}"#, -32600, "stdio.request"),
        (r#"{"jsonrpc":"2.0","id":3,"method":"hello","params":[]}"#, -32602, "stdio.params"),
        (r#"{"jsonrpc":"2.0","id":3,"method":"fly"}"#, -32601, "stdio.method"),
        (r#"{"jsonrpc":"2.0","id":3,"method":"execute","params":{"session":"x"}}"#, -32602, "stdio.params"),
    ] {
        client.send(line);
        assert_eq!(refusal(&client.message()), (number, code.to_owned()), "{line}");
    }
    let misspelt = client.refused("execute", &json!({ "sesion": "x", "code": "1" }));
    assert_eq!(misspelt, (-32602, "stdio.params".to_owned()));
    // Nothing is made of it, also where the misspelt name stands inside a parameter.
    let request = json!({ "limits": { "wall_tiem": { "secs": 1, "nanos": 0 } } });
    let id = client.ask("sandbox.create", &request);
    let told = client.message();
    assert_eq!((&told["id"], &told["error"]["code"]), (&json!(id), &json!(-32602)), "{told}");
    let data = &told["error"]["data"];
    assert_eq!(
        (&data["code"], &data["how"]),
        (
            &json!("stdio.params"),
            &json!("did you mean `limits.wall_time`? correct the name, or leave it out")
        )
    );
    assert_eq!(data["what"], "`sandbox.create` has no parameter `limits.wall_tiem`");
    // A value of the wrong type is told with its place.
    for (method, params, place) in [
        ("sandbox.create", json!({ "limits": { "memory": "much" } }), "`limits.memory`: "),
        ("sandbox.create", json!({ "preload": ["json", 7] }), "`preload[1]`: "),
        (
            "session.open",
            json!({ "sandbox": format!("sbx_{:032x}", 1), "queue_limit": -1 }),
            "`queue_limit`: ",
        ),
        ("execute", json!({ "session": format!("ses_{:032x}", 1), "code": 1 }), "`code`: "),
        ("execute", json!({ "session": "x", "code": "1" }), "`session`: "),
        ("execute", json!({ "code": "1" }), "missing field `session`"),
    ] {
        let id = client.ask(method, &params);
        let data = client.answer(id)["error"]["data"].clone();
        assert_eq!(data["code"], "stdio.params", "{params}");
        assert!(data["why"].as_str().unwrap().starts_with(place), "{data}");
    }
    assert_eq!(client.call("sandbox.list", &json!({})), json!([]));
    client.send(&"x".repeat(17 << 20));
    assert_eq!(refusal(&client.message()), (-32600, "stdio.request".to_owned()));
    client.send("");
    client.send(r#"{"jsonrpc":"2.0","method":"sandbox.list"}"#); // nobody waits for an answer
    assert_eq!(client.call("hello", &json!({}))["name"], "hib");
    let unknown = json!({ "sandbox": format!("sbx_{:032x}", 1) });
    assert_eq!(client.refused("sandbox.get", &unknown), (-32000, "sandbox.unknown".to_owned()));
    assert_eq!(client.end(), Some(0));
}

#[test]
fn the_end_of_stdin_ends_everything() {
    let mut client = Client::start();
    let (_, session) = client.session();
    let code = "import os; os.getpid()";
    let result = client.call("execute", &json!({ "session": session, "code": code, "events": false }));
    let pid = result["outcome"]["value"]["json"].as_u64().unwrap();
    client.ask("execute", &json!({ "session": session, "code": "while True: pass" }));
    assert_eq!(client.end(), Some(0));
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the session outlived its host");
}

#[test]
fn a_signal_ends_everything_in_order() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut client = Client::start();
        let (_, session) = client.session();
        let asked = json!({ "session": session, "code": "import os; os.getpid()", "events": false });
        let pid = client.call("execute", &asked)["outcome"]["value"]["json"].as_u64().unwrap();
        client.signal(signal);
        assert_eq!(client.ends(), Some(code), "{signal}");
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the session outlived its host");
    }
}

#[test]
fn who_asks_too_much_at_once_is_told() {
    let mut client = Client::start();
    let sandbox = client.call("sandbox.create", &json!({}))["id"].clone();
    let session =
        client.call("session.open", &json!({ "sandbox": sandbox, "queue_limit": 5000 }))["id"].clone();
    let id = format!("exe_{:032x}", 7);
    let code = "import time; time.sleep(60)";
    client.ask("execute", &json!({ "session": session, "code": code, "id": id, "events": false }));
    for _ in 0..1099 {
        client.ask("execute", &json!({ "session": session, "code": "1", "events": false }));
    }
    for _ in 0..100 {
        assert_eq!(refusal(&client.message()), (-32000, "stdio.busy".to_owned()));
    }
    assert_eq!(client.end(), Some(0));
}

#[test]
fn a_pipe_that_is_shared_stays_as_it_is() {
    // Both ends of a pipe are whoever's: what `hib` does to its own must not make others' reads and writes fail.
    let script = r#"
import fcntl, os, subprocess, sys
ours, theirs = os.pipe()
read, write = os.pipe()
hib = subprocess.Popen([sys.argv[1], "stdio"], stdin=ours, stdout=write)
os.write(theirs, b'{"jsonrpc":"2.0","id":1,"method":"hello"}\n')
assert b'"name":"hib"' in os.read(read, 65536)
blocking = [os.get_blocking(end) for end in (ours, write)]
os.close(theirs)
os.close(ours)
print(blocking, hib.wait(20))
"#;
    let program = env!("CARGO_BIN_EXE_hib");
    let output = output(Command::new("python3").args(["-c", script, program]));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "[True, True] 0\n", "{output:?}");
}
