//! Each limit of the contract, reached for real; what is within it works.

use std::time::{Duration, Instant};

use bollard::query_parameters::TopOptions;
use hibernaculum_backend_docker::floor::Floor;
use hibernaculum_core::{
    ByteSize, CrashCause, ExecutionRequest, Limits, RecoveryPolicy, Sandbox, SandboxSpec, SessionSpec,
    StateAfter, Status,
};

use crate::scene::{builder, container, engine, refused, run, sandbox, shown, value, within};

crate::tests![
    a_session_that_takes_all_memory_is_told_as_that,
    a_guard_saves_what_was_there_before_memory_ran_out,
    a_sandbox_whose_own_processes_memory_costs_says_so,
    many_processes_share_one_limit_of_memory,
    a_share_of_the_processors_is_kept,
    sandboxes_and_bare_containers_run_where_they_are_put,
    a_fork_bomb_reaches_its_limit_and_others_work,
    a_full_disk_is_full_wherever_one_writes,
    files_without_content_are_bounded_too,
    a_sandbox_ends_when_its_time_is_over,
];

async fn with(limits: Limits) -> Sandbox {
    sandbox(SandboxSpec::builder().limits(limits).build().unwrap()).await
}

const GREED: &str = "x = []\nwhile True: x.append(bytearray(b'x' * (1 << 20)))";

async fn a_session_that_takes_all_memory_is_told_as_that() {
    let sandbox = with(Limits { memory: Some(ByteSize::mib(160)), ..Limits::default() }).await;
    let (greedy, other) = (sandbox.session().await.unwrap(), sandbox.session().await.unwrap());
    assert_eq!(value(&other, "x = 41\nlen(bytearray(b'x' * (32 << 20)))").await, "33554432", "the control");
    let ended = run(&greedy, GREED).await;
    assert_eq!((ended.status(), ended.state()), (Status::Crashed, &StateAfter::Lost));
    assert_eq!(ended.crash(), Some(&CrashCause::OutOfMemory));
    assert_eq!(value(&greedy, "6 * 7").await, "42", "the session goes on");
    assert_eq!(value(&other, "x + 1").await, "42", "another session has not felt it");
    // A kill of another's is no want of memory.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let killed = run(&greedy, "import os\nos.kill(os.getpid(), 9)").await;
    assert_eq!(killed.crash(), Some(&CrashCause::Signal { signal: 9, name: "SIGKILL".to_owned() }));
}

async fn a_guard_saves_what_was_there_before_memory_ran_out() {
    let sandbox = with(Limits { memory: Some(ByteSize::mib(192)), ..Limits::default() }).await;
    let spec = SessionSpec::default().recovery(RecoveryPolicy::Guard);
    let session = sandbox.session_with(spec).await.unwrap();
    assert_eq!(value(&session, "precious = [41]\nprecious").await, "[41]");
    let ended = run(&session, GREED).await;
    assert_eq!(ended.crash(), Some(&CrashCause::OutOfMemory));
    assert!(matches!(ended.state(), StateAfter::Restored { .. }), "{:?}", ended.state());
    assert_eq!(value(&session, "precious[0] + 1, 'x' in globals()").await, "(42, False)");
}

/// The processes of a container, by this machine's numbers and by its own.
async fn processes(container: &str) -> Vec<(u64, String)> {
    let top = engine().top_processes(container, None::<TopOptions>).await.unwrap();
    let column = top.titles.unwrap().iter().position(|title| title == "PID").unwrap();
    let pids = top.processes.unwrap().into_iter().map(|row| row[column].parse::<u64>().unwrap());
    pids.filter_map(|pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let inside =
            status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_whitespace().last()?;
        Some((pid, inside.to_owned()))
    })
    .collect()
}

/// The kernel kills a session, as a rule: the runner sees to that. Here it is told to kill everything else first.
async fn a_sandbox_whose_own_processes_memory_costs_says_so() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root may say that of another user's processes.
    }
    let sandbox = with(Limits { memory: Some(ByteSize::mib(160)), ..Limits::default() }).await;
    let session = sandbox.session().await.unwrap();
    let own = value(&session, "import os\nos.getpid()").await;
    let others: Vec<_> =
        processes(&container(&sandbox)).await.into_iter().filter(|(_, inside)| *inside != own).collect();
    assert!(others.len() >= 2, "the first process and the supervisor: {others:?}");
    for (pid, _) in &others {
        std::fs::write(format!("/proc/{pid}/oom_score_adj"), "1000").unwrap();
    }
    // What becomes of the code depends on who was faster.
    let _ = within(session.execute(GREED)).await;
    let error = within(session.execute("1")).await.expect_err("the sandbox is gone");
    assert_eq!(error.code(), "sandbox.lost", "{error}");
    assert!(error.to_string().contains("memory ran out in its container"), "{error}");
}

async fn many_processes_share_one_limit_of_memory() {
    let sandbox = with(Limits { memory: Some(ByteSize::mib(256)), ..Limits::default() }).await;
    let session = sandbox.session().await.unwrap();
    // Each by itself is well within it.
    let code = "
import subprocess, sys
eater = 'x = bytearray(b\"x\" * (48 << 20)); print(len(x), flush=True); import time; time.sleep(60)'
children = [subprocess.Popen([sys.executable, '-c', eater], stdout=subprocess.PIPE) for _ in range(8)]
said = [child.stdout.readline() for child in children]
silent = [child.wait() for child, line in zip(children, said) if not line]
for child in children: child.kill()
(b'50331648\\n' in said, -9 in silent)";
    let ended = run(&session, code).await;
    assert_eq!(shown(&ended), "(True, True)");
    assert_eq!(value(&session, "1 + 1").await, "2");
}

async fn a_share_of_the_processors_is_kept() {
    const BURN: &str = "import time\nbegan, used = time.monotonic(), time.process_time()\nwhile time.monotonic() - began < 2: pass\n\
                        (time.process_time() - used) / (time.monotonic() - began)";
    let share = async |cpus: f64| {
        let sandbox = with(Limits { cpus: Some(cpus), ..Limits::default() }).await;
        let session = sandbox.session().await.unwrap();
        value(&session, BURN).await.parse::<f64>().unwrap()
    };
    let (tenth, whole) = (share(0.1).await, share(1.0).await);
    assert!(tenth < 0.15, "{tenth}");
    // On a machine that is busy with everything else it is far from the whole.
    assert!(whole > 1.5 * tenth, "the control: {whole}");
}

async fn sandboxes_and_bare_containers_run_where_they_are_put() {
    const HERE: &str =
        "import os; open('/run/hibernaculum/cpus', 'w').write(repr(os.sched_getaffinity(0))); print()";
    let last = engine().info().await.unwrap().ncpu.unwrap() - 1;
    let put = || builder().cpuset(last.to_string());
    let backend = put().build().await.unwrap();
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let expected = format!("{{{last}}}");
    assert_eq!(value(&session, "import os\nos.sched_getaffinity(0)").await, expected);
    let bare = Floor::new(put()).await.unwrap().bare().await.unwrap();
    bare.exec(["python3", "-c", HERE]).await.unwrap();
    let (shared, _) = bare.shared().unwrap();
    assert_eq!(std::fs::read_to_string(shared.join("cpus")).unwrap(), expected);
    bare.close().await;
    let error = refused(builder().cpuset("0;1").build().await.map(drop));
    assert!(error.code() == "config.invalid" && error.explain().why.contains("0-3,7"), "{}", error.explain());
}

async fn a_fork_bomb_reaches_its_limit_and_others_work() {
    let sandbox = with(Limits { processes: Some(48), ..Limits::default() }).await;
    let (bomb, other) = (sandbox.session().await.unwrap(), sandbox.session().await.unwrap());
    let code = "
import os, time
made = []
try:
    for _ in range(500):
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
            os._exit(0)
        made.append(pid)
except BlockingIOError as error:
    reached = True
(reached, 20 < len(made) < 48)";
    assert_eq!(value(&bomb, code).await, "(True, True)");
    assert_eq!(value(&other, "sum(range(1000))").await, "499500");
    bomb.close().await.unwrap();
    let again = within(sandbox.session()).await.unwrap();
    assert_eq!(
        value(&again, "import os\nos.waitpid(os.fork() or os._exit(3), 0)[1] >> 8").await,
        "3",
        "what the bomb took is free again"
    );
}

async fn a_full_disk_is_full_wherever_one_writes() {
    let disk = ByteSize::mib(32);
    let sandbox = with(Limits { disk: Some(disk), ..Limits::default() }).await;
    let session = sandbox.session().await.unwrap();
    let code = "
import errno, os
def fill(folder):
    total = 0
    try:
        with open(os.path.join(folder, 'fill'), 'wb', 0) as file:
            while True: total += file.write(b'x' * 65536)
    except OSError as error:
        return total, errno.errorcode[error.errno]
places = [fill(folder) for folder in ('.', '/tmp', '/dev/shm', os.environ['HIBERNACULUM_PACKAGES'])]
sum(total for total, _ in places), places[0][0] > (10 << 20), {why for _, why in places}";
    let said = value(&session, code).await;
    let total: u64 = said.trim_start_matches('(').split(',').next().unwrap().parse().unwrap();
    assert!(total <= disk.as_u64() && total > disk.as_u64() / 2, "{said}");
    assert!(said.ends_with("True, {'ENOSPC'})"), "{said}");
    assert_eq!(value(&session, "os.remove('fill')\nopen('again', 'w').write('x')").await, "1");
}

async fn files_without_content_are_bounded_too() {
    let sandbox = with(Limits { disk: Some(ByteSize::mib(16)), ..Limits::default() }).await;
    let session = sandbox.session().await.unwrap();
    let code = "
import errno
count = 0
try:
    while count < 1_000_000:
        open(f'{count}', 'w').close()
        count += 1
except OSError as error:
    why = errno.errorcode[error.errno]
(100 < count < 10_000, why)";
    assert_eq!(value(&session, code).await, "(True, 'ENOSPC')");
}

async fn a_sandbox_ends_when_its_time_is_over() {
    let sandbox = with(Limits { wall_time: Some(Duration::from_secs(2)), ..Limits::default() }).await;
    let session = sandbox.session().await.unwrap();
    assert_eq!(value(&session, "1 + 1").await, "2", "the control");
    let began = Instant::now();
    let ended = within(
        session
            .execute(ExecutionRequest::new("import time\ntime.sleep(600)").timeout(Duration::from_mins(5))),
    )
    .await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(ended.is_err() || !ended.unwrap().is_completed());
    let error = session.execute("1").await.expect_err("it is gone");
    assert_eq!(error.code(), "sandbox.lost");
    assert!(error.to_string().contains("wall time of 2s is over"), "{error}");
}
