//! Live checkpoints: a session's whole memory, frozen in milliseconds, to go back to and to branch from.

use hibernaculum_core::{CheckpointId, CheckpointInfo, CheckpointKind, CheckpointRequest, LiveLimits, SandboxSpec};

use crate::prelude::*;

cases! { "live checkpoints":
    a_session_goes_back_to_a_live_checkpoint [LIVE],
    branches_go_their_own_ways [LIVE, BRANCHES],
    many_branches_are_made_at_once [LIVE, BRANCHES],
    what_no_pickle_takes_is_in_a_checkpoint [LIVE, BRANCHES],
    a_branch_is_a_session_like_any_other [LIVE, BRANCHES, INTERRUPT, INPUT],
    a_branch_speaks_for_itself [LIVE, BRANCHES],
    lineage_is_kept [LIVE, BRANCHES],
    checkpoints_are_listed_with_what_they_take [LIVE],
    a_deleted_checkpoint_is_unknown [LIVE, BRANCHES],
    a_checkpoint_outlives_its_session_and_ends_with_its_sandbox [LIVE, BRANCHES],
    threads_forbid_a_live_checkpoint_by_name [LIVE],
    what_a_checkpoint_does_not_carry_is_warned_of [LIVE],
    a_sandbox_keeps_so_many_live_checkpoints [LIVE],
    a_sandbox_keeps_live_checkpoints_of_so_much_memory [LIVE],
    a_live_checkpoint_of_another_sandbox_is_refused [LIVE],
    a_checkpoint_whose_process_died_is_unknown [LIVE, BRANCHES],
    going_back_ends_what_was_started_since [LIVE],
    a_checkpoint_takes_its_turn [LIVE],
    a_crashed_branch_recovers_by_its_own_policy [LIVE, BRANCHES, Need::Feature(Feature::Guard)],
    a_pending_transaction_forbids_a_checkpoint [LIVE, Need::Feature(Feature::MemoryTransactions)],
    a_closed_session_makes_no_checkpoint [LIVE],
}

const LIVE: Need = Need::Feature(Feature::LiveCheckpoints);
const BRANCHES: Need = Need::Feature(Feature::Branches);

fn live() -> CheckpointRequest {
    CheckpointRequest::new(CheckpointKind::Live)
}

async fn freeze(session: &Session) -> Result<CheckpointInfo, Failure> {
    Ok(session.checkpoint(live()).await?)
}

async fn a_session_goes_back_to_a_live_checkpoint(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = [1]\nimport os; first = os.getpid()").await?.expect_completed()?;
    let checkpoint = freeze(&session).await?;
    ensure_eq("kind", checkpoint.kind, CheckpointKind::Live)?;
    for _ in 0..3 {
        session.run("x.append(2); y = 1").await?.expect_completed()?;
        session.restore(&checkpoint.id).await?;
        session.run("x, 'y' in globals(), os.getpid() != first").await?.expect_value("([1], False, True)")?;
    }
    ensure_eq("what it goes on from", session.info().await?.checkpoint, Some(checkpoint.id))
}

async fn branches_go_their_own_ways(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = [0]").await?.expect_completed()?;
    let checkpoint = freeze(&session).await?;
    session.run("x.append('original')").await?.expect_completed()?;
    let (left, right) = (session.branch(&checkpoint.id).await?, session.branch(&checkpoint.id).await?);
    left.run("x.append('left')").await?.expect_completed()?;
    right.run("x.append('right')").await?.expect_completed()?;
    for (session, word) in [(&session, "original"), (&left, "left"), (&right, "right")] {
        session.run("x").await?.expect_value(&format!("[0, '{word}']"))?;
    }
    Ok(())
}

async fn many_branches_are_made_at_once(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 40").await?.expect_completed()?;
    let id = freeze(&session).await?.id;
    let branches = futures_util::future::try_join_all((0..12).map(|_| session.branch(&id))).await?;
    for (n, branch) in branches.iter().enumerate() {
        branch.run(format!("x += {n}; x")).await?.expect_value(&(40 + n).to_string())?;
    }
    session.run("x").await?.expect_value("40")?;
    Ok(())
}

async fn what_no_pickle_takes_is_in_a_checkpoint(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import sqlite3, threading, asyncio\n\
                def count():\n    n = 0\n    while True:\n        n += 1\n        yield n\n\
                g = count(); next(g); next(g)\n\
                f = (lambda k: lambda: k)(7)\n\
                db = sqlite3.connect(':memory:'); db.execute('create table t (x)'); db.execute('insert into t values (3)')\n\
                lock = threading.Lock(); lock.acquire()\n\
                async def coroutine(): return 'awaited'\nc = coroutine()\n\
                def outer():\n    steps = []\n    def step(x):\n        steps.append(x)\n        return list(steps)\n    return step\n\
                step = outer(); step(1)";
    session.run(code).await?.expect_completed()?;
    let id = freeze(&session).await?.id;
    let look = "next(g), f(), db.execute('select x from t').fetchall(), lock.locked(), await c, step(2)";
    let expected = "(3, 7, [(3,)], True, 'awaited', [1, 2])";
    for _ in 0..2 {
        session.branch(&id).await?.run(look).await?.expect_value(expected)?;
    }
    session.run(look).await?.expect_value(expected)?;
    session.restore(&id).await?;
    session.run(look).await?.expect_value(expected)?;
    Ok(())
}

async fn a_branch_is_a_session_like_any_other(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("def f():\n    raise ValueError('here')").await?.expect_completed()?;
    let id = freeze(&session).await?.id;
    let branch = session.branch_with(&id, impatient().label("is", "branch")).await?;
    let info = branch.info().await?;
    ensure_eq("label", info.labels.get("is").map(String::as_str), Some("branch"))?;
    ensure("it has an id of its own", info.id != session.id())?;
    let result = branch.run("f()").await?;
    ensure("the traceback shows the source of f", result.expect_exception("ValueError")?.traceback.contains("raise ValueError"))?;
    let mut asks = branch.watch(asking("input('?')")).await?;
    let question = asks.until_question().await?;
    branch.answer(&question.token, "yes").await?;
    asks.finish().await?.expect_value("'yes'")?;
    let result = branch.run(within(std::time::Duration::from_millis(300), SLEEPER)).await?;
    result.expect_end(Status::TimedOut, &StateAfter::Kept)?;
    ensure_eq("sessions", session.backend().sessions(&info.sandbox).await?.len(), 2)?;
    branch.close().await?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn a_branch_speaks_for_itself(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os, sys\nkept = os.dup(1)\nprint('before')").await?.expect_completed()?;
    let id = freeze(&session).await?.id;
    let branch = session.branch(&id).await?;
    let code = "print('text', flush=True); os.write(1, b'raw\\n'); os.write(kept, b'dup\\n'); os.system('echo child'); sys.stderr.write('err')";
    for other in [&branch, &session, &branch] {
        other.run(code).await?.expect_stdout("text\nraw\ndup\nchild\n")?.expect_stderr("err")?;
    }
    branch.run("os.environ['HIBERNACULUM_SESSION']").await?.expect_value(&format!("'{}'", branch.id()))?;
    Ok(())
}

async fn lineage_is_kept(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let root = session.checkpoint(live().name("root")).await?;
    let child = freeze(&session).await?;
    let branch = session.branch(&root.id).await?;
    let grandchild = freeze(&branch).await?;
    session.restore(&root.id).await?;
    let other_child = freeze(&session).await?;
    ensure_eq("the root's name", root.name.as_deref(), Some("root"))?;
    let parents = [root.parent, child.parent, grandchild.parent, other_child.parent];
    ensure_eq("parents", parents, [None, Some(root.id), Some(root.id), Some(root.id)])?;
    let listed: Vec<_> = session.checkpoints().await?.into_iter().map(|info| info.id).collect();
    ensure_eq("those of the session, the oldest first", listed, vec![root.id, child.id, other_child.id])
}

async fn checkpoints_are_listed_with_what_they_take(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    ensure_eq("checkpoints at first", session.checkpoints().await?.len(), 0)?;
    session.run("data = bytearray(32 << 20)").await?.expect_completed()?;
    freeze(&session).await?;
    let small = session.checkpoints().await?.first().map_or(0, |info| info.size.as_u64());
    session.run("for i in range(0, len(data), 4096): data[i] = 1").await?.expect_completed()?;
    let large = session.checkpoints().await?.first().map_or(0, |info| info.size.as_u64());
    ensure(&format!("{small} bytes are less than {large}, by about 32 MiB"), large > small + (24 << 20))
}

async fn a_deleted_checkpoint_is_unknown(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let id = freeze(&session).await?.id;
    session.backend().delete_checkpoint(&id).await?;
    session.backend().delete_checkpoint(&id).await?;
    session.restore(&id).await.expect_code("checkpoint.unknown")?;
    session.branch(&id).await.expect_code("checkpoint.unknown")?;
    session.branch(&CheckpointId::new()).await.expect_code("checkpoint.unknown")?;
    ensure_eq("checkpoints", session.checkpoints().await?.len(), 0)?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn a_checkpoint_outlives_its_session_and_ends_with_its_sandbox(cx: &Context) -> Outcome {
    let sandbox = cx.new_sandbox(cx.spec()).await?;
    let session = sandbox.session().await?;
    session.run("x = 5").await?.expect_completed()?;
    let id = freeze(&session).await?.id;
    let backend = std::sync::Arc::clone(session.backend());
    session.close().await?;
    let info = backend.branch(&id, SessionSpec::default()).await?;
    Session::of(&backend, info.id).run("x").await?.expect_value("5")?;
    sandbox.close().await?;
    backend.branch(&id, SessionSpec::default()).await.expect_code("checkpoint.unknown")?;
    Ok(())
}

async fn threads_forbid_a_live_checkpoint_by_name(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import threading\nstop = threading.Event()\nthreading.Thread(target=stop.wait, name='busy-bee').start()";
    session.run(code).await?.expect_completed()?;
    let error = session.checkpoint(live()).await.expect_code("checkpoint.refused")?;
    let told = error.to_string();
    ensure("the refusal names the thread", told.contains("busy-bee"))?;
    ensure(&format!("`{told}` says what to do"), told.contains("end the threads that are named"))?;
    session.run("stop.set(); [t.join() for t in threading.enumerate() if t.name == 'busy-bee']").await?.expect_completed()?;
    freeze(&session).await?;
    Ok(())
}

async fn what_a_checkpoint_does_not_carry_is_warned_of(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    ensure_eq("warnings of a plain one", freeze(&session).await?.warnings, Vec::<String>::new())?;
    let code = "import socket, sqlite3, subprocess\ns = socket.socket()\nf = open('data.txt', 'w')\n\
                db = sqlite3.connect('data.db'); db.execute('create table t (x)'); db.commit()\n\
                child = subprocess.Popen(['sleep', '60'])";
    session.run(code).await?.expect_completed()?;
    let warnings = freeze(&session).await?.warnings.join("; ");
    for word in ["socket", "data.txt", "SQLite", "data.db", "1 child process"] {
        ensure(&format!("`{warnings}` tells of {word}"), warnings.contains(word))?;
    }
    Ok(())
}

async fn a_sandbox_keeps_so_many_live_checkpoints(cx: &Context) -> Outcome {
    let mut spec: SandboxSpec = cx.spec();
    spec.live_checkpoints = LiveLimits::default().count(2);
    let sandbox = cx.new_sandbox(spec).await?;
    let (first, second) = (sandbox.session().await?, sandbox.session().await?);
    let id = freeze(&first).await?.id;
    freeze(&second).await?;
    second.checkpoint(live()).await.expect_code("checkpoint.limit")?;
    sandbox.backend().delete_checkpoint(&id).await?;
    freeze(&second).await?;
    first.checkpoint(live()).await.expect_code("checkpoint.limit")?;
    Ok(())
}

async fn a_sandbox_keeps_live_checkpoints_of_so_much_memory(cx: &Context) -> Outcome {
    let mut spec: SandboxSpec = cx.spec();
    spec.live_checkpoints = LiveLimits::default().memory(hibernaculum_core::ByteSize::mib(24));
    let sandbox = cx.new_sandbox(spec).await?;
    let session = sandbox.session().await?;
    session.run("data = bytearray(32 << 20)").await?.expect_completed()?;
    freeze(&session).await?;
    session.run("for i in range(0, len(data), 4096): data[i] = 1").await?.expect_completed()?;
    session.checkpoint(live()).await.expect_code("checkpoint.limit")?;
    Ok(())
}

async fn a_live_checkpoint_of_another_sandbox_is_refused(cx: &Context) -> Outcome {
    let (here, there) = (cx.session().await?, cx.new_sandbox(cx.spec()).await?);
    let foreign = there.session().await?;
    let id = freeze(&foreign).await?.id;
    here.run("x = 1").await?.expect_completed()?;
    here.restore(&id).await.expect_code("checkpoint.refused")?;
    here.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn a_checkpoint_whose_process_died_is_unknown(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os\nx = 1").await?.expect_completed()?;
    let id = freeze(&session).await?.id;
    // All that sleeps of this session: its copies are children of its own parent, and know its namespace by heart.
    let kill = "me, parent = os.getpid(), os.getppid()\n\
                for pid in map(int, open(f'/proc/{parent}/task/{parent}/children').read().split()):\n    if pid > me: os.kill(pid, 9)";
    session.run(kill).await?.expect_completed()?;
    eventually("the checkpoint is no longer listed", || async {
        let listed = session.checkpoints().await.map_err(|error| error.to_string())?;
        if listed.is_empty() { Ok(()) } else { Err(format!("{listed:?}")) }
    })
    .await?;
    session.branch(&id).await.expect_code("checkpoint.unknown")?;
    session.restore(&id).await.expect_code("checkpoint.unknown")?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn going_back_ends_what_was_started_since(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    session.run("import subprocess, os").await?.expect_completed()?;
    let id = freeze(&session).await?.id;
    let result = session.run("child = subprocess.Popen(['sleep', '60'])\n[child.pid, os.getpid()]").await?;
    let pids = result.json().cloned().unwrap_or_default();
    session.restore(&id).await?;
    let look = format!("import os\n[os.path.exists(f'/proc/{{pid}}') and open(f'/proc/{{pid}}/stat').read().split(') ')[1][0] not in 'ZX' for pid in {pids}]");
    other.run(look).await?.expect_value("[False, False]")?;
    session.run("'child' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn a_checkpoint_takes_its_turn(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    session.run("x = 1").await?.expect_completed()?;
    let mut before = session.watch(format!("{}x = 2", wait_for("go"))).await?;
    before.until_started().await?;
    let (checkpoint, made) = tokio::join!(session.checkpoint(live()), async {
        other.run(make("go")).await?.expect_completed()?;
        Ok::<_, Failure>(())
    });
    made?;
    before.finish().await?.expect_completed()?;
    session.branch(&checkpoint?.id).await?.run("x").await?.expect_value("2")?;
    Ok(())
}

async fn a_crashed_branch_recovers_by_its_own_policy(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os\nx = 1").await?.expect_completed()?;
    let id = freeze(&session).await?.id;
    let guarded = session.branch_with(&id, SessionSpec::default().recovery(RecoveryPolicy::Guard)).await?;
    let unforgiving = session.branch_with(&id, SessionSpec::default().recovery(RecoveryPolicy::None)).await?;
    let fresh = session.branch(&id).await?;
    for _ in 0..2 {
        guarded.run("x = 2; os._exit(1)").await?.expect_status(Status::Crashed)?;
        guarded.run("x").await?.expect_value("1")?;
    }
    unforgiving.run("os._exit(1)").await?.expect_end(Status::Crashed, &StateAfter::Lost)?;
    unforgiving.start("1").await.expect_code("session.crashed")?;
    fresh.run("os._exit(1)").await?.expect_end(Status::Crashed, &StateAfter::Lost)?;
    fresh.run("'x' in globals()").await?.expect_value("False")?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn a_pending_transaction_forbids_a_checkpoint(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let id = freeze(&session).await?.id;
    let explicit = hibernaculum_core::TransactionPolicy::Explicit { scope: hibernaculum_core::TransactionScope::Memory };
    let pending = session.run(ExecutionRequest::new("x = 1").transaction(explicit)).await?.execution;
    session.checkpoint(live()).await.expect_code("session.transaction_pending")?;
    session.restore(&id).await.expect_code("session.transaction_pending")?;
    session.commit(&pending).await?;
    freeze(&session).await?;
    Ok(())
}

async fn a_closed_session_makes_no_checkpoint(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let (backend, id) = (std::sync::Arc::clone(session.backend()), session.id());
    session.close().await?;
    backend.checkpoint(&id, live()).await.expect_code("session.closed")?;
    backend.checkpoint(&SessionId::new(), live()).await.expect_code("session.unknown")?;
    Ok(())
}
