//! Tracebacks: the user's lines, with their source, and nothing of the runner's.

use hibernaculum_core::PythonError;

use crate::prelude::*;

cases! { "tracebacks":
    smoke a_traceback_shows_the_users_lines_only,
    frames_of_earlier_cells_have_their_source,
    a_syntax_error_points_at_its_place,
    causes_and_contexts_are_told,
    notes_are_told,
    exception_groups_are_told,
    sources_of_functions_and_classes_can_be_had,
    a_traceback_that_the_code_prints_is_clean_too,
    warnings_name_the_users_line,
    a_script_is_named_in_its_traceback,
    sources_of_passing_code_do_not_pile_up,
}

/// Each of the texts must be in the traceback, in this order.
#[track_caller]
fn tells(error: &PythonError, texts: &[&str]) -> Outcome {
    let mut rest = error.traceback.as_str();
    for text in texts {
        match rest.split_once(text) {
            Some((_, after)) => rest = after,
            None => return Err(Failure::expected(format!("the traceback tells {text:?}"), &error.traceback)),
        }
    }
    Ok(())
}

async fn a_traceback_shows_the_users_lines_only(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("def inner():\n    return 1 / 0\n\ninner()").await?;
    let error = result.expect_exception("ZeroDivisionError")?;
    tells(
        error,
        &[
            "Traceback (most recent call last):\n",
            "line 4, in <module>\n    inner()\n",
            "line 2, in inner\n    return 1 / 0\n",
            "ZeroDivisionError: division by zero",
        ],
    )?;
    let files = error.traceback.matches("File \"").count();
    ensure_eq("frames in the traceback", files, 2)?;
    let frames: Vec<_> =
        error.frames.iter().map(|frame| (frame.line, frame.function.as_str(), frame.source.as_str())).collect();
    ensure_eq("frames", frames, vec![(4, "<module>", "inner()"), (2, "inner", "return 1 / 0")])
}

async fn frames_of_earlier_cells_have_their_source(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("def broken():\n    raise KeyError('lost')").await?.expect_completed()?;
    let result = session.run("broken()").await?;
    let error = result.expect_exception("KeyError")?;
    let sources: Vec<_> = error.frames.iter().map(|frame| frame.source.as_str()).collect();
    ensure_eq("sources", sources, vec!["broken()", "raise KeyError('lost')"])?;
    let files: Vec<_> = error.frames.iter().map(|frame| frame.file.as_str()).collect();
    ensure_eq("whether the cells are told apart", files.first() != files.last(), true)
}

async fn a_syntax_error_points_at_its_place(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let result = session.run("x = 2\nif x ==\n    pass").await?;
    let error = result.expect_exception("SyntaxError")?;
    tells(error, &["line 2\n", "if x ==\n", "^\n", "SyntaxError: "])?;
    ensure_eq("whether the runner stays out of it", error.traceback.contains("hibernaculum"), false)?;
    session.run("x").await?.expect_value("1")?;
    session.run("if True:\nx = 1").await?.expect_exception("IndentationError")?;
    Ok(())
}

async fn causes_and_contexts_are_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        try:
            {}['key']
        except KeyError as error:
            raise ValueError('wrapped') from error
        ",
    );
    let result = session.run(code).await?;
    let direct = "\nThe above exception was the direct cause of the following exception:\n";
    tells(result.expect_exception("ValueError")?, &["KeyError: 'key'\n", direct, "ValueError: wrapped"])?;

    let result = session.run("try:\n    1/0\nexcept ZeroDivisionError:\n    None.nothing").await?;
    let during = "\nDuring handling of the above exception, another exception occurred:\n";
    let error = result.expect_exception("AttributeError")?;
    tells(error, &["ZeroDivisionError: division by zero\n", during, "AttributeError: "])
}

async fn notes_are_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    cx.needs_python(&session, 11).await?;
    let code = "error = ValueError('bad')\nerror.add_note('seen on the third row')\nraise error";
    let result = session.run(code).await?;
    tells(result.expect_exception("ValueError")?, &["ValueError: bad\n", "seen on the third row"])
}

async fn exception_groups_are_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    cx.needs_python(&session, 11).await?;
    let result = session.run("raise ExceptionGroup('several', [ValueError('one'), TypeError('two')])").await?;
    let error = result.expect_exception("ExceptionGroup")?;
    tells(error, &["ExceptionGroup: several (2 sub-exceptions)", "ValueError: one", "TypeError: two"])
}

async fn sources_of_functions_and_classes_can_be_had(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("def f(x):\n    return x  # a comment\n").await?.expect_completed()?;
    session.run("class C:\n    'A class.'\n    def m(self): pass\n").await?.expect_completed()?;
    session.run("import inspect\ninspect.getsource(f)").await?.expect_value("'def f(x):\\n    return x  # a comment\\n'")?;
    let class = session.run("inspect.getsource(C)").await?;
    class.expect_value("\"class C:\\n    'A class.'\\n    def m(self): pass\\n\"")?;
    Ok(())
}

async fn a_traceback_that_the_code_prints_is_clean_too(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import traceback\ntry:\n    1/0\nexcept ZeroDivisionError:\n    traceback.print_exc()";
    let result = session.run(code).await?;
    let text = result.expect_completed()?.stderr.text.clone();
    let clean = text.contains("line 3, in <module>\n    1/0\n") && text.matches("File \"").count() == 1;
    ensure_eq(&format!("whether {text:?} has the user's line only"), clean, true)
}

async fn warnings_name_the_users_line(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("import warnings\n\nwarnings.warn('thin ice')").await?;
    let text = result.expect_completed()?.stderr.text.clone();
    let named = text.contains(":3: UserWarning: thin ice\n  warnings.warn('thin ice')\n");
    ensure_eq(&format!("whether {text:?} has line and source"), named, true)
}

async fn a_script_is_named_in_its_traceback(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let script = hibernaculum_core::Script { filename: "plan.py".to_owned(), first_line: 10, argv: None };
    let result = session.run(ExecutionRequest::new("x = 1\n1/0").script(script)).await?;
    let error = result.expect_exception("ZeroDivisionError")?;
    tells(error, &["File \"plan.py\", line 11, in <module>\n    1/0\n"])?;
    let frame = error.frames.first().map(|frame| (frame.file.as_str(), frame.line));
    ensure_eq("frame", frame, Some(("plan.py", 11)))
}

async fn sources_of_passing_code_do_not_pile_up(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("def f(): return 'lasting'").await?.expect_completed()?;
    for i in 0..600 {
        session.run(format!("x = {i}")).await?.expect_completed()?;
    }
    session.run("import linecache\nlen(linecache.cache) < 500").await?.expect_value("True")?;
    session.run("import inspect\ninspect.getsource(f)").await?.expect_value("\"def f(): return 'lasting'\\n\"")?;
    Ok(())
}
