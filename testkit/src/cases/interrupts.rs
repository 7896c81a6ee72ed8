//! Interrupts: they end the execution that they name, and nothing else.

use crate::prelude::*;

cases! { "interrupts":
    smoke an_interrupt_keeps_the_session [INTERRUPT],
    an_interrupt_ends_a_busy_loop [INTERRUPT],
    an_interrupt_ends_a_wait_for_a_child [INTERRUPT],
    an_interrupt_keeps_what_was_written [INTERRUPT],
    an_interrupt_lets_the_code_tidy_up [INTERRUPT],
    code_may_handle_an_interrupt_and_go_on [INTERRUPT],
    stubborn_code_is_killed_and_the_loss_told [INTERRUPT],
    code_that_holds_the_gil_is_killed_and_the_loss_told [INTERRUPT],
    a_waiting_execution_that_is_interrupted_never_begins [INTERRUPT],
    an_interrupt_of_what_has_ended_does_nothing [INTERRUPT],
    an_interrupt_never_hits_the_next_execution [INTERRUPT],
    two_interrupts_are_no_more_than_one [INTERRUPT],
    an_interrupt_stays_in_its_session [INTERRUPT],
    code_that_ignores_the_signal_is_killed_and_the_loss_told [INTERRUPT],
    a_handler_of_the_codes_own_holds_for_its_execution [INTERRUPT],
}

/// Runs `code` until it says `ready`, then interrupts it.
async fn interrupted(session: &Session, code: &str) -> Result<hibernaculum_core::ExecutionResult, Failure> {
    let mut run = session.watch(code).await?;
    run.until_output("ready\n").await?;
    ensure_eq("whether it ran", session.interrupt(&run.id()).await?, true)?;
    run.finish().await
}

async fn an_interrupt_keeps_the_session(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 41").await?.expect_completed()?;
    let result = interrupted(&session, SLEEPER).await?;
    result.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    session.run("x + 1").await?.expect_value("42")?;
    Ok(())
}

async fn an_interrupt_ends_a_busy_loop(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    interrupted(&session, BUSY).await?.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn an_interrupt_ends_a_wait_for_a_child(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import subprocess\nprint('ready')\nsubprocess.run(['sleep', '600'])";
    interrupted(&session, code).await?.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    session.run("subprocess.run(['true']).returncode").await?.expect_value("0")?;
    Ok(())
}

async fn an_interrupt_keeps_what_was_written(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import os\nprint('text', flush=True)\nos.write(1, b'raw\\n')\nx = 1\nprint('ready')\nwhile True: pass";
    interrupted(&session, code).await?.expect_status(Status::Interrupted)?.expect_stdout("text\nraw\nready\n")?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn an_interrupt_lets_the_code_tidy_up(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import time\ntry:\n    print('ready')\n    time.sleep(600)\nfinally:\n    print('tidy')";
    let result = interrupted(&session, code).await?;
    result.expect_end(Status::Interrupted, &StateAfter::Kept)?.expect_stdout("ready\ntidy\n")?;
    Ok(())
}

async fn code_may_handle_an_interrupt_and_go_on(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import time\ntry:\n    print('ready')\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    x = 'handled'\nx";
    interrupted(&session, code).await?.expect_value("'handled'")?;
    Ok(())
}

async fn stubborn_code_is_killed_and_the_loss_told(cx: &Context) -> Outcome {
    let session = cx.session_with(impatient()).await?;
    session.run("x = 1").await?.expect_completed()?;
    let result = interrupted(&session, STUBBORN).await?;
    result.expect_end(Status::Interrupted, &StateAfter::Lost)?.expect_stdout("ready\n")?;
    ensure_eq("cause", result.crash(), Some(&killed("interrupt")))?;
    session.run("'x' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn code_that_holds_the_gil_is_killed_and_the_loss_told(cx: &Context) -> Outcome {
    let session = cx.session_with(impatient()).await?;
    let code = "import itertools\nprint('ready')\nany(itertools.repeat(False))";
    let result = interrupted(&session, code).await?;
    result.expect_end(Status::Interrupted, &StateAfter::Lost)?.expect_stdout("ready\n")?;
    ensure_eq("cause", result.crash(), Some(&killed("interrupt")))?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn a_waiting_execution_that_is_interrupted_never_begins(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut first = session.watch(SLEEPER).await?;
    first.until_started().await?;
    let mut second = session.watch("ran = True").await?;
    ensure_eq("whether it waited", session.interrupt(&second.id()).await?, true)?;
    let result = second.finish().await?;
    result.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    ensure_eq("whether it started", second.has_started(), false)?;
    session.interrupt(&first.id()).await?;
    first.finish().await?.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    session.run("'ran' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn an_interrupt_of_what_has_ended_does_nothing(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch("1").await?;
    run.finish().await?.expect_value("1")?;
    ensure_eq("whether it ran", session.interrupt(&run.id()).await?, false)?;
    session.run("2").await?.expect_value("2")?;
    Ok(())
}

async fn an_interrupt_never_hits_the_next_execution(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for round in 0..40 {
        // The interrupt races with the end of the first execution; whoever wins, the second is untouched.
        let mut first = session.watch("sum(range(2000))").await?;
        let mut second = session.watch(format!("sum(range(1000)); {round}")).await?;
        let id = first.id();
        let (interrupt, result) = tokio::join!(session.interrupt(&id), first.finish());
        interrupt?;
        let status = result?.status();
        let fair = matches!(status, Status::Completed | Status::Interrupted);
        ensure_eq(&format!("whether the first may end as {status}"), fair, true)?;
        second.finish().await?.expect_value(&round.to_string())?;
    }
    Ok(())
}

async fn two_interrupts_are_no_more_than_one(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(SLEEPER).await?;
    run.until_output("ready\n").await?;
    let id = run.id();
    let (one, two) = tokio::join!(session.interrupt(&id), session.interrupt(&id));
    one?;
    two?;
    run.finish().await?.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn an_interrupt_stays_in_its_session(cx: &Context) -> Outcome {
    let (session, bystander) = (cx.session().await?, cx.session().await?);
    let mut other = bystander.watch(format!("print('ready')\n{}'untouched'", wait_for("go"))).await?;
    other.until_output("ready\n").await?;
    interrupted(&session, SLEEPER).await?.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    session.run(make("go")).await?.expect_completed()?;
    other.finish().await?.expect_value("'untouched'")?;
    Ok(())
}

async fn code_that_ignores_the_signal_is_killed_and_the_loss_told(cx: &Context) -> Outcome {
    let session = cx.session_with(impatient()).await?;
    let code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('ready')\nwhile True: pass";
    let result = interrupted(&session, code).await?;
    result.expect_end(Status::Interrupted, &StateAfter::Lost)?;
    ensure_eq("cause", result.crash(), Some(&killed("interrupt")))?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn a_handler_of_the_codes_own_holds_for_its_execution(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import signal
        caught = []
        signal.signal(signal.SIGINT, lambda number, frame: caught.append(number))
        print('ready')
        while not caught: pass
        caught
        ",
    );
    interrupted(&session, &code).await?.expect_value("[2]")?;
    interrupted(&session, SLEEPER).await?.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    session.run("caught").await?.expect_value("[2]")?;
    Ok(())
}
