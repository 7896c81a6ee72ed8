//! A host in a process of its own: this test binary, started again with the name of one test. What it does and how it ends is told by the
//! environment; it reports in one line of JSON and then waits for the end of its stdin.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;

use hibernaculum_backend_local::LocalBackend;
use hibernaculum_core::{Backend, Sandbox, SandboxSpec, Session};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::scene::{MARK, Scene, value, within};

/// The value of a variable that sandboxes must not see.
pub(crate) const SECRET: &str = "swordfish";

const ROLE: &str = "HIBERNACULUM_TEST_ROLE";
const STATE: &str = "HIBERNACULUM_TEST_STATE";
const HELD: &str = "HIBERNACULUM_TEST_HELD";
const REPORT: &str = "host-reports ";

/// A started host, as the test sees it.
pub(crate) struct Host {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Host {
    pub(crate) fn start(scene: &Scene, role: &str) -> Self {
        Self::start_with(scene, role, |_| ())
    }

    pub(crate) fn start_with(scene: &Scene, role: &str, more: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("/bin/sh");
        // The shell leaves descriptor 7 to the host, if there is something to open.
        command.args([
            "-c",
            "if [ -n \"$HIBERNACULUM_TEST_HELD\" ]; then exec 7<\"$HIBERNACULUM_TEST_HELD\"; fi; exec \"$@\"",
            "sh",
        ]);
        command.arg(std::env::current_exe().unwrap()).args([
            "--exact",
            "host::host",
            "--ignored",
            "--nocapture",
        ]);
        command.env(ROLE, role).env(STATE, scene.state()).env("HIBERNACULUM_TEST_MARK", scene.mark());
        command.env("HIBERNACULUM_TEST_SECRET", SECRET).env("PASSED", format!("{SECRET} that was passed"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        more(&mut command);
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout }
    }

    /// What it says when it is up. Blocks; the host gives up by itself if it takes too long.
    pub(crate) fn report(&mut self) -> Value {
        let mut lines = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "the host ended: {lines}");
            if let Some((_, json)) = line.split_once(REPORT) {
                return serde_json::from_str(json).unwrap();
            }
            lines.push_str(&line);
        }
    }

    /// Lets it go on to its end, and waits for that.
    pub(crate) async fn end(mut self) -> ExitStatus {
        self.stdin = None;
        tokio::task::spawn_blocking(move || self.child.wait().unwrap()).await.unwrap()
    }

    /// Kills it where it stands.
    pub(crate) fn kill_minus_9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What every role needs.
struct Stage {
    backend: Arc<dyn Backend>,
    sandbox: Sandbox,
    session: Session,
}

async fn stage() -> Stage {
    let state = PathBuf::from(std::env::var_os(STATE).unwrap());
    let backend = LocalBackend::builder().state_dir(state).env_pass(["PASSED"]).build().unwrap();
    let mark = std::env::var("HIBERNACULUM_TEST_MARK").unwrap();
    let spec = SandboxSpec::builder().env(MARK, mark).env("OWN", "of the spec").build().unwrap();
    let sandbox = within(Sandbox::create(&backend, spec)).await.unwrap();
    let session = within(sandbox.session()).await.unwrap();
    Stage { backend, sandbox, session }
}

/// Daemons that left their session, their process group and their parent; the last one its environment too.
const DAEMONS: &str = r#"
import subprocess
script = "(setsid sleep 600 & echo $!; setsid sh -c 'sleep 600 & sleep 600' & echo $!; setsid env -i /bin/sleep 600 & echo $!) 2>/dev/null"
child = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True)
[int(child.stdout.readline()) for _ in range(3)]
"#;

const SEEN: &str = "
import os, subprocess
inner = subprocess.run(['env'], stdout=subprocess.PIPE).stdout.decode()
secret = [v for v in os.environ.values() if v == 'swordfish'] + [l for l in inner.splitlines() if l.endswith('=swordfish')]
{'secret': secret[0] if secret else None, 'passed': os.environ.get('PASSED'), 'own': os.environ.get('OWN'), 'path': os.environ.get('PATH')}
";

const FILES: &str = "
import os
supervisor = '/proc/%d/fd' % os.getppid()
def targets(folder):
    for fd in os.listdir(folder):
        try: yield os.readlink(folder + '/' + fd)
        except OSError: pass
sorted({*targets('/proc/self/fd'), *targets(supervisor)})
";

/// The length of a long text.
pub(crate) const LONG: usize = 10 << 20;

/// What happens while this process can open nothing more, and afterwards.
async fn without_descriptors(sandbox: &Sandbox, session: &Session) -> Value {
    let plenty = getrlimit(Resource::Nofile);
    let highest = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    setrlimit(Resource::Nofile, Rlimit { current: Some(highest - 1), ..plenty }).unwrap();
    // Descriptors may have holes: whatever is free below the limit is taken.
    let fillers: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    let error = within(sandbox.session()).await.map(drop).unwrap_err();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let refused: Vec<String> = causes.map(ToString::to_string).collect();
    let answer = value(session, "20 + 22").await;
    // More than a socket holds.
    let long = value(session, &format!("len('{}')", "x".repeat(LONG))).await;
    setrlimit(Resource::Nofile, plenty).unwrap();
    drop(fillers);
    let afterwards = value(&within(sandbox.session()).await.unwrap(), "1").await;
    json!({ "code": error.code(), "refused": refused, "answer": answer, "long": long, "afterwards": afterwards })
}

#[tokio::test]
#[ignore = "a program of its own, started by other tests"]
async fn host() {
    let role = std::env::var(ROLE).expect("only other tests start this");
    let Stage { backend, sandbox, session } = stage().await;
    let report = match role.as_str() {
        "environment" => value(&session, SEEN).await,
        "descriptors" => {
            let held = std::env::var(HELD).unwrap();
            let host_has_it =
                std::fs::read_link("/proc/self/fd/7").is_ok_and(|path| path.to_str() == Some(&held));
            json!({ "files": value(&session, FILES).await, "host_has_it": host_has_it })
        }
        "no descriptors" => without_descriptors(&sandbox, &session).await,
        _ => json!({ "daemons": value(&session, DAEMONS).await }),
    };
    println!("{REPORT}{report}");
    std::io::stdout().flush().unwrap();
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()).unwrap()).await.unwrap();
    match role.as_str() {
        "panic" => panic!("on purpose"),
        // What is forgotten is never dropped: only the end of the process tells the keeper.
        "forget" => std::mem::forget((session, sandbox, backend)),
        "drop" => drop((session, sandbox, backend)),
        _ => within(sandbox.close()).await.unwrap(),
    }
}
