//! Letting an execution run on alone, and taking it up again.

use hibernaculum_core::Event;

use crate::prelude::*;

cases! { "attach":
    smoke a_detached_execution_runs_on_and_is_taken_up_again [ATTACH],
    an_execution_is_taken_up_after_any_event [ATTACH],
    an_execution_that_runs_is_taken_up_in_the_middle [ATTACH],
    a_newer_stream_takes_over [ATTACH],
    a_detached_flood_is_told_as_a_gap [ATTACH],
    a_detached_execution_meets_its_deadline [ATTACH, INTERRUPT],
    a_detached_execution_can_be_interrupted [ATTACH, INTERRUPT],
    a_question_can_be_answered_after_a_detach [ATTACH, INPUT],
    an_unknown_execution_is_told,
    an_execution_that_ended_long_ago_is_forgotten [ATTACH],
    a_slow_reader_slows_the_code,
}

async fn a_detached_execution_runs_on_and_is_taken_up_again(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let mut run = session.watch(format!("print('ready')\n{}print('done')\n7", wait_for("go"))).await?;
    run.until_output("ready\n").await?;
    let id = run.detach();
    other.run(make("go")).await?.expect_completed()?;
    let mut again = session.rejoin(&id, 0).await?;
    again.finish().await?.expect_value("7")?.expect_stdout("ready\ndone\n")?;
    ensure_eq("whether it began with the first event", again.has_started(), true)
}

async fn an_execution_is_taken_up_after_any_event(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import sys\nfor i in range(3):\n    print(i)\n    print(i, file=sys.stderr)\n'the end'";
    let mut run = session.watch(code).await?;
    run.finish().await?.expect_value("'the end'")?;
    let all: Vec<Event> = run.events().to_vec();
    for after in 0..all.len() {
        let mut again = session.rejoin(&run.id(), after as u64).await?;
        again.finish().await?.expect_value("'the end'")?;
        ensure_eq(&format!("events after {after}"), again.events(), all.get(after..).unwrap_or_default())?;
    }
    Ok(())
}

async fn an_execution_that_runs_is_taken_up_in_the_middle(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let mut run = session.watch(format!("print('one')\n{}print('two')", wait_for("go"))).await?;
    run.until_output("one\n").await?;
    let seen = run.events().last().map_or(0, |event| event.seq);
    let id = run.detach();
    let mut again = session.rejoin(&id, seen).await?;
    other.run(make("go")).await?.expect_completed()?;
    again.finish().await?.expect_completed()?.expect_stdout("two\n")?;
    Ok(())
}

async fn a_newer_stream_takes_over(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let mut older = session.watch(format!("print('ready')\n{}'done'", wait_for("go"))).await?;
    older.until_output("ready\n").await?;
    let mut newer = session.rejoin(&older.id(), 0).await?;
    older.error().await?.expect_code("execution.taken")?;
    // That the older one is dropped interrupts nothing.
    drop(older);
    other.run(make("go")).await?.expect_completed()?;
    newer.finish().await?.expect_value("'done'")?.expect_stdout("ready\n")?;
    Ok(())
}

async fn a_detached_flood_is_told_as_a_gap(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let flood = format!("for i in range(8 * 1024): print(str(i).ljust(1023))\n{}'done'", make("flooded"));
    let id = session.watch(flood).await?.detach();
    // Nobody reads, and the code gets to its end all the same.
    other.run(wait_for("flooded")).await?.expect_completed()?;
    // Who reads again before the end has been heard holds up what is still on its way.
    eventually("its end is heard", || async {
        let state = session.info().await.map_err(|error| error.to_string())?.state;
        if state == SessionState::Idle { Ok(()) } else { Err(format!("the session is {state:?}")) }
    })
    .await?;
    let mut again = session.rejoin(&id, 0).await?;
    let result = again.finish().await?;
    result.expect_value("'done'")?;
    ensure_eq("whether the result tells of gaps", result.gaps, true)?;
    ensure_eq("the end of the output", result.stdout.as_str().trim_end().ends_with("8191"), true)?;
    let gaps = again.events().iter().filter(|event| matches!(event.kind, EventKind::Gap { from: Some(_), to: Some(_) }));
    ensure_eq("gaps with their bounds", gaps.count(), 1)
}

async fn a_detached_execution_meets_its_deadline(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let id = session.watch(within(std::time::Duration::from_millis(300), SLEEPER)).await?.detach();
    let mut again = session.rejoin(&id, 0).await?;
    again.finish().await?.expect_end(Status::TimedOut, &StateAfter::Kept)?;
    Ok(())
}

async fn a_detached_execution_can_be_interrupted(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(SLEEPER).await?;
    run.until_started().await?;
    let id = run.detach();
    ensure_eq("whether it ran", session.interrupt(&id).await?, true)?;
    session.rejoin(&id, 0).await?.finish().await?.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    Ok(())
}

async fn a_question_can_be_answered_after_a_detach(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(asking("input('? ')")).await?;
    let question = run.until_question().await?;
    let id = run.detach();
    session.answer(&question.token, "from afar").await?;
    session.rejoin(&id, 0).await?.finish().await?.expect_value("'from afar'")?;
    Ok(())
}

async fn an_unknown_execution_is_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let id = ExecutionId::new();
    if cx.offers(Feature::Attach) {
        session.attach(&id, 0).await.expect_code("execution.unknown")?;
    }
    session.interrupt(&id).await.expect_code("execution.unknown")?;

    let elsewhere = cx.session().await?;
    let mut run = elsewhere.watch("1").await?;
    run.finish().await?.expect_value("1")?;
    session.interrupt(&run.id()).await.expect_code("execution.unknown")?;
    Ok(())
}

async fn an_execution_that_ended_long_ago_is_forgotten(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch("'first'").await?;
    run.finish().await?.expect_value("'first'")?;
    session.run("'second'").await?.expect_completed()?;
    session.rejoin(&run.id(), 0).await?.finish().await?.expect_value("'first'")?;
    for i in 0..20 {
        session.run(format!("{i}")).await?.expect_completed()?;
    }
    session.attach(&run.id(), 0).await.expect_code("execution.unknown")?;
    Ok(())
}

async fn a_slow_reader_slows_the_code(cx: &Context) -> Outcome {
    let (session, witness) = (cx.session().await?, cx.session().await?);
    let flood = python(
        "
        import os
        print('ready', flush=True)
        for i in range(32):
            print('x' * 2**20)
            with open('progress.new', 'w') as f: f.write(str(i + 1))
            os.replace('progress.new', 'progress')
        ",
    );
    let mut run = session.watch(flood).await?;
    run.until_output("ready\n").await?;
    // Nobody reads from here on. The code comes to a stand: its progress is the same for a whole second.
    let stand = python(
        "
        import time
        def progress():
            try: return int(open('progress').read())
            except FileNotFoundError: return 0
        while True:
            before = progress()
            time.sleep(1)
            if progress() == before: break
        before < 32
        ",
    );
    witness.run(stand).await?.expect_value("True")?;
    run.finish().await?.expect_completed()?;
    ensure_eq("bytes that came", run.output().len(), "ready\n".len() + 32 * ((1 << 20) + 1))?;
    witness.run("progress()").await?.expect_value("32")?;
    Ok(())
}
