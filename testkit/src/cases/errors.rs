//! Python exceptions: a normal outcome, not a fault.

use crate::prelude::*;

cases! { "errors":
    smoke an_exception_is_an_outcome,
    output_before_an_exception_is_there,
    smoke sys_exit_ends_the_execution_and_not_the_session,
    a_keyboard_interrupt_of_its_own_is_a_failure,
    endless_recursion_is_a_failure,
    memory_that_cannot_be_had_is_a_failure,
    an_exception_that_cannot_be_shown_is_told_all_the_same,
    lone_surrogates_in_an_exception_are_escaped,
    an_exception_class_of_its_own_is_told_by_name,
}

async fn an_exception_is_an_outcome(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("x = 1\nraise ValueError('no such luck')").await?;
    let error = result.expect_exception("ValueError")?;
    ensure_eq("module", error.module.as_str(), "builtins")?;
    ensure_eq("message", error.message.as_str(), "no such luck")?;
    ensure_eq("exit code", error.exit_code, None)?;
    ensure_eq("value", result.value(), None)?;
    let lines: Vec<_> = error.frames.iter().map(|frame| (frame.line, frame.function.as_str())).collect();
    ensure_eq("frames", lines, vec![(2, "<module>")])?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn output_before_an_exception_is_there(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("print('before')\n1/0\nprint('after')").await?;
    result.expect_stdout("before\n")?.expect_stderr("")?.expect_exception("ZeroDivisionError")?;
    Ok(())
}

async fn sys_exit_ends_the_execution_and_not_the_session(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import sys; x = 1").await?.expect_completed()?;
    let exits = [("sys.exit(3)", 3), ("sys.exit()", 0), ("exit(4)", 4), ("raise SystemExit('told')", 1)];
    for (code, exit_code) in exits {
        let result = session.run(code).await?;
        let error = result.expect_exception("SystemExit")?;
        ensure_eq(code, error.exit_code, Some(exit_code))?;
    }
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn a_keyboard_interrupt_of_its_own_is_a_failure(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("raise KeyboardInterrupt('mine')").await?.expect_exception("KeyboardInterrupt")?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn endless_recursion_is_a_failure(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("x = 1\ndef down(): return down()\ndown()").await?;
    result.expect_exception("RecursionError")?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn memory_that_cannot_be_had_is_a_failure(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1\nbytearray(1 << 60)").await?.expect_exception("MemoryError")?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn an_exception_that_cannot_be_shown_is_told_all_the_same(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "class Shy(Exception):\n    def __str__(self): raise ValueError('no')\nraise Shy()";
    session.run(code).await?.expect_exception("Shy")?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn lone_surrogates_in_an_exception_are_escaped(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("raise ValueError('a\\udc80b')").await?;
    ensure_eq("message", result.expect_exception("ValueError")?.message.as_str(), "a\\udc80b")?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn an_exception_class_of_its_own_is_told_by_name(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("class Trouble(Exception): pass\nraise Trouble('here')").await?;
    let error = result.expect_exception("Trouble")?;
    ensure_eq("module", error.module.as_str(), "__main__")?;
    ensure_eq("message", error.message.as_str(), "here")
}
