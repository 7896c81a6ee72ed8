//! The queue of a session: one execution at a time, in order, bounded.

use hibernaculum_core::Retry;

use crate::prelude::*;

cases! { "queue":
    smoke executions_run_in_the_order_of_their_calls,
    a_full_queue_says_busy [INTERRUPT],
    a_failure_does_not_stop_the_queue,
    waiting_executions_are_counted [INTERRUPT],
    time_in_the_queue_is_told,
    many_callers_get_their_own_answers,
}

async fn executions_run_in_the_order_of_their_calls(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("order = []").await?.expect_completed()?;
    let mut runs = Vec::new();
    for i in 0..20 {
        runs.push(session.watch(format!("order.append({i}); {i}")).await?);
    }
    for (i, run) in runs.iter_mut().enumerate() {
        run.finish().await?.expect_value(&i.to_string())?;
    }
    session.run("order == list(range(20))").await?.expect_value("True")?;
    Ok(())
}

async fn a_full_queue_says_busy(cx: &Context) -> Outcome {
    let session = cx.session_with(SessionSpec::default().queue_limit(2)).await?;
    let mut running = session.watch(SLEEPER).await?;
    running.until_started().await?;
    let mut second = session.watch("2").await?;
    let mut third = session.watch("3").await?;
    let error = session.start("4").await.expect_code("session.busy")?;
    ensure_eq("retry", error.retry(), Retry::Safe)?;
    ensure_eq("limit told", error.explain().details.get("limit").cloned(), Some(2.into()))?;
    session.interrupt(&running.id()).await?;
    running.finish().await?.expect_status(Status::Interrupted)?;
    second.finish().await?.expect_value("2")?;
    third.finish().await?.expect_value("3")?;
    session.run("5").await?.expect_value("5")?;
    Ok(())
}

async fn a_failure_does_not_stop_the_queue(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut first = session.watch("1/0").await?;
    let mut second = session.watch("'second'").await?;
    first.finish().await?.expect_exception("ZeroDivisionError")?;
    second.finish().await?.expect_value("'second'")?;
    Ok(())
}

async fn waiting_executions_are_counted(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut running = session.watch(SLEEPER).await?;
    running.until_started().await?;
    let mut second = session.watch("2").await?;
    let mut third = session.watch("3").await?;
    let info = session.info().await?;
    ensure_eq("state", info.state, SessionState::Running)?;
    ensure_eq("waiting", info.queued, 2)?;
    session.interrupt(&running.id()).await?;
    running.finish().await?.expect_status(Status::Interrupted)?;
    second.finish().await?.expect_value("2")?;
    third.finish().await?.expect_value("3")?;
    ensure_eq("waiting at the end", session.info().await?.queued, 0)
}

async fn time_in_the_queue_is_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut first = session.watch("import time; time.sleep(0.3)").await?;
    let mut second = session.watch("2").await?;
    let ran = first.finish().await?.expect_completed()?.outcome.timings.run;
    let waited = second.finish().await?.expect_value("2")?.outcome.timings.queue;
    ensure_eq("whether the first ran for its 300 ms", ran.as_millis() >= 300, true)?;
    ensure_eq(&format!("whether the second waited for it ({waited:?})"), waited.as_millis() >= 200, true)
}

async fn many_callers_get_their_own_answers(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut callers = tokio::task::JoinSet::new();
    for i in 0..30 {
        let session = Session::of(cx.backend(), session.id());
        callers.spawn(async move {
            let result = session.run(format!("print({i})\n{i} * 1000")).await?;
            result.expect_value(&(i * 1000).to_string())?.expect_stdout(&format!("{i}\n"))?;
            Ok::<(), Failure>(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done.map_err(|error| Failure::new(error.to_string()))??;
    }
    Ok(())
}
