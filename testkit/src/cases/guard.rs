//! Guards: a crash costs one execution, and the session goes on from the state before it.

use std::time::Duration;

use hibernaculum_core::RestoredFrom;

use crate::prelude::*;

cases! { "guard":
    smoke a_crash_under_a_guard_costs_one_execution [GUARD],
    every_kind_of_crash_is_named_and_mended [GUARD],
    code_that_must_be_killed_at_its_deadline_is_undone [GUARD],
    output_before_a_mended_crash_is_whole [GUARD],
    a_mended_session_behaves_as_before [GUARD, INTERRUPT, INPUT],
    asyncio_goes_on_after_a_mended_crash [GUARD],
    what_waits_runs_on_the_mended_session [GUARD],
    a_guard_that_cannot_stand_is_warned_of [GUARD],
    an_answered_execution_is_never_undone_in_silence [GUARD],
    child_processes_end_with_a_mended_crash_and_it_is_said [GUARD],
    a_guarded_session_of_a_gigabyte_is_mended [GUARD],
    a_hundred_crashes_leave_nothing_behind [GUARD],
    an_exception_under_a_guard_is_kept [GUARD],
}

const GUARD: Need = Need::Feature(Feature::Guard);

fn guarded() -> SessionSpec {
    impatient().recovery(RecoveryPolicy::Guard)
}

/// The result of an execution that was undone.
pub(super) trait Mended {
    fn expect_mended(&self, status: Status, cause: &CrashCause) -> Result<&Self, Failure>;
}

impl Mended for hibernaculum_core::ExecutionResult {
    fn expect_mended(&self, status: Status, cause: &CrashCause) -> Result<&Self, Failure> {
        let from = RestoredFrom::Guard(self.execution);
        self.expect_end(status, &StateAfter::Restored { from })?;
        ensure_eq("cause", self.outcome.crash.as_ref(), Some(cause))?;
        Ok(self)
    }
}

async fn a_crash_under_a_guard_costs_one_execution(cx: &Context) -> Outcome {
    let session = cx.session_with(guarded()).await?;
    session.run("x = [1]\ng = iter(range(9)); next(g)").await?.expect_completed()?;
    let result = session.run("x.append(2); next(g)\nimport ctypes\nctypes.string_at(0)").await?;
    result.expect_mended(Status::Crashed, &signal(11, "SIGSEGV"))?;
    session.run("x, next(g)").await?.expect_value("([1], 1)")?;
    let info = session.info().await?;
    ensure_eq("crashes that lost the state", info.crashes, 0)?;
    ensure_eq("id", info.id, session.id())
}

async fn every_kind_of_crash_is_named_and_mended(cx: &Context) -> Outcome {
    let session = cx.session_with(guarded()).await?;
    session.run("import os, signal\nx = 0").await?.expect_completed()?;
    for (code, cause) in [
        ("os._exit(0)", CrashCause::Exit { code: 0 }),
        ("os._exit(7)", CrashCause::Exit { code: 7 }),
        ("os.abort()", signal(6, "SIGABRT")),
        ("os.kill(os.getpid(), signal.SIGKILL)", signal(9, "SIGKILL")),
        ("os.killpg(0, signal.SIGKILL)", signal(9, "SIGKILL")),
        ("os.kill(os.getpid(), signal.SIGTERM); import time; time.sleep(20)", signal(15, "SIGTERM")),
        ("os.execvp('sh', ['sh', '-c', 'exit 5'])", CrashCause::Exit { code: 5 }),
    ] {
        let result = session.run(format!("x += 1\n{code}")).await?;
        result.expect_mended(Status::Crashed, &cause).map_err(|failure| failure.within(code))?;
        session.run("x").await?.expect_value("0")?;
    }
    let result = session.run("x += 1\nos.closerange(0, 1 << 16)").await?;
    let from = RestoredFrom::Guard(result.execution);
    result.expect_end(Status::Crashed, &StateAfter::Restored { from })?;
    session.run("x").await?.expect_value("0")?;
    Ok(())
}

async fn code_that_must_be_killed_at_its_deadline_is_undone(cx: &Context) -> Outcome {
    let session = cx.session_with(guarded()).await?;
    session.run("x = [1]").await?.expect_completed()?;
    let in_c = "x.append(2)\nimport itertools\nany(itertools.repeat(False))";
    for code in [format!("x.append(2)\n{STUBBORN}"), in_c.to_owned()] {
        let result = session.run(within(Duration::from_secs(1), &code)).await?;
        result.expect_mended(Status::TimedOut, &killed("deadline"))?;
        session.run("x").await?.expect_value("[1]")?;
    }
    Ok(())
}

async fn output_before_a_mended_crash_is_whole(cx: &Context) -> Outcome {
    let session = cx.session_with(guarded()).await?;
    let code = "import os, sys\nfor i in range(5000): print(i)\nsys.stdout.flush()\nos.write(1, b'raw\\n')\nsys.stderr.write('last words')\nprint('half', end='')\nos._exit(1)";
    let expected = format!("{}raw\nhalf", lines(0..5000, |i| format!("{i}\n")));
    for _ in 0..3 {
        let result = session.run(code).await?;
        result.expect_mended(Status::Crashed, &CrashCause::Exit { code: 1 })?;
        result.expect_stdout(&expected)?.expect_stderr("last words")?;
        session.run("import os\nprint('after'); os.system('echo child')").await?.expect_stdout("after\nchild\n")?;
    }
    Ok(())
}

async fn a_mended_session_behaves_as_before(cx: &Context) -> Outcome {
    let session = cx.session_with(guarded()).await?;
    session.run("import os\ndef f():\n    raise ValueError('here')\n'a value'").await?.expect_completed()?;
    session.run("os._exit(1)").await?.expect_status(Status::Crashed)?;
    session.run("_").await?.expect_value("'a value'")?;
    let result = session.run("f()").await?;
    let error = result.expect_exception("ValueError")?;
    ensure("the traceback shows the source of f", error.traceback.contains("raise ValueError('here')"))?;
    session.run("import inspect; 'here' in inspect.getsource(f)").await?.expect_value("True")?;
    let mut asks = session.watch(asking("input('?')")).await?;
    let question = asks.until_question().await?;
    session.answer(&question.token, "yes").await?;
    asks.finish().await?.expect_value("'yes'")?;
    let result = session.run(within(Duration::from_millis(300), SLEEPER)).await?;
    result.expect_end(Status::TimedOut, &StateAfter::Kept)?;
    let result = session.run(within(Duration::from_millis(300), BUSY)).await?;
    result.expect_end(Status::TimedOut, &StateAfter::Kept)?;
    Ok(())
}

async fn asyncio_goes_on_after_a_mended_crash(cx: &Context) -> Outcome {
    let session = cx.session_with(guarded()).await?;
    let code = "import asyncio, os, socket\nlog, left = [], []\na, b = socket.socketpair()\na.setblocking(False); b.setblocking(False)\n\
                async def tick():\n    while True:\n        log.append(1)\n        await asyncio.sleep(0.001)\n\
                loop = asyncio.get_running_loop()\nloop.add_reader(a, lambda: left.append(a.recv(9)))\n\
                task = asyncio.ensure_future(tick())\nawait asyncio.sleep(0.01)";
    session.run(code).await?.expect_completed()?;
    session.run("os._exit(1)").await?.expect_status(Status::Crashed)?;
    session.run("n = len(log); await asyncio.sleep(0.05); len(log) > n").await?.expect_value("True")?;
    session.run("b.send(b'read me'); await asyncio.sleep(0.05); left").await?.expect_value("[b'read me']")?;
    session.run("asyncio.run(asyncio.sleep(0, 'runs'))").await?.expect_value("'runs'")?;
    let code = "await asyncio.get_running_loop().run_in_executor(None, lambda: 'in a thread')";
    session.run(code).await?.expect_value("'in a thread'")?;
    // The idle thread of that executor is let go, so that a guard can stand again.
    session.run("os._exit(1)").await?.expect_mended(Status::Crashed, &CrashCause::Exit { code: 1 })?;
    Ok(())
}

async fn what_waits_runs_on_the_mended_session(cx: &Context) -> Outcome {
    let (session, other) = (cx.session_with(guarded()).await?, cx.session().await?);
    session.run("x = 1").await?.expect_completed()?;
    let mut first = session.watch(format!("{}x = 2\nos._exit(9)", wait_for("go"))).await?;
    let mut second = session.watch("x += 10; x").await?;
    let mut third = session.watch("x += 10; x").await?;
    other.run(make("go")).await?.expect_completed()?;
    first.finish().await?.expect_mended(Status::Crashed, &CrashCause::Exit { code: 9 })?;
    let second = second.finish().await?;
    second.expect_value("11")?;
    ensure_eq("warnings", second.outcome.warnings.len(), 0)?;
    third.finish().await?.expect_value("21")?;
    Ok(())
}

async fn a_guard_that_cannot_stand_is_warned_of(cx: &Context) -> Outcome {
    let session = cx.session_with(guarded()).await?;
    let code = "import threading, os\nstop = threading.Event()\nthreading.Thread(target=stop.wait, name='busy-bee').start()";
    session.run(code).await?.expect_completed()?;
    session.run("x = 1").await?.expect_warning("busy-bee")?;
    session.run("os._exit(1)").await?.expect_end(Status::Crashed, &StateAfter::Lost)?;
    session.run("'x' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn an_answered_execution_is_never_undone_in_silence(cx: &Context) -> Outcome {
    let (session, other) = (cx.session_with(guarded()).await?, cx.session().await?);
    let code = "import os\nos.getpid()";
    for round in 0..10 {
        let pid = session.run(code).await?.expect_completed()?.json().cloned().unwrap_or_default();
        session.run(format!("x = {round}")).await?.expect_completed()?;
        other.run(format!("import os; os.kill({pid}, 9)")).await?.expect_completed()?;
        let next = session.run("globals().get('x')").await?;
        // Killed before it could answer, this one was undone, and says so; killed before it began, the state was lost, and it says so.
        match (next.status(), &next.outcome.state) {
            (Status::Crashed, StateAfter::Restored { .. }) => {
                session.run("x").await?.expect_value(&round.to_string())?;
            }
            (Status::Crashed, StateAfter::Lost) => {}
            _ => {
                next.expect_no_value()?.expect_warning("lost")?;
            }
        }
    }
    Ok(())
}

async fn child_processes_end_with_a_mended_crash_and_it_is_said(cx: &Context) -> Outcome {
    let session = cx.session_with(guarded()).await?;
    session.run("import subprocess, os\nchild = subprocess.Popen(['sleep', '60'])\npid = child.pid").await?.expect_completed()?;
    let result = session.run("os._exit(1)").await?;
    result.expect_mended(Status::Crashed, &CrashCause::Exit { code: 1 })?.expect_warning("1 child process")?;
    session.run("os.path.exists(f'/proc/{pid}') and open(f'/proc/{pid}/stat').read().split(') ')[1][0] not in 'ZX'").await?.expect_value("False")?;
    session.run("child.poll() is None").await?.expect_value("False")?;
    Ok(())
}

async fn a_guarded_session_of_a_gigabyte_is_mended(cx: &Context) -> Outcome {
    let session = cx.session_with(guarded()).await?;
    session.run("import os\ndata = bytearray(1 << 30)\ndata[12345] = 7").await?.expect_completed()?;
    session.run("data[12345] = 8\nos._exit(1)").await?.expect_mended(Status::Crashed, &CrashCause::Exit { code: 1 })?;
    session.run("data[12345], len(data) == 1 << 30").await?.expect_value("(7, True)")?;
    Ok(())
}

async fn a_hundred_crashes_leave_nothing_behind(cx: &Context) -> Outcome {
    let session = cx.session_with(guarded()).await?;
    session.run("import os\nx = 0").await?.expect_completed()?;
    let look = "len(os.listdir('/proc/self/fd'))";
    let before = session.run(look).await?.value().map(|value| value.repr.clone());
    for round in 0..100 {
        session.run(format!("x = {round}")).await?.expect_completed()?;
        session.run("x = -1; os._exit(1)").await?.expect_mended(Status::Crashed, &CrashCause::Exit { code: 1 })?;
    }
    session.run("x").await?.expect_value("99")?;
    ensure_eq("descriptors", session.run(look).await?.value().map(|value| value.repr.clone()), before)
}

async fn an_exception_under_a_guard_is_kept(cx: &Context) -> Outcome {
    let session = cx.session_with(guarded()).await?;
    session.run("x = [1]").await?.expect_completed()?;
    session.run("x.append(2); 1/0").await?.expect_end(Status::Failed, &StateAfter::Kept)?;
    session.run("x").await?.expect_value("[1, 2]")?;
    Ok(())
}
