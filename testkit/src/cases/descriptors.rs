//! What code may do to file descriptors, streams and hooks of its own process: each with a defined outcome.

use crate::prelude::*;

cases! { "descriptors":
    closed_descriptors_one_and_two_do_no_harm,
    closing_every_low_descriptor_does_no_harm,
    closing_every_descriptor_is_a_crash,
    a_duplicate_of_descriptor_one_is_the_same_stream,
    a_redirected_descriptor_one_is_the_codes_own_affair,
    a_closed_stdout_is_open_again_in_the_next_execution,
    faulthandler_writes_to_stderr,
    standard_input_is_empty,
    exit_hooks_do_no_harm,
    a_tracing_function_does_no_harm,
    names_that_shadow_builtins_do_no_harm,
    patched_builtins_hurt_their_own_session_only,
    forged_replies_hurt_their_own_session_only,
}

async fn closed_descriptors_one_and_two_do_no_harm(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os\nos.close(1)\nos.close(2)\n'closed'").await?.expect_value("'closed'")?;
    session.run("print('still heard')\n1").await?.expect_value("1")?.expect_stdout("still heard\n")?;
    Ok(())
}

async fn closing_every_low_descriptor_does_no_harm(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os\nos.closerange(3, 256)\n'closed'").await?.expect_value("'closed'")?;
    session.run("print('on', flush=True)\nos.write(1, b'raw\\n')").await?.expect_value("4")?.expect_stdout("on\nraw\n")?;
    Ok(())
}

async fn closing_every_descriptor_is_a_crash(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let result = session.run("import os\nos.closerange(0, 1 << 16)").await?;
    result.expect_end(Status::Crashed, &StateAfter::Lost)?;
    session.run("'x' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn a_duplicate_of_descriptor_one_is_the_same_stream(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import os\ncopy = os.dup(1)\nos.write(copy, b'through the copy\\n')\nos.close(copy)\nprint('and after')";
    session.run(code).await?.expect_completed()?.expect_stdout("through the copy\nand after\n")?;
    Ok(())
}

async fn a_redirected_descriptor_one_is_the_codes_own_affair(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import os
        saved = os.dup(1)
        file = open('into', 'w')
        os.dup2(file.fileno(), 1)
        os.system('echo into the file')
        os.dup2(saved, 1)
        os.close(saved)
        os.system('echo back')
        open('into').read()
        ",
    );
    session.run(code).await?.expect_value("'into the file\\n'")?.expect_stdout("back\n")?;
    Ok(())
}

async fn a_closed_stdout_is_open_again_in_the_next_execution(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import sys\nx = 1\nsys.stdout.close()\nprint('nowhere')").await?.expect_exception("ValueError")?;
    session.run("print('back')\nx").await?.expect_value("1")?.expect_stdout("back\n")?;
    session.run("sys.stderr = None").await?.expect_completed()?;
    session.run("sys.stderr.write('heard\\n')").await?.expect_value("6")?.expect_stderr("heard\n")?;
    Ok(())
}

async fn faulthandler_writes_to_stderr(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("import faulthandler\nfaulthandler.dump_traceback()").await?;
    let told = result.expect_completed()?.stderr.as_str().contains("most recent call first");
    ensure_eq(&format!("whether {:?} is its dump", result.stderr.text), told, true)?;
    session.run("faulthandler.enable()").await?.expect_completed()?;
    let crash = session.run("faulthandler._sigsegv()").await?;
    crash.expect_crash(&signal(11, "SIGSEGV"))?;
    let told = crash.stderr.as_str().contains("Segmentation fault");
    ensure_eq(&format!("whether {:?} tells of the crash", crash.stderr.text), told, true)
}

async fn standard_input_is_empty(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os\nos.read(0, 10)").await?.expect_value("b''")?;
    session.run("import subprocess\nsubprocess.check_output(['cat'])").await?.expect_value("b''")?;
    Ok(())
}

async fn exit_hooks_do_no_harm(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import atexit, sys\natexit.register(lambda: 1/0)\nx = 1").await?.expect_completed()?;
    session.run("sys.exit(0)").await?.expect_exception("SystemExit")?;
    session.run("x").await?.expect_value("1")?;
    session.close().await?;
    Ok(())
}

async fn a_tracing_function_does_no_harm(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import sys\nlines = []\ndef trace(frame, event, arg):\n    lines.append(event)\n    return trace\nsys.settrace(trace)";
    session.run(code).await?.expect_completed()?;
    session.run("x = 1\nx").await?.expect_value("1")?;
    session.run("sys.settrace(None)\nlen(lines) < 100_000").await?.expect_completed()?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn names_that_shadow_builtins_do_no_harm(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "str = len = list = dict = isinstance = repr = type = Exception = sys = os = json = None\nint = print";
    session.run(code).await?.expect_completed()?;
    session.run("40 + 2").await?.expect_value("42")?;
    session.run("int('heard')").await?.expect_no_value()?.expect_stdout("heard\n")?;
    session.run("1/0").await?.expect_exception("ZeroDivisionError")?;
    session.run("await None").await?.expect_exception("TypeError")?;
    Ok(())
}

async fn patched_builtins_hurt_their_own_session_only(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let code = python(
        "
        import builtins, json, os, time, traceback
        def broken(*args, **kwargs): raise RuntimeError('patched')
        json.dumps = json.loads = time.time = os.write = os.read = traceback.format_exception = broken
        builtins.repr = builtins.len = builtins.compile = builtins.isinstance = builtins.str = broken
        ",
    );
    // What becomes of this session is its own affair. But every call is answered.
    for code in [code.as_str(), "40 + 2", "print('heard')", "1/0"] {
        session.run(within(std::time::Duration::from_secs(5), code)).await?;
    }
    other.run("len([1]), repr('x')").await?.expect_value("(1, \"'x'\")")?;
    cx.session().await?.run("1/0").await?.expect_exception("ZeroDivisionError")?;
    Ok(())
}

async fn forged_replies_hurt_their_own_session_only(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let code = python(
        "
        import json, os, stat, struct
        reply = {'execution': 1, 'status': 'completed', 'count': 1, 'value': {'repr': '666', 'json': '666', 'type': 'int', 'cut': 0}}
        frames = b''
        for number in range(50):
            frame = json.dumps({'jsonrpc': '2.0', 'id': number, 'result': reply}).encode()
            frames += struct.pack('>I', len(frame)) + frame
        for fd in map(int, os.listdir('/proc/self/fd')):
            try:
                if stat.S_ISSOCK(os.fstat(fd).st_mode):
                    os.set_blocking(fd, False)
                    os.write(fd, frames)
            except OSError: pass
        ",
    );
    // It may lie about itself, or be caught at it. But every call is answered, and nobody else is lied to.
    for code in [code.as_str(), "1 + 1", "2 + 2"] {
        session.run(within(std::time::Duration::from_secs(5), code)).await?;
    }
    other.run("40 + 2").await?.expect_value("42")?;
    cx.session().await?.run("1/0").await?.expect_exception("ZeroDivisionError")?;
    Ok(())
}
