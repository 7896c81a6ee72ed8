//! What is known of sandboxes, sessions and executions.

use std::time::Duration;

use crate::prelude::*;

cases! { "info":
    smoke a_sandbox_tells_about_itself,
    a_sandbox_tells_the_limits_that_hold,
    a_session_tells_about_itself,
    a_session_tells_what_it_does,
    executions_and_their_time_are_counted,
    an_outcome_tells_where_its_time_went,
    an_outcome_tells_cpu_time_and_memory,
    executions_of_an_interpreter_are_numbered,
    events_carry_the_time_at_which_they_happened,
    the_features_agree_with_the_backends_name,
}

async fn a_sandbox_tells_about_itself(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    spec.labels.insert("owner".to_owned(), "suite".to_owned());
    let sandbox = cx.new_sandbox(spec).await?;
    let session = sandbox.session().await?;
    let info = sandbox.info().await?;
    ensure_eq("id", info.id, sandbox.id())?;
    ensure_eq("backend", &info.backend, &cx.features().backend)?;
    ensure_eq("label", info.labels.get("owner").map(String::as_str), Some("suite"))?;
    ensure_eq("sessions", info.sessions, 1)?;
    ensure_eq("network", &info.network, &cx.features().default_network)?;
    ensure_eq("whether the isolation is offered", cx.features().isolation.contains(&info.isolation), true)?;
    ensure_eq("whether it was created before it was used", info.created <= info.last_used, true)?;
    session.run("import os; os.getcwd()").await?.expect_value(&format!("'{}'", info.workdir))?;
    session.run("import platform; platform.python_version()").await?.expect_value(&format!("'{}'", info.python))?;
    Ok(())
}

async fn a_sandbox_tells_the_limits_that_hold(cx: &Context) -> Outcome {
    let own = &cx.features().default_limits;
    let info = cx.new_sandbox(cx.spec()).await?.info().await?;
    // A platform may have set some of its own beside those that are asked for, or the backend's.
    let with_its_own = |limits: &Limits, told: &Limits| limits.or(own).or(told);
    let none = &cx.spec().limits;
    ensure_eq("limits where none is asked for", &info.limits, &with_its_own(none, &info.limits))?;
    let mut spec = cx.spec();
    spec.live_checkpoints = spec.live_checkpoints.count(3);
    if cx.features().limits.contains(&LimitKind::ProcessCpuTime) {
        spec.limits.process_cpu_time = Some(Duration::from_secs(90));
    }
    let sandbox = cx.new_sandbox(spec.clone()).await?;
    let info = sandbox.info().await?;
    ensure_eq("limits", &info.limits, &with_its_own(&spec.limits, &info.limits))?;
    ensure_eq("live checkpoints", info.live_checkpoints, spec.live_checkpoints)?;
    if let Some(time) = spec.limits.process_cpu_time {
        let code = "import resource; resource.getrlimit(resource.RLIMIT_CPU)[0]";
        sandbox.session().await?.run(code).await?.expect_value(&time.as_secs().to_string())?;
    }
    Ok(())
}

async fn a_session_tells_about_itself(cx: &Context) -> Outcome {
    let session = cx.session_with(SessionSpec::default().label("role", "test")).await?;
    let info = session.info().await?;
    ensure_eq("id", info.id, session.id())?;
    ensure_eq("sandbox", info.sandbox, cx.sandbox().await?.id())?;
    ensure_eq("state", info.state, SessionState::Idle)?;
    ensure_eq("label", info.labels.get("role").map(String::as_str), Some("test"))?;
    ensure_eq("executions", (info.executions, info.queued, info.crashes), (0, 0, 0))?;
    session.run("import platform; platform.python_version()").await?.expect_value(&format!("'{}'", info.python))?;
    let listed = cx.backend().sessions(&info.sandbox).await?;
    let twin = listed.iter().find(|listed| listed.id == info.id).map(|listed| &listed.labels);
    ensure_eq("labels in the list", twin, Some(&info.labels))
}

async fn a_session_tells_what_it_does(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(SLEEPER).await?;
    run.until_output("ready\n").await?;
    ensure_eq("state while it runs", session.info().await?.state, SessionState::Running)?;
    drop(run);
    session.run("1").await?.expect_value("1")?;
    ensure_eq("state afterwards", session.info().await?.state, SessionState::Idle)
}

async fn executions_and_their_time_are_counted(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let before = session.info().await?;
    for code in ["import time; time.sleep(0.1)", "1/0", "2"] {
        session.run(code).await?;
    }
    let after = session.info().await?;
    ensure_eq("executions", after.executions, 3)?;
    let time = after.execution_time;
    ensure_eq(&format!("whether {time:?} are all three"), time >= Duration::from_millis(100), true)?;
    ensure_eq("whether it was used since", after.last_used > before.last_used, true)?;
    ensure_eq("whether its memory is known", after.memory.is_some_and(|memory| memory.as_u64() > 1 << 20), true)
}

async fn an_outcome_tells_where_its_time_went(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let timings = session.run("import time; time.sleep(0.2)").await?.outcome.timings;
    let slept = Duration::from_millis(200);
    ensure_eq(&format!("whether it ran for its 200 ms: {timings:?}"), timings.run >= slept, true)?;
    let parts = timings.queue + timings.transport + timings.compile + timings.run + timings.capture;
    let whole = parts <= timings.total + Duration::from_millis(5);
    ensure_eq(&format!("whether the parts are within the total: {timings:?}"), whole, true)?;
    ensure_eq("whether compiling took time", timings.compile > Duration::ZERO, true)
}

async fn an_outcome_tells_cpu_time_and_memory(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass\nx = b'x' * 2**25";
    let outcome = session.run(code).await?.outcome;
    let cpu = outcome.cpu_time;
    ensure_eq(&format!("whether {cpu:?} are at least 100 ms"), cpu >= Duration::from_millis(95), true)?;
    let (memory, delta) = (outcome.memory.as_u64(), outcome.memory_delta);
    ensure_eq(&format!("whether {memory} bytes hold 32 MiB"), memory > 1 << 25, true)?;
    ensure_eq(&format!("whether {delta} bytes came on top"), delta > 1 << 24, true)
}

async fn executions_of_an_interpreter_are_numbered(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for count in 1..=3 {
        ensure_eq("count", session.run("1").await?.outcome.count, count)?;
    }
    session.run("import os; os._exit(1)").await?.expect_status(Status::Crashed)?;
    ensure_eq("count of a fresh interpreter", session.run("1").await?.outcome.count, 1)
}

async fn events_carry_the_time_at_which_they_happened(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch("import time\nprint('one', flush=True)\ntime.sleep(0.3)\nprint('two')").await?;
    run.finish().await?.expect_completed()?;
    // Only what the code wrote: what happens on the host has the host's clock.
    let written = run.events().iter().filter(|event| matches!(event.kind, EventKind::Output { .. }));
    let times: Vec<_> = written.map(|event| event.at.as_millisecond()).collect();
    ensure_eq(&format!("whether they are in order: {times:?}"), times.is_sorted(), true)?;
    let apart = times.last().zip(times.first()).map_or(0, |(last, first)| last - first);
    ensure_eq(&format!("whether {apart} ms lie between"), apart >= 250, true)
}

async fn the_features_agree_with_the_backends_name(cx: &Context) -> Outcome {
    let name = cx.features().backend.as_str();
    let backend = cx.backend();
    let names = [backend.execution_backend(), backend.checkpoints_backend(), backend.files_backend()];
    ensure_eq("names", names, [name, name, name])?;
    ensure_eq("whether the default network is enforced", cx.features().networks.contains(cx.features().default_network.name()), true)?;
    ensure_eq("whether some isolation is offered", cx.features().isolation.is_empty(), false)
}
