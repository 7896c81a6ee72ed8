//! A host in a process of its own: this test binary, started again by a variable. It makes sandboxes, tells of them, and waits to be killed.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hibernaculum_backend_docker::Transport;
use hibernaculum_core::{EventKind, ExecutionId, HostLoss, Sandbox, SessionId};

use crate::scene::{backend, builder, marked};

const ROLE: &str = "HIBERNACULUM_TEST_DOCKER_HOST";
const LEAVING: &str = "HIBERNACULUM_TEST_DOCKER_LEAVING_HOST";
const READY: &str = "host-is-ready";

/// Whether this process is to be a host.
pub(crate) fn is_asked_for() -> bool {
    std::env::var_os(ROLE).is_some() || std::env::var_os(LEAVING).is_some()
}

/// Makes sandboxes with the mark in its role, and waits.
pub(crate) async fn host() {
    if std::env::var_os(LEAVING).is_some() {
        return leaving_host().await;
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
    #[expect(clippy::print_stdout, reason = "it reports to the test that started it")]
    {
        println!("{READY}");
    }
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
    #[expect(clippy::print_stdout, reason = "it reports to the test that started it")]
    {
        println!("{READY} {} {}", session.id(), running.id());
    }
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
