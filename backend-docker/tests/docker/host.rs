//! A host in a process of its own: this test binary, started again by a variable. It makes sandboxes, tells of them, and waits to be killed.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_backend_docker::{ImageBuild, Transport};
use hibernaculum_core::{Backend, Error, EventKind, ExecutionId, HostLoss, Sandbox, SandboxSpec, SessionId};
use hibernaculum_engine::Engine;

use crate::scene::{backend, builder, marked, value, within};

const ROLE: &str = "HIBERNACULUM_TEST_DOCKER_HOST";
const LEAVING: &str = "HIBERNACULUM_TEST_DOCKER_LEAVING_HOST";
const VISITING: &str = "HIBERNACULUM_TEST_DOCKER_VISITING_HOST";
const BUILDING: &str = "HIBERNACULUM_TEST_DOCKER_BUILDING_HOST";
const READY: &str = "host-is-ready";
const IMAGE: &str = "host-has-image";

/// Whether this process is to be a host.
pub(crate) fn is_asked_for() -> bool {
    [ROLE, LEAVING, VISITING, BUILDING].into_iter().any(|role| std::env::var_os(role).is_some())
}

#[expect(clippy::print_stdout, reason = "it reports to the test that started it")]
fn say(line: &str) {
    println!("{line}");
}

/// Makes sandboxes with the mark in its role, and waits.
pub(crate) async fn host() {
    if std::env::var_os(LEAVING).is_some() {
        return leaving_host().await;
    }
    if std::env::var_os(VISITING).is_some() {
        return visiting_host().await;
    }
    if let Ok(base) = std::env::var(BUILDING) {
        let build = ImageBuild::new().from(base).pull(false).requirements("numpy != 0.0.1");
        drop(build.run().await);
        return;
    }
    let mark = std::env::var(ROLE).unwrap();
    let (spec, _) = marked(&mark);
    let backend = backend().await;
    let one = Sandbox::create(&backend, spec.clone()).await.unwrap();
    let session = one.session().await.unwrap();
    session
        .execute("import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)")
        .await
        .unwrap();
    let running = session.start("import time\ntime.sleep(600)").await.unwrap();
    let two = Sandbox::create(&backend, spec.clone()).await.unwrap();
    say(READY);
    // And one that is just being made when the end comes.
    loop {
        drop(Sandbox::create(&backend, spec.clone()).await);
        if std::env::var_os("HIBERNACULUM_TEST_NEVER").is_some() {
            break;
        }
    }
    drop((two, running));
}

/// A host that leaves something behind.
pub(crate) struct Left {
    pub(crate) mark: String,
    pub(crate) transport: Transport,
    pub(crate) state: PathBuf,
    /// How long it may be without a host.
    pub(crate) seconds: u64,
}

/// Makes a sandbox that may outlive its host, in which something runs, and waits to be killed.
async fn leaving_host() {
    let left = std::env::var(LEAVING).unwrap();
    let [mark, transport, state, seconds] = *left.split(' ').collect::<Vec<_>>() else { panic!("{left}") };
    let (mut spec, _) = marked(mark);
    spec.on_host_loss = Some(HostLoss::Linger(Duration::from_secs(seconds.parse().unwrap())));
    let backend = builder().transport(transport.parse().unwrap()).state_dir(state).build().await.unwrap();
    let sandbox = Sandbox::create(&backend, spec).await.unwrap();
    let session = sandbox.session().await.unwrap();
    session.execute("x = [1]").await.unwrap();
    let code = "import os, time\nx.append(2)\nprint('before')\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('after'); 6 * 7";
    let mut running = session.start(code).await.unwrap();
    // What was only admitted ends with its host.
    while !matches!(running.next().await.unwrap().kind, EventKind::Output { .. }) {}
    say(&format!("{READY} {} {}", session.id(), running.id()));
    std::future::pending::<()>().await;
    drop((sandbox, running));
}

/// Starts a host that leaves something behind, and waits until it is there: the host, and which session runs what.
pub(crate) fn leave(left: &Left) -> (Child, SessionId, ExecutionId) {
    let Left { mark, transport, state, seconds } = left;
    let transport = format!("{transport:?}").to_lowercase();
    let role = format!("{mark} {transport} {} {seconds}", state.display());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(LEAVING, role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.contains(READY)).expect("the host ended");
    let [_, session, execution] = *line.split(' ').collect::<Vec<_>>() else { panic!("{line}") };
    (child, session.parse().unwrap(), execution.parse().unwrap())
}

/// Makes one sandbox, has it compute something, and tells what came of it and which way streams took, or why that failed.
async fn visiting_host() {
    let role = std::env::var(VISITING).unwrap();
    let (transport, state) = role.split_once(' ').unwrap();
    let visit = async {
        let builder = builder().transport(transport.parse()?).state_dir(state);
        let engine = Arc::new(Engine::new(builder.provider().await?)?);
        let backend: Arc<dyn Backend> = Arc::clone(&engine) as _;
        let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
        let session = sandbox.session().await?;
        let sum = value(&session, "1 + 1").await;
        sandbox.close().await?;
        say(&format!("{IMAGE} {}", engine.provider().image()));
        Ok::<_, Error>(format!("{sum} {:?}", engine.provider().transport()))
    };
    let told = visit.await.unwrap_or_else(|error| format!("{}: {}", error.code(), error.explain()));
    say(&format!("{READY} {}", told.replace('\n', " ")));
}

/// A host that only visits: a process of the command that `wrap` makes of this program.
pub(crate) fn visitor(
    transport: &str,
    state: &Path,
    wrap: impl FnOnce(&Path) -> tokio::process::Command,
) -> tokio::process::Child {
    let mut command = wrap(&std::env::current_exe().unwrap());
    command.env(VISITING, format!("{transport} {}", state.display())).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What it tells in the end.
pub(crate) async fn told(visitor: tokio::process::Child) -> String {
    told_with_image(visitor).await.0
}

/// The same, and the image that it took.
pub(crate) async fn told_with_image(visitor: tokio::process::Child) -> (String, Option<String>) {
    let ran = within(visitor.wait_with_output()).await.unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    let of =
        |begins| said.lines().find_map(|line| line.strip_prefix(begins)).map(|rest| rest.trim().to_owned());
    let told = of(READY);
    let told = told.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&ran.stderr)));
    (told, of(IMAGE))
}

/// What a host is about when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It makes sandboxes of an image.
    Sandboxes,
    /// It makes an image of one.
    Image,
}

/// Starts a host at that engine, and does not wait for anything.
pub(crate) fn begin(deed: Deed, mark: &str, engine: &str, image: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    match deed {
        Deed::Sandboxes => command.env(ROLE, mark),
        Deed::Image => command.env(BUILDING, image),
    };
    command.env("DOCKER_HOST", engine).env("HIBERNACULUM_IMAGE", image).spawn().unwrap()
}

/// Starts a host, and waits until its sandboxes are there.
pub(crate) fn start(mark: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(ROLE, mark)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(READY)), "the host ended");
    child
}
