//! Shell commands and magics: what model-written code takes from IPython.

use hibernaculum_core::ByteSize;

use crate::prelude::*;

cases! { "magics":
    smoke a_shell_command_streams_and_its_exit_code_is_kept,
    a_shell_command_gives_its_lines,
    an_interrupt_ends_a_shell_command [INTERRUPT],
    a_failed_bash_cell_fails,
    an_unknown_magic_names_the_nearest,
    a_magic_in_a_string_stays_text,
    magics_tell_times,
    a_file_that_a_cell_writes_can_be_imported,
    a_script_that_is_run_leaves_its_names,
    errors_within_magics_show_the_users_lines,
    a_wheel_that_was_uploaded_is_installed_for_the_sandbox [FILES],
    pip_says_why_it_failed,
}

const FILES: Need = Need::Feature(Feature::Files);

async fn a_shell_command_streams_and_its_exit_code_is_kept(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let mut run =
        session.watch("!echo first; while [ ! -e go ]; do sleep 0.01; done; echo last; exit 3").await?;
    run.until_output("first\n").await?;
    other.run(make("go")).await?.expect_completed()?;
    run.finish().await?.expect_completed()?.expect_stdout("first\nlast\n")?;
    session.run("_exit_code").await?.expect_value("3")?;
    Ok(())
}

async fn a_shell_command_gives_its_lines(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "word = 'den'\nlines = !printf 'one\\n%s\\n' {word.upper()}\nlines";
    session.run(code).await?.expect_value("['one', 'DEN']")?;
    Ok(())
}

async fn an_interrupt_ends_a_shell_command(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch("!echo ready; sleep 600").await?;
    run.until_output("ready\n").await?;
    session.interrupt(&run.id()).await?;
    ensure_eq("status", run.finish().await?.status(), Status::Interrupted)?;
    session.run("6 * 7").await?.expect_value("42")?;
    Ok(())
}

async fn a_failed_bash_cell_fails(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("%%bash\necho before\nexit 4").await?;
    result.expect_exception("CalledProcessError")?;
    result.expect_stdout("before\n")?;
    session.run("_exit_code").await?.expect_value("4")?;
    Ok(())
}

async fn an_unknown_magic_names_the_nearest(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("%timeti 1 + 1").await?;
    result.expect_exception("UsageError")?;
    let message = result.error().map(|error| error.message.as_str()).unwrap_or_default();
    ensure(&format!("{message:?} names %timeit"), message.contains("%timeit"))
}

async fn a_magic_in_a_string_stays_text(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "text = '''\n!echo no\n%time no\n'''\n!echo yes\nlen(text)";
    session.run(code).await?.expect_value("19")?.expect_stdout("yes\n")?;
    Ok(())
}

async fn magics_tell_times(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("%time 6 * 7").await?;
    result.expect_value("42")?;
    let told = result.stdout.to_string();
    ensure(&format!("{told:?} tells the time"), told.contains("Wall time:"))?;
    let result = session.run("%%timeit -n 10 -r 2\nsum(range(10))").await?;
    let told = result.expect_completed()?.stdout.to_string();
    ensure(&format!("{told:?} tells the mean"), told.contains("per loop"))
}

async fn a_file_that_a_cell_writes_can_be_imported(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("%%writefile burrow.py\ndef depth():\n    return 42").await?.expect_completed()?;
    session.run("import burrow; burrow.depth()").await?.expect_value("42")?;
    Ok(())
}

async fn a_script_that_is_run_leaves_its_names(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("%%writefile dig.py\nimport sys\nwords = sys.argv[1:], __name__").await?.expect_completed()?;
    let code = "%run dig.py one two\nwords, '__file__' in globals()";
    session.run(code).await?.expect_value("((['one', 'two'], '__main__'), False)")?;
    Ok(())
}

async fn errors_within_magics_show_the_users_lines(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("%%time\nx = 1\nx / 0").await?;
    result.expect_exception("ZeroDivisionError")?;
    let traceback = result.error().map(|error| error.traceback.as_str()).unwrap_or_default();
    ensure(traceback, traceback.contains("line 3, in <module>\n    x / 0\n"))?;
    ensure(traceback, !traceback.contains("hibernaculum"))
}

/// Code that writes a wheel, which is a zip file of a few texts.
const WHEEL: &str = r#"
import zipfile
dist = "denning-1.0.dist-info"
files = {"denning.py": "depth = 42\n", f"{dist}/METADATA": "Metadata-Version: 2.1\nName: denning\nVersion: 1.0\n",
         f"{dist}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
files[f"{dist}/RECORD"] = "".join(f"{name},,\n" for name in files) + f"{dist}/RECORD,,\n"
with zipfile.ZipFile("made.whl", "w") as wheel:
    for name, text in files.items():
        wheel.writestr(name, text)
"#;

async fn a_wheel_that_was_uploaded_is_installed_for_the_sandbox(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    cx.needs_module(&session, "pip").await?;
    session.run(WHEEL).await?.expect_completed()?;
    // Out to the host, and in again under its proper name: as a user uploads one.
    let files = cx.sandbox().await?.files();
    let wheel = files.read("made.whl", ByteSize::mib(1)).await?;
    files.write("denning-1.0-py3-none-any.whl", wheel).await?;
    let neighbour = cx.session().await?;
    let result = session.run("%pip install --no-index ./denning-1.0-py3-none-any.whl").await?;
    let told = result.expect_completed()?.stdout.to_string();
    ensure(&format!("pip told {told:?}"), told.contains("Successfully installed denning-1.0"))?;
    session.run("import denning; denning.depth").await?.expect_value("42")?;
    neighbour.run("import denning; denning.depth").await?.expect_value("42")?;
    Ok(())
}

async fn pip_says_why_it_failed(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    cx.needs_module(&session, "pip").await?;
    let result = session.run("%pip install --no-index no-such-package-anywhere").await?;
    result.expect_exception("UsageError")?;
    let message = result.error().map(|error| error.message.as_str()).unwrap_or_default();
    ensure(message, message.contains("no such package"))
}
