//! What code in a sandbox cannot do to the machine that it runs on: each denial beside something of the same kind that works.

use std::io::Write as _;

use hibernaculum_core::{ByteSize, CrashCause, SandboxSpec};

use crate::scene::{backend, container, engine, session, until, value};

crate::tests![
    what_belongs_to_others_cannot_be_read,
    processes_of_the_machine_are_out_of_sight_and_reach,
    a_process_of_the_machine_cannot_be_held_by_a_descriptor,
    killing_everybody_kills_the_sandbox_and_nobody_else,
    killing_ones_group_kills_the_session_and_nobody_else,
    another_process_memory_cannot_be_looked_into,
    the_system_cannot_be_written_to,
    no_device_and_no_privilege_can_be_made,
    a_link_out_of_the_working_directory_leads_nowhere,
    no_file_outside_can_be_had_under_another_name,
    the_environment_of_the_host_stays_there,
    nothing_more_can_be_put_beside_the_supervisors_socket,
    shared_memory_goes_with_its_sandbox,
    a_daemon_ends_with_its_sandbox,
    other_sandboxes_cannot_be_reached,
];

async fn what_belongs_to_others_cannot_be_read() {
    let (_sandbox, session) = session().await;
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    secret.write_all(b"swordfish").unwrap();
    let code = format!(
        "import os\ndef read(path):\n    try: return open(path).read()[:9]\n    except OSError as error: return type(error).__name__\n\
         _ = open('own', 'w').write('mine')\n[read(path) for path in ('own', '/etc/hostname', {:?}, '/etc/shadow', '/root/' '.ssh/id_rsa')]",
        secret.path().to_str().unwrap()
    );
    assert_eq!(std::fs::read_to_string(secret.path()).unwrap(), "swordfish", "the control: it is there");
    assert_eq!(
        value(&session, &code).await,
        "['mine', 'sandbox\\n', 'FileNotFoundError', 'PermissionError', 'PermissionError']"
    );
}

async fn processes_of_the_machine_are_out_of_sight_and_reach() {
    let (_sandbox, session) = session().await;
    let me = std::process::id();
    // The number of this test's process is far above those of a container.
    assert!(
        me > 200 && std::path::Path::new(&format!("/proc/{me}")).is_dir(),
        "the control: it is a process here"
    );
    let code = format!(
        "import os, resource\ndef tried(call):\n    try: return call() or 'done'\n    except OSError as error: return type(error).__name__\n\
         [os.path.exists('/proc/self'), os.path.exists('/proc/{me}'), tried(lambda: os.kill(os.getpid(), 0)), tried(lambda: os.kill({me}, 0)), \
         tried(lambda: os.sched_setaffinity({me}, [0])), tried(lambda: os.setpriority(os.PRIO_PROCESS, {me}, 5)), \
         tried(lambda: resource.prlimit({me}, resource.RLIMIT_NOFILE, (9, 9))), max(int(n) for n in os.listdir('/proc') if n.isdigit()) < 200]"
    );
    let denied = "'ProcessLookupError', 'ProcessLookupError', 'ProcessLookupError', 'ProcessLookupError'";
    assert_eq!(value(&session, &code).await, format!("[True, False, 'done', {denied}, True]"));
}

async fn a_process_of_the_machine_cannot_be_held_by_a_descriptor() {
    let mut victim = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let (_sandbox, session) = session().await;
    // pidfd_open, then pidfd_send_signal: of itself, with no signal at all; and of the victim.
    let code = format!(
        "import os, signal\ndef tried(call):\n    try: return call() or 'done'\n    except OSError as error: return type(error).__name__\n\
         own = os.pidfd_open(os.getpid())\n\
         [tried(lambda: signal.pidfd_send_signal(own, 0)), tried(lambda: os.pidfd_open({0})), tried(lambda: signal.pidfd_send_signal(os.pidfd_open({0}), 9))]",
        victim.id()
    );
    assert_eq!(value(&session, &code).await, "['done', 'ProcessLookupError', 'ProcessLookupError']");
    assert!(victim.try_wait().unwrap().is_none(), "a process of this machine lives");
    victim.kill().unwrap();
    victim.wait().unwrap();
}

async fn killing_everybody_kills_the_sandbox_and_nobody_else() {
    let mut victim = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let (sandbox, session) = session().await;
    let other = backend().await;
    let neighbour = hibernaculum_core::Sandbox::create(&other, SandboxSpec::default()).await.unwrap();
    let beside = neighbour.session().await.unwrap();
    // It spares whoever asks, for a moment: the runner goes, and with it the container.
    let _ = session.execute("import os\nos.kill(-1, 9)").await;
    until("the sandbox is gone", || async {
        match session.execute("1").await {
            Err(error) if error.code() == "sandbox.lost" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(victim.try_wait().unwrap().is_none(), "a process of this machine lives");
    assert_eq!(value(&beside, "6 * 7").await, "42");
    victim.kill().unwrap();
    victim.wait().unwrap();
    sandbox.close().await.unwrap();
}

async fn killing_ones_group_kills_the_session_and_nobody_else() {
    // In this test's own process group, as 0 would mean it there.
    let mut victim = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let (sandbox, session) = session().await;
    let beside = sandbox.session().await.unwrap();
    let ended = crate::scene::run(&session, "import os\nos.kill(0, 9)").await;
    let killed = CrashCause::Signal { signal: 9, name: "SIGKILL".to_owned() };
    assert_eq!(ended.crash(), Some(&killed), "the control: it kills");
    assert!(victim.try_wait().unwrap().is_none(), "a process of this machine lives");
    assert_eq!(value(&beside, "6 * 7").await, "42");
    assert_eq!(value(&session, "6 * 7").await, "42", "the session goes on");
    victim.kill().unwrap();
    victim.wait().unwrap();
}

/// `call(NUMBER, …)`: what the kernel says to a system call.
pub(crate) const CALLS: &str = "
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    done = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(argument) for argument in arguments])
    return errno.errorcode[ctypes.get_errno()] if done == -1 else 'done'
";

async fn another_process_memory_cannot_be_looked_into() {
    let (_sandbox, session) = session().await;
    // ptrace(ATTACH), process_vm_readv and pidfd_getfd of the supervisor, which has the same user.
    let code = format!(
        "{CALLS}import os\nparent = os.getppid()\n[call(39), call(62, parent, 0), call(101, 16, parent, 0, 0), call(310, parent, 0, 0, 0, 0, 0), call(438, 3, 0, 0)]"
    );
    assert_eq!(value(&session, &code).await, "['done', 'done', 'EPERM', 'EPERM', 'EPERM']");
}

async fn the_system_cannot_be_written_to() {
    let (_sandbox, session) = session().await;
    let code = "import os\ndef write(path):\n    try: return open(path, 'w').write('0')\n    except OSError as error: return os.strerror(error.errno)\n\
                [write(path) for path in ('here', '/tmp/there', '/usr/bin/x', '/etc/passwd', '/x', '/opt/hibernaculum/x', '/proc/sys/kernel/panic', '/sys/kernel/x', '/proc/sysrq-trigger')]";
    let said = value(&session, code).await;
    let read_only = "'Read-only file system'";
    let denied: Vec<&str> = said.trim_matches(['[', ']']).split(", ").collect();
    assert_eq!(denied[..2], ["1", "1"], "the control: {said}");
    assert!(
        denied[2..].iter().all(|word| *word == read_only
            || *word == "'Permission denied'"
            || *word == "'No such file or directory'"),
        "{said}"
    );
    assert_eq!(denied[2..6], [read_only; 4], "{said}");
}

async fn no_device_and_no_privilege_can_be_made() {
    let (_sandbox, session) = session().await;
    let code = "import os, stat\ndef tried(call):\n    try: return call() or 'done'\n    except OSError as error: return type(error).__name__\n\
                status = dict(line.split(':', 1) for line in open('/proc/self/status'))\n\
                [tried(lambda: os.mkfifo('fifo')), tried(lambda: os.mknod('disk', 0o600 | stat.S_IFBLK, os.makedev(8, 0))), tried(lambda: os.setuid(0)), \
                 int(status['CapEff'], 16), int(status['CapBnd'], 16), status['NoNewPrivs'].strip(), os.getuid() != 0]";
    assert_eq!(
        value(&session, code).await,
        "['done', 'PermissionError', 'PermissionError', 0, 0, '1', True]"
    );
}

/// How much is read of a file.
const LIMIT: ByteSize = ByteSize::mib(1);

async fn a_link_out_of_the_working_directory_leads_nowhere() {
    let (sandbox, session) = session().await;
    let outside = tempfile::NamedTempFile::new().unwrap();
    let code = format!(
        "import os\nos.symlink({:?}, 'out')\nos.symlink('/etc/passwd', 'in')\n_ = open('file', 'w').write('x')\n1",
        outside.path().to_str().unwrap()
    );
    assert_eq!(value(&session, &code).await, "1");
    let files = sandbox.files();
    assert_eq!(files.read("file", LIMIT).await.unwrap(), b"x"[..]);
    for link in ["out", "in"] {
        assert!(files.read(link, LIMIT).await.is_err(), "{link}");
        let _ = files.write(link, "planted").await;
    }
    assert_eq!(std::fs::read(outside.path()).unwrap(), b"", "the file of this machine is as it was");
    assert_eq!(value(&session, "'planted' in open('/etc/passwd').read()").await, "False");
}

async fn no_file_outside_can_be_had_under_another_name() {
    let (_sandbox, session) = session().await;
    let code = "import errno, os\ndef link(old, new):\n    try: return os.link(old, new) or 'done'\n    except OSError as error: return errno.errorcode[error.errno]\n\
                _ = open('own', 'w').write('x')\n\
                [link('own', 'again'), link('/etc/passwd', 'passwd'), link('/etc/hostname', 'hostname'), link('own', '/usr/bin/own'), link('own', '/run/hibernaculum/own')]";
    assert_eq!(value(&session, code).await, "['done', 'EXDEV', 'EXDEV', 'EROFS', 'EXDEV']");
}

async fn the_environment_of_the_host_stays_there() {
    let (name, secret) = std::env::vars()
        .find(|(name, value)| name.starts_with("CARGO") && value.len() > 8)
        .expect("cargo sets some");
    let spec = SandboxSpec::builder().env("OWN", "given").build().unwrap();
    let sandbox = crate::scene::sandbox(spec).await;
    let session = sandbox.session().await.unwrap();
    let code = format!(
        "import os\n[os.environ.get('OWN'), {name:?} in os.environ, {secret:?} in os.environ.values()]"
    );
    assert_eq!(value(&session, &code).await, "['given', False, False]");
}

/// It is a directory of this machine, on a disk that no limit of the sandbox bounds.
async fn nothing_more_can_be_put_beside_the_supervisors_socket() {
    if !rustix::process::geteuid().is_root() {
        return; // Whoever is not root has the same user as the sandbox: docs/docker.md says so.
    }
    let (_sandbox, session) = session().await;
    let code = "import os\ndef tried(call):\n    try: return call() or 'done'\n    except OSError as error: return type(error).__name__\n\
                [os.path.exists('/run/hibernaculum/s'), tried(lambda: open('/run/hibernaculum/x', 'w').close()), tried(lambda: os.unlink('/run/hibernaculum/s')), \
                 tried(lambda: os.chmod('/run/hibernaculum', 0o777)), tried(lambda: open('/hibernaculum/x', 'w').close())]";
    assert_eq!(
        value(&session, code).await,
        "[True, 'PermissionError', 'PermissionError', 'PermissionError', 'done']"
    );
}

async fn shared_memory_goes_with_its_sandbox() {
    let (sandbox, session) = session().await;
    let code = "_ = open('/dev/shm/left', 'w').write('x')\nimport os\nos.listdir('/dev/shm')";
    assert_eq!(value(&session, code).await, "['left']");
    let (_other, beside) = crate::scene::session().await;
    assert_eq!(value(&beside, "import os\nos.listdir('/dev/shm')").await, "[]");
    assert!(!std::path::Path::new("/dev/shm/left").exists());
    sandbox.close().await.unwrap();
}

async fn a_daemon_ends_with_its_sandbox() {
    let (sandbox, session) = session().await;
    let name = container(&sandbox);
    let code = "import subprocess\nsubprocess.run(['sh', '-c', 'setsid sh -c \"sleep 4242 & sleep 4242\" > /dev/null 2>&1 &']).returncode";
    assert_eq!(value(&session, code).await, "0");
    until("the control: it runs", || async {
        let top = engine().top_processes(&name, None::<bollard::query_parameters::TopOptions>).await.unwrap();
        let lines = format!("{:?}", top.processes);
        if lines.contains("sleep 4242") { Ok(()) } else { Err(lines) }
    })
    .await;
    sandbox.close().await.unwrap();
    let left = std::process::Command::new("sh")
        .args(["-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"])
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&left.stdout).contains("sleep 4242"), "a daemon outlived its sandbox");
}

async fn other_sandboxes_cannot_be_reached() {
    let ((_one, first), (_two, second)) = (session().await, session().await);
    let listen = "import os, socket\nserver = socket.create_server(('127.0.0.1', 4040))\nabstract = socket.socket(socket.AF_UNIX)\n\
                  abstract.bind('\\0hibernaculum-test')\nabstract.listen()\n_ = open('/tmp/mine', 'w').write('x')\nos.listdir('/tmp')";
    let reach = "import os, socket\ndef tried(call):\n    try: return call() and 'reached'\n    except OSError as error: return type(error).__name__\n\
                 [tried(lambda: socket.create_connection(('127.0.0.1', 4040))), tried(lambda: socket.socket(socket.AF_UNIX).connect('\\0hibernaculum-test') or True), \
                  os.path.exists('/tmp/mine')]";
    assert_eq!(value(&first, listen).await, "['mine']");
    assert_eq!(
        value(&first, reach).await,
        "['reached', 'reached', True]",
        "the control: they can be reached from within"
    );
    assert_eq!(value(&second, reach).await, "['ConnectionRefusedError', 'ConnectionRefusedError', False]");
}
