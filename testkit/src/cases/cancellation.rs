//! Giving up: a dropped future or stream strands nothing.

use std::time::Duration;

use crate::prelude::*;

cases! { "cancellation":
    smoke dropping_an_execution_interrupts_it [INTERRUPT],
    dropping_a_waiting_execution_keeps_it_from_running [INTERRUPT],
    dropping_a_call_interrupts_what_it_runs [INTERRUPT],
    a_call_may_be_dropped_at_any_moment [INTERRUPT],
    opening_a_session_may_be_dropped_at_any_moment,
    making_a_sandbox_may_be_dropped_at_any_moment,
    dropping_a_question_interrupts_it [INPUT, INTERRUPT],
}

async fn dropping_an_execution_interrupts_it(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let mut run = session.watch(SLEEPER).await?;
    run.until_output("ready\n").await?;
    drop(run);
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn dropping_a_waiting_execution_keeps_it_from_running(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let mut first = session.watch(wait_for("go")).await?;
    first.until_started().await?;
    drop(session.watch("ran = True").await?);
    let mut third = session.watch("'ran' in globals()").await?;
    other.run(make("go")).await?.expect_completed()?;
    first.finish().await?.expect_completed()?;
    third.finish().await?.expect_value("False")?;
    Ok(())
}

async fn dropping_a_call_interrupts_what_it_runs(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let given_up = tokio::time::timeout(Duration::from_millis(200), session.execute(SLEEPER)).await;
    ensure_eq("whether the call was given up", given_up.is_err(), true)?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn a_call_may_be_dropped_at_any_moment(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 'kept'").await?.expect_completed()?;
    for round in 0..40_u64 {
        let call = session.execute("sum(range(20_000))");
        // Whether it was done in time does not matter; that the next call gets its own answer does.
        let _ = tokio::time::timeout(Duration::from_micros(round * 50), call).await;
        session.run(format!("{round}")).await?.expect_value(&round.to_string())?;
    }
    session.run("x").await?.expect_value("'kept'")?;
    Ok(())
}

async fn opening_a_session_may_be_dropped_at_any_moment(cx: &Context) -> Outcome {
    let sandbox = cx.sandbox().await?;
    for round in 0..10_u64 {
        let _ = tokio::time::timeout(Duration::from_micros(round * 500), sandbox.session()).await;
    }
    cx.session().await?.run("1").await?.expect_value("1")?;
    // What is left of them, the end of the case looks for.
    Ok(())
}

async fn making_a_sandbox_may_be_dropped_at_any_moment(cx: &Context) -> Outcome {
    for round in 0..6_u64 {
        let made = Sandbox::create(cx.backend(), cx.spec());
        let _ = tokio::time::timeout(Duration::from_millis(round * 10), made).await;
    }
    cx.session().await?.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn dropping_a_question_interrupts_it(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(asking("input()")).await?;
    let question = run.until_question().await?;
    drop(run);
    session.run("'next'").await?.expect_value("'next'")?;
    session.answer(&question.token, "late").await.expect_code("execution.no_such_input")?;
    Ok(())
}
