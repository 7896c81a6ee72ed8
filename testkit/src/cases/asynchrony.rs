//! `await` at top level, on a loop that lives as long as the session.

use std::time::Duration;

use crate::prelude::*;

cases! { "asynchrony":
    smoke await_works_at_top_level,
    the_loop_survives_between_executions,
    asynchronous_loops_comprehensions_and_contexts_work,
    asynchronous_generators_live_on,
    tasks_go_on_while_the_session_is_idle,
    asyncio_run_works_in_a_cell,
    an_await_can_be_interrupted [INTERRUPT],
    an_await_meets_its_deadline [INTERRUPT],
    an_exception_in_an_await_is_an_outcome,
}

async fn await_works_at_top_level(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import asyncio\nasync def answer():\n    await asyncio.sleep(0)\n    return 42\nx = await answer()\nx";
    session.run(code).await?.expect_value("42")?;
    session.run("await answer() + x").await?.expect_value("84")?;
    Ok(())
}

async fn the_loop_survives_between_executions(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import asyncio\nloop = asyncio.get_running_loop() if False else None\nasync def here(): return asyncio.get_running_loop()\nloop = await here()\nqueue = asyncio.Queue()\nawait queue.put('kept')";
    session.run(code).await?.expect_completed()?;
    session.run("await here() is loop, await queue.get()").await?.expect_value("(True, 'kept')")?;
    Ok(())
}

async fn asynchronous_loops_comprehensions_and_contexts_work(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import asyncio
        async def numbers():
            for i in range(3):
                await asyncio.sleep(0)
                yield i
        seen = []
        async for i in numbers():
            seen.append(i)
        async with asyncio.Lock():
            seen.append('locked')
        seen + [i async for i in numbers()]
        ",
    );
    session.run(code).await?.expect_value("[0, 1, 2, 'locked', 0, 1, 2]")?;
    Ok(())
}

async fn asynchronous_generators_live_on(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "async def count():\n    for i in range(10): yield i\ng = count()\nawait g.__anext__()";
    session.run(code).await?.expect_value("0")?;
    session.run("await g.__anext__()").await?.expect_value("1")?;
    session.run("await g.aclose()").await?.expect_no_value()?;
    Ok(())
}

async fn tasks_go_on_while_the_session_is_idle(cx: &Context) -> Outcome {
    let (session, witness) = (cx.session().await?, cx.session().await?);
    let code = python(
        "
        import asyncio
        done = []
        async def work():
            for i in range(20):
                await asyncio.sleep(0.005)
            done.append('worked')
            open('worked', 'w').close()
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        done
        ",
    );
    session.run(code).await?.expect_value("[]")?;
    // The session does nothing; that the file appears shows that its task runs all the same.
    witness.run(wait_for("worked")).await?.expect_completed()?;
    session.run("done, task.done()").await?.expect_value("(['worked'], True)")?;
    Ok(())
}

async fn asyncio_run_works_in_a_cell(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import asyncio\nlock = asyncio.Lock()\nawait lock.acquire()").await?.expect_value("True")?;
    session.run("async def main(): return 7\nasyncio.run(main())").await?.expect_value("7")?;
    session.run("lock.release()\nasync with lock: x = 8\nx").await?.expect_value("8")?;
    Ok(())
}

async fn an_await_can_be_interrupted(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch("import asyncio\nx = 1\nprint('ready')\nawait asyncio.sleep(600)").await?;
    run.until_output("ready").await?;
    ensure_eq("whether it ran", session.interrupt(&run.id()).await?, true)?;
    run.finish().await?.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    session.run("await asyncio.sleep(0, x)").await?.expect_value("1")?;
    Ok(())
}

async fn an_await_meets_its_deadline(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import asyncio").await?.expect_completed()?;
    let code = "await asyncio.sleep(600)";
    let result = session.run(within(Duration::from_millis(500), code)).await?;
    result.expect_end(Status::TimedOut, &StateAfter::Kept)?;
    session.run("await asyncio.sleep(0, 1)").await?.expect_value("1")?;
    Ok(())
}

async fn an_exception_in_an_await_is_an_outcome(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("async def fail():\n    raise ValueError('within')\nawait fail()").await?;
    let error = result.expect_exception("ValueError")?;
    let frames: Vec<_> = error.frames.iter().map(|frame| (frame.line, frame.function.as_str())).collect();
    ensure_eq("frames", frames, vec![(3, "<module>"), (2, "fail")])
}
