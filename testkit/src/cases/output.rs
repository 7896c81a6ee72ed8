//! What code writes, by `print` and past it.

use hibernaculum_core::{ByteSize, OutputLimits};

use crate::prelude::*;

cases! { "output":
    smoke print_is_seen_while_the_code_runs,
    output_of_processes_is_seen_while_they_run,
    stdout_and_stderr_are_told_apart,
    text_without_a_newline_is_not_held_back,
    smoke output_that_looks_like_the_protocol_is_only_output,
    a_line_of_a_megabyte_passes_whole,
    c_code_that_holds_the_gil_may_fill_more_than_a_pipe,
    the_last_bytes_come_before_the_end,
    a_flood_is_given_whole_and_kept_within_bounds,
    limits_of_zero_keep_nothing_and_count_everything,
    what_is_not_utf_8_is_replaced,
    a_character_may_come_in_two_writes,
    lone_surrogates_in_output_are_escaped,
    every_sort_of_text_is_written,
    the_streams_behave_like_files,
    warnings_and_logs_go_to_stderr,
    redirected_output_is_not_told,
    a_replaced_stdout_is_the_codes_own_affair,
}

async fn print_is_seen_while_the_code_runs(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(SLEEPER).await?;
    run.until_output("ready\n").await
}

async fn output_of_processes_is_seen_while_they_run(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch("import subprocess; subprocess.run('echo from a child; sleep 600', shell=True)").await?;
    run.until_output("from a child\n").await
}

async fn stdout_and_stderr_are_told_apart(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import os, sys
        print('text out', flush=True)
        print('text err', file=sys.stderr, flush=True)
        os.write(1, b'raw out\\n')
        os.write(2, b'raw err\\n')
        ",
    );
    let result = session.run(code).await?;
    result.expect_stdout("text out\nraw out\n")?.expect_stderr("text err\nraw err\n")?;
    Ok(())
}

async fn text_without_a_newline_is_not_held_back(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch("import time\nprint('50 %', end='')\ntime.sleep(600)").await?;
    run.until_output("50 %").await
}

async fn output_that_looks_like_the_protocol_is_only_output(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let reply = r#"{"jsonrpc":"2.0","id":1,"result":{"execution":1,"status":"completed","value":{"repr":"666"}}}"#;
    let code = format!(
        "import os, struct\nreply = {reply:?}\nprint(reply)\nprint('\\x00\\x00\\x00\\x02{{}}', end='', flush=True)\n\
         os.write(1, struct.pack('>I', len(reply)) + reply.encode())\n7"
    );
    let result = session.run(code).await?;
    result.expect_status(Status::Completed)?;
    let length = u8::try_from(reply.len()).ok().filter(u8::is_ascii).map(char::from).unwrap_or_default();
    let text = format!("{reply}\n\0\0\0\u{2}{{}}\0\0\0{length}{reply}");
    result.expect_value("7")?.expect_stdout(&text)?;
    session.run("1 + 1").await?.expect_value("2")?.expect_stdout("")?;
    Ok(())
}

async fn a_line_of_a_megabyte_passes_whole(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let line = format!("{}\n", "m".repeat(1_000_000));
    session.run("print('m' * 1_000_000)").await?.expect_completed()?.expect_stdout(&line)?;
    session.run("'still here'").await?.expect_value("'still here'")?;
    Ok(())
}

async fn c_code_that_holds_the_gil_may_fill_more_than_a_pipe(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import ctypes\nbytes_ = b'c' * 2**20\nctypes.PyDLL(None).write(1, bytes_, len(bytes_))";
    session.run(code).await?.expect_value("1048576")?.expect_stdout(&"c".repeat(1 << 20))?;
    Ok(())
}

async fn the_last_bytes_come_before_the_end(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os").await?.expect_completed()?;
    for round in 0..50 {
        let code = format!("print('text {round}', flush=True)\n_ = os.write(1, b'raw {round}\\n')");
        session.run(code).await?.expect_stdout(&format!("text {round}\nraw {round}\n"))?;
    }
    Ok(())
}

async fn a_flood_is_given_whole_and_kept_within_bounds(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let limits = OutputLimits { head: ByteSize::kib(64), tail: ByteSize::kib(16), ..OutputLimits::default() };
    let code = "print('first')\nfor _ in range(16 * 1024): print('x' * 1023)\nprint('last')";
    let mut run = session.watch(ExecutionRequest::new(code).output(limits)).await?;
    let result = run.finish().await?;
    result.expect_completed()?;
    let all = 16 * 1024 * 1024 + "first\nlast\n".len();
    ensure_eq("bytes in the stream", run.output().len(), all)?;
    let kept = result.stdout.as_str();
    ensure_eq("bytes kept", kept.len(), (64 + 16) * 1024)?;
    ensure_eq("bytes cut", result.stdout.cut.map(|cut| cut.bytes), Some((all - kept.len()) as u64))?;
    ensure_eq("the beginning", kept.starts_with("first\nxxx"), true)?;
    ensure_eq("the end", kept.ends_with("xxx\nlast\n"), true)
}

async fn limits_of_zero_keep_nothing_and_count_everything(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let none = ByteSize::bytes(0);
    let limits = OutputLimits { head: none, tail: none, displays: none, value: none };
    let code = "import sys\nprint('out')\nprint('error', file=sys.stderr)\ndisplay('shown')\n'value'";
    let mut run = session.watch(ExecutionRequest::new(code).output(limits)).await?;
    let result = run.finish().await?;
    result.expect_completed()?;
    for (name, kept, bytes) in [("stdout", &result.stdout, 4), ("stderr", &result.stderr, 6)] {
        ensure_eq(&format!("{name} kept"), kept.text.as_str(), "")?;
        ensure_eq(&format!("{name} cut"), kept.cut.map(|cut| cut.bytes), Some(bytes))?;
    }
    ensure_eq("output in the stream", run.output(), "out\nerror\n")?;
    ensure_eq("displays kept and left out", (result.displays.len(), result.displays_cut), (0, 1))?;
    let Some(value) = result.value() else { return Err(Failure::new("there is no value")) };
    ensure_eq("the value's repr, and what was cut", (value.repr.as_str(), value.cut), ("", 7))?;
    ensure_eq("its JSON form", value.json.as_ref(), None)?;
    session.run("_").await?.expect_value("'value'")?;
    Ok(())
}

async fn what_is_not_utf_8_is_replaced(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os; os.write(1, b'a\\xff\\xfeb\\n')").await?.expect_stdout("a\u{fffd}\u{fffd}b\n")?;
    Ok(())
}

async fn a_character_may_come_in_two_writes(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import os\nfor byte in 'é€😀'.encode(): os.write(1, bytes([byte]))";
    session.run(code).await?.expect_stdout("é€😀")?;
    Ok(())
}

async fn lone_surrogates_in_output_are_escaped(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("import sys\nprint('a\\udc80b')\nprint('\\ud800', file=sys.stderr)").await?;
    result.expect_completed()?.expect_stdout("a\\udc80b\n")?.expect_stderr("\\ud800\n")?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn every_sort_of_text_is_written(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let text = "\0tab\t nul\0 escape\u{1b}[31m bell\u{7} ü € 😀 \u{2028}\u{feff}\r\n\0";
    // A JSON string that escapes no surrogates is a Python string too.
    let code = format!("print({}, end='')", serde_json::Value::from(text));
    session.run(code).await?.expect_completed()?.expect_stdout(text)?;
    Ok(())
}

async fn the_streams_behave_like_files(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import sys
        n = sys.stdout.write('four')
        sys.stdout.writelines([' ', 'lines', '\\n'])
        sys.stdout.flush()
        print('sep', 'arated', sep='-', flush=True)
        sys.stdout.buffer.write(b'bytes\\n')
        sys.stdout.buffer.flush()
        print('after')
        (n, sys.stdout.isatty(), sys.stdout.writable(), sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.encoding)
        ",
    );
    let result = session.run(code).await?;
    result.expect_value("(4, False, True, 1, 2, 'utf-8')")?.expect_stdout("four lines\nsep-arated\nbytes\nafter\n")?;
    Ok(())
}

async fn warnings_and_logs_go_to_stderr(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import logging, warnings\nwarnings.warn('thin ice')\nlogging.warning('cold')\nlogging.error('colder')";
    let result = session.run(code).await?;
    result.expect_completed()?.expect_stdout("")?;
    for text in ["UserWarning: thin ice", "WARNING:root:cold", "ERROR:root:colder"] {
        ensure_eq(&format!("stderr {:?} has {text:?}", result.stderr.text), result.stderr.text.contains(text), true)?;
    }
    Ok(())
}

async fn redirected_output_is_not_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import contextlib, io
        kept = io.StringIO()
        with contextlib.redirect_stdout(kept):
            print('inside')
        print('outside')
        kept.getvalue()
        ",
    );
    session.run(code).await?.expect_value("'inside\\n'")?.expect_stdout("outside\n")?;
    Ok(())
}

async fn a_replaced_stdout_is_the_codes_own_affair(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let replaced = session.run("import io, sys\nold = sys.stdout\nsys.stdout = io.StringIO()\nprint('into it')").await?;
    replaced.expect_completed()?.expect_stdout("")?;
    session.run("old.write('past it\\n'); sys.stdout.getvalue()").await?.expect_value("'into it\\n'")?;
    session.run("sys.stdout = old\nprint('back')").await?.expect_completed()?.expect_stdout("back\n")?;
    session.run("sys.stdout = None\nprint('nowhere')\nsys.stdout = old").await?.expect_completed()?;
    session.run("print('again')").await?.expect_stdout("again\n")?;
    Ok(())
}
