//! What is written while no execution runs belongs to none.

use crate::prelude::*;

cases! { "background":
    smoke what_a_thread_prints_after_the_end_is_background,
    what_a_child_prints_after_the_end_is_background,
    what_a_task_prints_after_the_end_is_background,
    background_output_is_told_once,
    background_output_does_not_wait_for_room,
}

async fn what_a_thread_prints_after_the_end_is_background(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let code = python(
        "
        import os, threading, time
        def late():
            while not os.path.exists('go'): time.sleep(0.002)
            print('late')
            open('printed', 'w').close()
        threading.Thread(target=late, daemon=True).start()
        print('started')
        ",
    );
    session.run(code).await?.expect_completed()?.expect_stdout("started\n")?;
    other.run(make("go")).await?.expect_completed()?;
    other.run(wait_for("printed")).await?.expect_completed()?;
    let next = session.run("print('own')").await?;
    next.expect_completed()?.expect_stdout("own\n")?;
    ensure_eq("background", next.background.as_str(), "late\n")
}

async fn what_a_child_prints_after_the_end_is_background(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let code = python(
        "
        import subprocess
        script = 'while [ ! -e go ]; do sleep 0.01; done; echo late; touch printed'
        child = subprocess.Popen(['sh', '-c', script])
        print('started')
        ",
    );
    session.run(code).await?.expect_completed()?.expect_stdout("started\n")?;
    other.run(make("go")).await?.expect_completed()?;
    other.run(wait_for("printed")).await?.expect_completed()?;
    let next = session.run("child.wait()").await?;
    next.expect_value("0")?.expect_stdout("")?;
    ensure_eq("background", next.background.as_str(), "late\n")
}

async fn what_a_task_prints_after_the_end_is_background(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let code = python(
        "
        import asyncio, os
        async def late():
            while not os.path.exists('go'): await asyncio.sleep(0.002)
            print('late')
            open('printed', 'w').close()
        task = asyncio.ensure_future(late())
        await asyncio.sleep(0)
        ",
    );
    session.run(code).await?.expect_completed()?.expect_stdout("")?;
    other.run(make("go")).await?.expect_completed()?;
    other.run(wait_for("printed")).await?.expect_completed()?;
    let next = session.run("print('own')").await?;
    next.expect_completed()?.expect_stdout("own\n")?;
    ensure_eq("background", next.background.as_str(), "late\n")
}

async fn background_output_is_told_once(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    // The child prints after the end of its execution; then it may be as quick, and what it prints is the execution's own.
    for waits in [Some("while [ ! -e go ]; do sleep 0.01; done; "), (cx.races(1) > 0).then_some("")].into_iter().flatten() {
        let script = format!("{waits}echo late; touch printed");
        let first = session.run(format!("import subprocess\nchild = subprocess.Popen(['sh', '-c', {script:?}])")).await?;
        other.run(make("go")).await?.expect_completed()?;
        other.run(wait_for("printed")).await?.expect_completed()?;
        other.run("os.unlink('printed')").await?.expect_completed()?;
        let second = session.run("1").await?;
        let third = session.run("2").await?;
        let told = format!("{}{}{}", first.stdout, second.background, third.background);
        ensure_eq("what was told, all together", told.as_str(), "late\n")?;
        ensure_eq("what later executions wrote", format!("{}{}", second.stdout, third.stdout), String::new())?;
    }
    Ok(())
}

async fn background_output_does_not_wait_for_room(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    // Far more than any pipe or ring holds, and nobody reads: the process must get to its end, and the session must answer.
    let script = "while [ ! -e go ]; do sleep 0.01; done; head -c 16777216 /dev/zero | tr '\\0' x; touch printed";
    session.run(format!("import subprocess\nchild = subprocess.Popen(['sh', '-c', {script:?}])")).await?.expect_completed()?;
    other.run(make("go")).await?.expect_completed()?;
    other.run(wait_for("printed")).await?.expect_completed()?;
    let next = session.run("child.wait(timeout=20)").await?;
    next.expect_value("0")?;
    session.run("print('own')").await?.expect_stdout("own\n")?;
    Ok(())
}
