//! Deadlines: a timeout ends the execution, not the session, and says what became of the state.

use std::time::Duration;

use crate::prelude::*;

cases! { "deadlines":
    smoke a_timeout_keeps_the_session [INTERRUPT],
    a_timeout_keeps_partial_output [INTERRUPT],
    a_timeout_does_not_answer_for_the_next_call [INTERRUPT],
    smoke stubborn_code_is_killed_at_its_deadline,
    code_in_c_is_killed_at_its_deadline,
    a_process_that_stops_itself_is_killed_at_its_deadline,
    a_deadline_counts_the_time_in_the_queue,
    a_deadline_may_be_spent_in_the_queue_and_running [INTERRUPT],
    a_timeout_of_zero_is_refused,
    no_deadline_is_kept_where_none_is_asked_for,
    a_deadline_is_over_with_its_execution,
    an_endless_flood_meets_its_deadline [INTERRUPT],
}

const SHORT: Duration = Duration::from_millis(300);
/// Long enough for a loaded machine to have begun.
const MEDIUM: Duration = Duration::from_millis(1500);

async fn a_timeout_keeps_the_session(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 41").await?.expect_completed()?;
    for code in [SLEEPER, BUSY] {
        let result = session.run(within(SHORT, code)).await?;
        result.expect_end(Status::TimedOut, &StateAfter::Kept)?;
        ensure_eq("whether it had its time", result.outcome.timings.total >= SHORT, true)?;
    }
    session.run("x + 1").await?.expect_value("42")?;
    Ok(())
}

async fn a_timeout_keeps_partial_output(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import os\nprint('text', flush=True)\nos.write(1, b'raw\\n')\nx = 1\nprint('half', end='')\nwhile True: pass";
    let result = session.run(within(MEDIUM, code)).await?;
    result.expect_end(Status::TimedOut, &StateAfter::Kept)?.expect_stdout("text\nraw\nhalf")?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn a_timeout_does_not_answer_for_the_next_call(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    // Its answer comes after its deadline, as if nothing had been.
    for round in 0..5 {
        let answer = python(&format!(
            "
            import time
            try:
                time.sleep(600)
            except KeyboardInterrupt:
                print('caught')
            'answer {round}'
            "
        ));
        session.run(within(SHORT, &answer)).await?.expect_end(Status::Completed, &StateAfter::Kept)?;
        session.run(format!("{round}")).await?.expect_value(&round.to_string())?.expect_stdout("")?;
    }
    // Or at the same moment: then either is fair.
    for round in 0..cx.races(5) {
        let late = format!("import time\nprint('late {round}')\ntime.sleep(0.25)\n'late {round}'");
        let late = session.run(within(Duration::from_millis(200 + 25 * round), &late)).await?;
        let fair = matches!(late.status(), Status::TimedOut | Status::Completed);
        ensure_eq(&format!("whether it may end as {}", late.status()), fair, true)?;
        session.run(format!("{round}")).await?.expect_value(&round.to_string())?.expect_stdout("")?;
    }
    Ok(())
}

async fn stubborn_code_is_killed_at_its_deadline(cx: &Context) -> Outcome {
    let session = cx.session_with(impatient()).await?;
    session.run("x = 1").await?.expect_completed()?;
    let result = session.run(within(MEDIUM, STUBBORN)).await?;
    result.expect_end(Status::TimedOut, &StateAfter::Lost)?.expect_stdout("ready\n")?;
    ensure_eq("cause", result.crash(), Some(&killed("deadline")))?;
    session.run("'x' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn code_in_c_is_killed_at_its_deadline(cx: &Context) -> Outcome {
    let session = cx.session_with(impatient()).await?;
    let code = "import itertools\nprint('ready')\nany(itertools.repeat(False))";
    let result = session.run(within(MEDIUM, code)).await?;
    result.expect_end(Status::TimedOut, &StateAfter::Lost)?.expect_stdout("ready\n")?;
    ensure_eq("cause", result.crash(), Some(&killed("deadline")))?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn a_process_that_stops_itself_is_killed_at_its_deadline(cx: &Context) -> Outcome {
    let session = cx.session_with(impatient()).await?;
    let code = "import os, signal\nprint('ready')\nos.kill(os.getpid(), signal.SIGSTOP)";
    let result = session.run(within(MEDIUM, code)).await?;
    result.expect_end(Status::TimedOut, &StateAfter::Lost)?.expect_stdout("ready\n")?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn a_deadline_counts_the_time_in_the_queue(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut first = session.watch(SLEEPER).await?;
    first.until_output("ready\n").await?;
    let mut second = session.watch(within(SHORT, "ran = True")).await?;
    let result = second.finish().await?;
    result.expect_end(Status::TimedOut, &StateAfter::Kept)?;
    ensure_eq("whether it started", second.has_started(), false)?;
    ensure_eq("time it ran", result.outcome.timings.run, Duration::ZERO)?;
    ensure_eq("whether the queue took the time", result.outcome.timings.queue >= SHORT, true)?;
    ensure_eq("what the session does", session.info().await?.state, SessionState::Running)?;
    drop(first);
    session.run("'ran' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn a_deadline_may_be_spent_in_the_queue_and_running(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut first = session.watch("import time\ntime.sleep(0.9)").await?;
    first.until_started().await?;
    let mut second = session.watch(within(MEDIUM, SLEEPER)).await?;
    first.finish().await?.expect_completed()?;
    let result = second.finish().await?;
    result.expect_end(Status::TimedOut, &StateAfter::Kept)?;
    ensure_eq("whether it started", second.has_started(), true)?;
    let (queue, total) = (result.outcome.timings.queue, result.outcome.timings.total);
    ensure_eq(&format!("whether {queue:?} of it were spent in the queue"), queue >= SHORT, true)?;
    // From its beginning on it would have had 2.4 s and more.
    let one_deadline = MEDIUM..MEDIUM + Duration::from_millis(700);
    ensure_eq(&format!("whether {total:?} are its deadline"), one_deadline.contains(&total), true)
}

async fn a_timeout_of_zero_is_refused(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let error = session.start(within(Duration::ZERO, "1")).await.expect_code("config.invalid")?;
    let field = error.explain().details.get("field").cloned();
    ensure_eq("field", field, Some("timeout".into()))?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn no_deadline_is_kept_where_none_is_asked_for(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import time\ntime.sleep(0.2)\n'done'";
    session.run(ExecutionRequest::new(code).timeout(Timeout::Unlimited)).await?.expect_value("'done'")?;
    Ok(())
}

async fn a_deadline_is_over_with_its_execution(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run(within(MEDIUM, "1")).await?.expect_value("1")?;
    let code = "import time\ntime.sleep(2)\n'not cut short by the deadline of the one before'";
    session.run(code).await?.expect_completed()?;
    Ok(())
}

async fn an_endless_flood_meets_its_deadline(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for flood in ["while True: print('x' * 1000)", "import os\nwhile True: os.write(1, b'x' * 65536)"] {
        // Not watched, so that nothing but the result is kept: its bounds are the promise.
        let result = session.execute(within(MEDIUM, flood)).await?;
        result.expect_end(Status::TimedOut, &StateAfter::Kept)?;
        ensure_eq("bytes kept", result.stdout.text.len(), 2 << 20)?;
        ensure_eq("whether the rest is counted", result.stdout.cut.is_some_and(|cut| cut.bytes > 0), true)?;
        let told = result.error().map(|error| error.traceback.clone()).unwrap_or_default();
        ensure_eq(&format!("whether the runner stays out of {told:?}"), told.contains("During handling"), false)?;
    }
    session.run("print('after')").await?.expect_completed()?.expect_stdout("after\n")?;
    Ok(())
}
