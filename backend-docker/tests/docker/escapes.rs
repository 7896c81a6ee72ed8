//! System calls that open ways around a sandbox: refused, beside the same calls in a container without our list.

use hibernaculum_backend_docker::{Hardening, Seccomp};
use hibernaculum_core::{Sandbox, SandboxSpec, Session};

use crate::closed::CALLS;
use crate::scene::{builder, session, value};

crate::tests![
    calls_that_lead_around_the_sandbox_are_refused,
    no_namespace_can_be_made_or_entered,
    only_sockets_of_harmless_families_can_be_made,
    calls_by_another_architectures_numbers_end_the_process,
    nothing_is_typed_on_a_terminal,
    what_ordinary_code_needs_is_allowed,
];

/// A session in a container in which every call may be made: the control.
async fn unconfined() -> (Sandbox, Session) {
    let hardening = Hardening { seccomp: Seccomp::Unconfined, ..Hardening::default() };
    let backend = builder().hardening(hardening).build().await.unwrap();
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    (sandbox, session)
}

async fn calls_that_lead_around_the_sandbox_are_refused() {
    let (_sandbox, confined) = session().await;
    // io_uring_setup, keyctl, add_key, bpf, perf_event_open, userfaultfd, mount, umount2, pivot_root, fsopen, open_tree, open_by_handle_at, kexec_load,
    // init_module, reboot, swapon, process_madvise, io_uring_enter, syslog, mbind, set_mempolicy, get_mempolicy, set_mempolicy_home_node
    let calls = "[425, 250, 248, 321, 298, 323, 165, 166, 155, 430, 428, 304, 246, 175, 169, 167, 440, 426, 103, 237, 238, 239, 450]";
    let code = format!("{CALLS}call(39), set(call(number, 0, 0, 0, 0, 0) for number in {calls})");
    assert_eq!(value(&confined, &code).await, "('done', {'EPERM'})");
    let (_other, free) = unconfined().await;
    // Two of them, as an unprivileged process meets them without a list: a pointer to nothing, and the id of its own keyring.
    let code = format!("{CALLS}'EPERM' in (call(425, 1, 0), call(250, 0, -3, 1))");
    assert_eq!(value(&free, &code).await, "False", "the control");
    assert_eq!(value(&confined, &code).await, "True");
}

async fn no_namespace_can_be_made_or_entered() {
    let (_sandbox, confined) = session().await;
    // unshare, clone with each of the namespaces' flags, setns, clone3
    let code = format!(
        "{CALLS}import os\nfd = os.open('/proc/self/ns/net', os.O_RDONLY)\n\
         [call(272, 0x10000000), set(call(56, flag | 17, 0, 0, 0, 0) for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)), \
         call(308, fd, 0), call(435, 0, 0)]"
    );
    assert_eq!(value(&confined, &code).await, "['EPERM', {'EPERM'}, 'EPERM', 'ENOSYS']");
    // A child without a namespace of its own is what fork and threads are.
    let fork = "import os, threading\nthreading.Thread(target=int).start()\npid = os.fork()\nif pid == 0: os._exit(7)\nos.waitpid(pid, 0)[1] >> 8";
    assert_eq!(value(&confined, fork).await, "7");
    let (_other, free) = unconfined().await;
    assert_ne!(value(&free, &format!("{CALLS}call(435, 0, 0)")).await, "'ENOSYS'", "the control");
}

async fn only_sockets_of_harmless_families_can_be_made() {
    let (_sandbox, confined) = session().await;
    // unix, inet, inet6; netlink, packet, alg, vsock, bluetooth; and inet with a bit that the kernel does not look at
    let code = format!(
        "{CALLS}[[call(41, family, 1, 0) for family in (1, 2, 10)], [call(41, family, 3, 0) for family in (16, 17, 38, 40, 31)]]"
    );
    assert_eq!(
        value(&confined, &code).await,
        "[['done', 'done', 'done'], ['EPERM', 'EPERM', 'EPERM', 'EPERM', 'EPERM']]"
    );
    let (_other, free) = unconfined().await;
    assert_eq!(value(&free, &format!("{CALLS}call(41, 16, 3, 0)")).await, "'done'", "the control");
}

/// Runs machine code in a child, and tells how that ends.
const MACHINE: &str = "
import ctypes, mmap, os
def machine(code):
    pid = os.fork()
    if pid == 0:
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(bytes.fromhex(code))
        function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        os._exit(0 if function() > 0 else 1)
    status = os.waitpid(pid, 0)[1]
    return status >> 8 if os.WIFEXITED(status) else -os.WTERMSIG(status)
";

async fn calls_by_another_architectures_numbers_end_the_process() {
    if !cfg!(target_arch = "x86_64") {
        return; // Its code is written for that.
    }
    let (_sandbox, confined) = session().await;
    // getpid: `mov eax, 39; syscall; ret`; as i386 knows it: `mov eax, 20; int 0x80; ret`; by x32's number: `mov eax, 0x40000027; syscall; ret`
    let code = format!(
        "{MACHINE}[machine(code) for code in ('b8270000000f05c3', 'b814000000cd80c3', 'b8270000400f05c3')]"
    );
    let said = value(&confined, &code).await;
    let ends: Vec<i32> = said.trim_matches(['[', ']']).split(", ").map(|end| end.parse().unwrap()).collect();
    assert_eq!(ends[0], 0, "the control: {said}");
    // SIGSYS; where the kernel does not know i386, SIGSEGV.
    assert!([-31, -11].contains(&ends[1]), "{said}");
    assert_ne!(ends[2], 0, "{said}");
}

async fn nothing_is_typed_on_a_terminal() {
    let (_sandbox, confined) = session().await;
    let code = "import fcntl, os, pty, termios\nmaster, slave = pty.openpty()\ndef tried(call):\n    try: return call() and 'done'\n    except OSError as error: return error.errno\n\
                [tried(lambda: fcntl.ioctl(slave, termios.TIOCGWINSZ, b' ' * 8)), tried(lambda: fcntl.ioctl(slave, termios.TIOCSTI, b'x'))]";
    assert_eq!(value(&confined, code).await, "['done', 1]");
}

async fn what_ordinary_code_needs_is_allowed() {
    let (_sandbox, confined) = session().await;
    let code = "
import asyncio, multiprocessing, os, shutil, socket, sqlite3, subprocess, tempfile, threading
out = []
out.append(asyncio.run(asyncio.wait_for(asyncio.sleep(0, 'slept'), 10)) if False else asyncio.new_event_loop().run_until_complete(asyncio.sleep(0, 'slept')))
with multiprocessing.get_context('fork').Pool(2) as pool: out.append(pool.map(abs, [-1, -2]))
out.append(subprocess.run(['sh', '-c', 'echo $((6 * 7))'], capture_output=True).stdout)
out.append(sqlite3.connect(':memory:').execute('select 1').fetchone())
with tempfile.TemporaryDirectory() as folder: out.append(os.path.isdir(folder))
left, right = socket.socketpair(); left.send(b'x'); out.append(right.recv(1))
out.append(os.memfd_create('x') > 0 and len(os.getrandom(4)))
import numpy; out.append(int(numpy.arange(1000).reshape(10, 100).dot(numpy.ones((100, 1))).sum()))
out";
    assert_eq!(value(&confined, code).await, "['slept', [1, 2], b'42\\n', (1,), True, b'x', 4, 499500]");
}
