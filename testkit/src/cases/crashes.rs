//! Crashes: typed, with their cause, and nothing lost in silence.

use crate::prelude::*;

cases! { "crashes":
    smoke a_segfault_is_a_crash_with_its_signal,
    an_exit_past_python_is_a_crash_with_its_code,
    a_killed_process_is_a_crash_with_its_signal,
    an_abort_is_a_crash_with_its_signal,
    what_was_written_before_a_crash_is_there,
    a_crash_while_idle_is_noticed_and_told,
    a_crash_hurts_no_other_session,
    crashes_are_counted,
    a_session_crashes_as_often_as_it_likes,
    a_question_that_dies_with_its_process_is_over [INPUT],
}

const SEGFAULT: &str = "import ctypes\nctypes.string_at(0)";

async fn a_segfault_is_a_crash_with_its_signal(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let result = session.run(SEGFAULT).await?;
    result.expect_crash(&signal(11, "SIGSEGV"))?;
    ensure_eq("exception", result.error(), None)?;
    session.run("'x' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn an_exit_past_python_is_a_crash_with_its_code(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for code in [0, 7, 255] {
        let result = session.run(format!("import os; os._exit({code})")).await?;
        result.expect_crash(&CrashCause::Exit { code })?;
    }
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn a_killed_process_is_a_crash_with_its_signal(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)";
    session.run(code).await?.expect_crash(&signal(9, "SIGKILL"))?;
    let code = "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nimport time; time.sleep(20)";
    session.run(code).await?.expect_crash(&signal(15, "SIGTERM"))?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn an_abort_is_a_crash_with_its_signal(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os; os.abort()").await?.expect_crash(&signal(6, "SIGABRT"))?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn what_was_written_before_a_crash_is_there(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import os, sys\nprint('text', flush=True)\nos.write(1, b'raw\\n')\nprint('half a line', end='')\nsys.stderr.write('last words')\nos._exit(1)";
    let result = session.run(code).await?;
    result.expect_crash(&CrashCause::Exit { code: 1 })?;
    result.expect_stdout("text\nraw\nhalf a line")?.expect_stderr("last words")?;
    let code = "for i in range(5000): print(i)\nimport os; os.kill(os.getpid(), 9)";
    let expected = lines(0..5000, |i| format!("{i}\n"));
    session.run(code).await?.expect_crash(&signal(9, "SIGKILL"))?.expect_stdout(&expected)?;
    Ok(())
}

async fn a_crash_while_idle_is_noticed_and_told(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let pid = session.run("x = 1\nimport os\nos.getpid()").await?.json().cloned().unwrap_or_default();
    other.run(format!("import os; os.kill({pid}, 9)")).await?.expect_completed()?;
    eventually("the crash is noticed while nobody calls", || async {
        let info = session.info().await.map_err(|error| error.to_string())?;
        if info.crashes == 1 { Ok(()) } else { Err(format!("{info:?}")) }
    })
    .await?;
    let next = session.run("'x' in globals()").await?;
    next.expect_value("False")?.expect_warning("lost")?;
    let after = session.run("1").await?;
    ensure_eq("warnings of the one after", after.outcome.warnings.len(), 0)
}

async fn a_crash_hurts_no_other_session(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    other.run("x = 'untouched'").await?.expect_completed()?;
    let mut running = other.watch(format!("{}x", wait_for("go"))).await?;
    running.until_started().await?;
    session.run(SEGFAULT).await?.expect_crash(&signal(11, "SIGSEGV"))?;
    session.run(make("go")).await?.expect_completed()?;
    running.finish().await?.expect_value("'untouched'")?;
    Ok(())
}

async fn crashes_are_counted(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    ensure_eq("crashes at first", session.info().await?.crashes, 0)?;
    session.run("import os; os._exit(1)").await?.expect_status(Status::Crashed)?;
    session.run("1/0").await?.expect_exception("ZeroDivisionError")?;
    session.run("import os; os._exit(2)").await?.expect_status(Status::Crashed)?;
    let info = session.info().await?;
    ensure_eq("crashes", info.crashes, 2)?;
    ensure_eq("executions", info.executions, 3)
}

async fn a_session_crashes_as_often_as_it_likes(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for round in 0..8 {
        session.run(format!("x = {round}")).await?.expect_completed()?;
        session.run("import os; os._exit(3)").await?.expect_crash(&CrashCause::Exit { code: 3 })?;
        session.run("'x' in globals()").await?.expect_value("False")?;
    }
    Ok(())
}

async fn a_question_that_dies_with_its_process_is_over(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let mut run = session.watch(asking("import os\ninput(os.getpid())")).await?;
    let question = run.until_question().await?;
    other.run(format!("import os; os.kill({}, 9)", question.prompt)).await?.expect_completed()?;
    run.finish().await?.expect_crash(&signal(9, "SIGKILL"))?;
    session.answer(&question.token, "late").await.expect_code("execution.no_such_input")?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}
