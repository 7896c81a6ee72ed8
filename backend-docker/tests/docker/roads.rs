//! Which way leads to an engine, and which way streams take to its sandboxes: found by trying, in processes whose surroundings are a test's own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::host::{told, visitor};
use crate::proxy::socket;
use crate::scene::within;

crate::tests![
    where_engine_and_program_share_a_file_system_the_socket_is_taken,
    where_the_engine_does_not_find_the_sockets_directory_execs_are_taken,
    where_the_engine_finds_another_directory_of_that_name_execs_are_taken,
    an_engine_is_reached_over_tcp,
    an_engine_is_reached_over_tls_by_who_knows_its_authority,
];

async fn where_engine_and_program_share_a_file_system_the_socket_is_taken() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(told(visitor("auto", state.path(), |program| Command::new(program))).await, "2 Socket");
}

async fn where_the_engine_does_not_find_the_sockets_directory_execs_are_taken() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root may mount.
    }
    let state = tempfile::tempdir().unwrap();
    assert_eq!(told(visitor("auto", state.path(), |program| apart(program, state.path()))).await, "2 Exec");
    let told = told(visitor("socket", state.path(), |program| apart(program, state.path()))).await;
    assert!(told.starts_with("sandbox.start: ") && told.contains("bind source path"), "the control: {told}");
}

/// A program with a mount in the place of this directory that only it and its children see.
fn apart(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--", "sh", "-ec"]);
    command.arg("mount -t tmpfs -o mode=700 apart \"$1\"; exec \"$2\"");
    command.arg("sh").arg(directory).arg(program);
    command
}

async fn where_the_engine_finds_another_directory_of_that_name_execs_are_taken() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root may mount.
    }
    // The directory of its first sandbox is made here as soon as that of its backend is made there; which may be too late.
    for _ in 0..10 {
        let state = tempfile::tempdir().unwrap();
        let visitor = visitor("auto", state.path(), |program| apart(program, state.path()));
        let there = format!("/proc/{}/root{}", visitor.id().unwrap(), state.path().display());
        let finding = async {
            loop {
                let mut found = std::fs::read_dir(&there).into_iter().flatten().flatten();
                if let Some(found) = found.find(|entry| entry.file_name() != "key") {
                    return state.path().join(found.file_name()).join("1");
                }
                tokio::task::yield_now().await;
            }
        };
        let here = within(finding).await;
        std::fs::create_dir_all(&here).unwrap();
        std::fs::set_permissions(&here, std::fs::Permissions::from_mode(0o777)).unwrap();
        let mut telling = pin!(told(visitor));
        let its_socket = here.join("s");
        let used = async {
            while !its_socket.exists() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            () = used => {
                assert_eq!(telling.await, "2 Exec");
                return;
            }
            told = &mut telling => assert_eq!(told, "2 Exec"),
        }
    }
    panic!("no container had another directory");
}

/// A TCP port of the loopback before the engine's socket.
struct Front {
    port: u16,
    process: Child,
}

impl Front {
    /// With TLS where there are certificates in a directory.
    async fn start(certificates: Option<&Path>) -> Self {
        let mut process = Command::new("python3")
            .args(["-I", "-c", include_str!("front.py")])
            .arg(socket())
            .args(certificates)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = within(lines.next_line()).await.unwrap().expect("it says its port").parse().unwrap();
        Self { port, process }
    }

    /// What a program says whose engine is this one, and which has been told so as `docker` is.
    async fn visited(&self, transport: &str, authority: Option<&Path>) -> String {
        let state = tempfile::tempdir().unwrap();
        told(visitor(transport, state.path(), |program| {
            let mut command = Command::new(program);
            command.env("DOCKER_HOST", format!("tcp://127.0.0.1:{}", self.port));
            command.env_remove("DOCKER_TLS_VERIFY").env_remove("DOCKER_CERT_PATH");
            if let Some(authority) = authority {
                command.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", authority);
            }
            command
        }))
        .await
    }

    async fn close(mut self) {
        drop(self.process.stdin.take());
        within(self.process.wait()).await.unwrap();
    }
}

async fn an_engine_is_reached_over_tcp() {
    let front = Front::start(None).await;
    assert_eq!(front.visited("exec", None).await, "2 Exec");
    // It is this machine's, after all.
    assert_eq!(front.visited("auto", None).await, "2 Socket");
    front.close().await;
}

/// An authority, and what it says of a server on the loopback and of who visits it: `ca.pem`, `server.pem`, `cert.pem`, and their keys.
async fn authority() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config"), "[req]\ndistinguished_name = name\n[name]\n").unwrap();
    let made = async |certificate: &str, key: &str, name: &str, extensions: &[&str], by: &[&str]| {
        let line = format!(
            "req -x509 -config config -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name} -out {certificate} -keyout {key}"
        );
        let mut command = Command::new("openssl");
        command.args(line.split(' ')).args(by).current_dir(folder.path());
        command.args(extensions.iter().flat_map(|extension| ["-addext", extension]));
        let ran = within(command.output()).await.expect("openssl makes certificates");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    let by = ["-CA", "ca.pem", "-CAkey", "ca-key.pem"];
    made("ca.pem", "ca-key.pem", "authority", &["basicConstraints=critical,CA:TRUE"], &[]).await;
    let server = ["basicConstraints=CA:FALSE", "subjectAltName=IP:127.0.0.1"];
    made("server.pem", "server-key.pem", "server", &server, &by).await;
    made("cert.pem", "key.pem", "visitor", &["basicConstraints=CA:FALSE"], &by).await;
    folder
}

async fn an_engine_is_reached_over_tls_by_who_knows_its_authority() {
    let (own, other) = (authority().await, authority().await);
    let front = Front::start(Some(own.path())).await;
    assert_eq!(front.visited("exec", Some(own.path())).await, "2 Exec");

    let told = front.visited("exec", Some(other.path())).await;
    assert!(told.starts_with("sandbox.engine: ") && told.contains("certificate"), "{told}");
    let told = front.visited("exec", None).await;
    assert!(told.starts_with("sandbox.engine: ") && told.contains("DOCKER_TLS_VERIFY"), "{told}");
    front.close().await;
}
