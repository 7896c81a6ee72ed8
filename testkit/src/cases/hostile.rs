//! Attacks from inside a session: at most that session is hurt. A neighbour in the same sandbox answers all along, and new sessions open.
//!
//! ```text
//!  attacker ── the attack, at most 3 s ────────────────▶ whatever comes of it: an outcome, and in time
//!  neighbour ── x + 1 ── x + 1 ── x + 1 ── … ─────────▶ 42, each time
//!  afterwards: the neighbour's state, the attacker's next answer or its refusal, a new session's first answer
//! ```
//!
//! What isolation levels keep out (other users' files, signals to the supervisor) is the subject of other modules: these attacks are
//! possible at every level.

use std::time::{Duration, Instant};

use crate::prelude::*;

cases! { "hostile":
    garbage_on_every_descriptor_hurts_one_session [INTERRUPT],
    reading_every_descriptor_hurts_one_session [INTERRUPT],
    shut_down_sockets_hurt_one_session [INTERRUPT],
    descriptors_made_nonblocking_hurt_nobody [INTERRUPT],
    every_signal_handler_replaced_hurts_one_session [INTERRUPT],
    shared_memory_overwritten_hurts_one_session [INTERRUPT],
    hundreds_of_children_hurt_nobody_else [INTERRUPT],
    hundreds_of_threads_hurt_nobody_else [INTERRUPT],
    thousands_of_zombies_hurt_nobody_else [INTERRUPT],
    a_flood_from_many_children_hurts_nobody_else [INTERRUPT],
    descriptors_used_up_hurt_one_session [INTERRUPT],
    a_flood_of_connections_hurts_nobody [INTERRUPT],
    half_a_handshake_hurts_nobody [INTERRUPT],
    interrupts_from_inside_hurt_nobody_else [INTERRUPT],
    a_forged_rollback_hurts_one_session [Need::Feature(Feature::MemoryTransactions)],
}

/// How long the attack may go on.
const ATTACK: Duration = Duration::from_secs(3);
/// How long a neighbour's answer may take meanwhile. A machine that is overloaded has the time to breathe; a supervisor that waits has not.
const ANSWER: Duration = Duration::from_secs(8);

/// How often the neighbour is asked at least. (So often, and not so long: a recorded run is asked as often, whatever the clock.)
const ROUNDS: u32 = 15;

/// Runs an attack beside a neighbour.
async fn attack(cx: &Context, code: &str) -> Outcome {
    attack_within(cx, ATTACK, code).await
}

/// The same, where it may go on for so long.
async fn attack_within(cx: &Context, limit: Duration, code: &str) -> Outcome {
    let (attacker, neighbour) = (cx.session().await?, cx.session().await?);
    neighbour.run("x = 41").await?.expect_completed()?;
    attacker.run("before = 1").await?.expect_completed()?;

    let attacking = attacker.execute(ExecutionRequest::new(code).timeout(Timeout::After(limit)));
    tokio::pin!(attacking);
    let mut is_over = false;
    let begun = Instant::now();
    let mut rounds = 0;
    while !is_over || rounds < ROUNDS {
        rounds += 1;
        let answer = tokio::time::timeout(ANSWER, neighbour.run("x + 1"));
        tokio::pin!(answer);
        let answered = loop {
            tokio::select! {
                biased;
                // Whatever came of the attack: that it came to an end is what counts.
                _ = &mut attacking, if !is_over => is_over = true,
                answered = &mut answer => break answered,
            }
        };
        match answered {
            Ok(result) => result?.expect_value("42")?,
            Err(_) => return Err(Failure::new(format!("the neighbour had no answer within {ANSWER:?}"))),
        };
        if begun.elapsed() > Duration::from_secs(20) {
            return Err(Failure::new("the attack outlived its deadline".to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    neighbour.run("x").await?.expect_value("41")?;
    // The attacker's session goes on, with or without its state, or says that it does not.
    if let Ok(result) = attacker.execute("1 + 1").await {
        result.expect_value("2")?;
    }
    let sandbox = cx.sandbox().await?;
    sandbox.session().await?.run("1 + 1").await?.expect_value("2")?;
    Ok(())
}

async fn garbage_on_every_descriptor_hurts_one_session(cx: &Context) -> Outcome {
    attack(
        cx,
        "import os
for garbage in (b'\\xff' * 4096, b'\\x00\\x00\\x00\\x02{}', b'\\x7f\\xff\\xff\\xff', b'[' * 5000):
    for fd in range(3, 1024):
        try: os.set_blocking(fd, False); os.write(fd, garbage)
        except OSError: pass",
    )
    .await
}

async fn reading_every_descriptor_hurts_one_session(cx: &Context) -> Outcome {
    attack(
        cx,
        "import os, time
for _ in range(200):
    for fd in range(3, 1024):
        try: os.set_blocking(fd, False); os.read(fd, 65536)
        except OSError: pass
    time.sleep(0.002)",
    )
    .await
}

async fn shut_down_sockets_hurt_one_session(cx: &Context) -> Outcome {
    attack(
        cx,
        "import os, socket, stat
for fd in range(3, 1024):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode): socket.socket(fileno=os.dup(fd)).shutdown(socket.SHUT_RDWR)
    except OSError: pass",
    )
    .await
}

async fn descriptors_made_nonblocking_hurt_nobody(cx: &Context) -> Outcome {
    attack(
        cx,
        "import os, subprocess
for fd in range(0, 1024):
    try: os.set_blocking(fd, False)
    except OSError: pass
print('x' * 1_000_000)
subprocess.run(['sh', '-c', 'head -c 1000000 /dev/zero'])",
    )
    .await?;
    let session = cx.session().await?;
    session.run("1 + 1").await?.expect_value("2")?;
    Ok(())
}

async fn every_signal_handler_replaced_hurts_one_session(cx: &Context) -> Outcome {
    attack(
        cx,
        "import signal
for number in signal.valid_signals():
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
while True: pass",
    )
    .await
}

async fn shared_memory_overwritten_hurts_one_session(cx: &Context) -> Outcome {
    attack(
        cx,
        "import re
with open('/proc/self/maps') as maps, open('/proc/self/mem', 'r+b', buffering=0) as memory:
    for line in maps:
        if 'memfd' in line or '/dev/zero' in line or 'rw-s' in line:
            start, end = (int(part, 16) for part in re.match('([0-9a-f]+)-([0-9a-f]+)', line).groups())
            for fill in (b'\\xff', b'\\x00', b'\\x7f'):
                try: memory.seek(start); memory.write(fill * (end - start))
                except OSError: pass
print('still here')",
    )
    .await
}

async fn hundreds_of_children_hurt_nobody_else(cx: &Context) -> Outcome {
    attack(
        cx,
        "import os, time
for _ in range(200):
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
        os._exit(0)
while True: time.sleep(1)",
    )
    .await
}

async fn hundreds_of_threads_hurt_nobody_else(cx: &Context) -> Outcome {
    attack(
        cx,
        "import threading, time
for _ in range(300): threading.Thread(target=lambda: time.sleep(60), daemon=True).start()
while True: pass",
    )
    .await
}

async fn thousands_of_zombies_hurt_nobody_else(cx: &Context) -> Outcome {
    // To its end, and not to its deadline: how far it comes until then is up to the machine.
    let orphans = if cx.is_recorded() { 100 } else { 500 };
    let code = format!(
        "import os
for _ in range({orphans}):
    if os.fork() == 0:  # its child is an orphan at once, and somebody else's to reap
        if os.fork() == 0: os._exit(0)
        os._exit(0)"
    );
    attack_within(cx, ATTACK * 4, &code).await
}

async fn a_flood_from_many_children_hurts_nobody_else(cx: &Context) -> Outcome {
    // Until its deadline; or, on a cassette, to the end of what that can hold. All children print the same, so that nobody sees how it is mixed.
    let goes_on = if cx.is_recorded() { "[ $i -lt 200 ]" } else { ":" };
    let script = format!(
        "i=0; while {goes_on}; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxx; echo y >&2; i=$((i + 1)); done"
    );
    let code = format!(
        "import subprocess
flood = [subprocess.Popen(['sh', '-c', {script:?}]) for _ in range(8)]
for child in flood: child.wait()"
    );
    attack_within(cx, if cx.is_recorded() { ATTACK * 4 } else { ATTACK }, &code).await
}

async fn descriptors_used_up_hurt_one_session(cx: &Context) -> Outcome {
    attack(
        cx,
        "import os
held = []
try:
    while len(held) < 100_000: held.append(os.open('/dev/null', os.O_RDONLY))
except OSError: pass
print(len(held) > 100)
import subprocess
try: subprocess.run(['true'])
except OSError: pass",
    )
    .await
}

/// Finds the supervisor's socket as an attacker would, and connects to it.
const CONNECT: &str = "import os, socket, time
def supervisors():
    with open('/proc/net/unix') as sockets:
        for line in sockets:
            path = line.split()[-1]
            if path.startswith('/') and os.path.dirname(path) in (os.path.dirname(os.getcwd()), os.getcwd()): yield path
def connection():
    for path in supervisors():
        made = socket.socket(socket.AF_UNIX)
        made.setblocking(False)
        try:
            made.connect(path)
            return made
        except OSError: made.close()
held = []
";

async fn a_flood_of_connections_hurts_nobody(cx: &Context) -> Outcome {
    let code = "for round in range(300):
    made = connection()
    if made: held.append(made)
    if len(held) > 100: held.pop(0).close()
    time.sleep(0.002)";
    attack(cx, &format!("{CONNECT}{code}")).await
}

async fn half_a_handshake_hurts_nobody(cx: &Context) -> Outcome {
    let code = r#"for said in [b'\x00', b'\x00\x00\x00\x10{"jso', b'\x7f\xff\xff\xff', b'\x80\x00\x00\x08' + b'x' * 8, b'GET / HTTP/1.1\r\n\r\n',
             b'\x00\x00\x00\x02[]', b'\x00\x00\x00\x02{}', b'\x00\x00\x01\x00' + b'[' * 256, b'\xff' * 100_000]:
    for _ in range(5):
        made = connection()
        if made:
            held.append(made)
            try: made.send(said)
            except OSError: pass
time.sleep(0.5)"#;
    attack(cx, &format!("{CONNECT}{code}")).await
}

async fn interrupts_from_inside_hurt_nobody_else(cx: &Context) -> Outcome {
    attack(
        cx,
        "import os, signal, time
for _ in range(50):
    os.kill(os.getpid(), signal.SIGINT) if _ > 48 else os.kill(os.getpid(), signal.SIGWINCH)
    time.sleep(0.001)
while True: time.sleep(1)",
    )
    .await
}

async fn a_forged_rollback_hurts_one_session(cx: &Context) -> Outcome {
    let (attacker, neighbour) = (cx.session().await?, cx.session().await?);
    neighbour.run("x = 41").await?.expect_completed()?;
    attacker.run("y = 1").await?.expect_completed()?;
    // The answer that the host waits for, on the session's own connection; and then no rollback.
    let forge = r#"
import json, os, socket, time
y = 2
number = int(__import__('sys')._getframe().f_code.co_filename.strip('<>').split()[1])
answer = {"jsonrpc": "2.0", "id": number, "result": {"execution": number, "status": "failed", "count": 1, "transaction": "rolled_back",
    "error": {"type": "Forged", "module": "builtins", "message": "", "traceback": "Forged", "frames": []},
    "timings": {"compile_us": 1, "run_us": 1, "capture_us": 1}, "cpu_us": 1, "memory_bytes": 1, "memory_delta": 0, "raw": [0, 0], "text_pos": 0, "at": 1}}
body = json.dumps(answer).encode()
for name in os.listdir('/proc/self/fd'):
    try:
        if socket.socket(fileno=os.dup(int(name))).type == socket.SOCK_STREAM:
            os.write(int(name), len(body).to_bytes(4, 'big') + body)
    except OSError:
        pass
time.sleep(60)
"#;
    let policy = hibernaculum_core::TransactionPolicy::CommitOnSuccess { scope: hibernaculum_core::TransactionScope::Memory };
    let request = ExecutionRequest::new(forge).transaction(policy).timeout(Duration::from_mins(1));
    let result = attacker.run(request).await?;
    ensure("it was no success", result.status() != Status::Completed)?;
    neighbour.run("x + 1").await?.expect_value("42")?;
    let after = attacker.run("globals().get('y')").await?;
    ensure("what it did is undone, or all is lost", matches!(after.json(), None | Some(serde_json::Value::Number(_))))?;
    ensure_eq("what the attacker has of it", after.json().is_some_and(|y| *y == 2), false)
}
