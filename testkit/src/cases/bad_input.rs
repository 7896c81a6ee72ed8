//! Code and specs as nobody should send them: each with a typed error or a defined outcome.

use hibernaculum_core::{NetworkPolicy, Script};

use crate::prelude::*;

cases! { "bad input":
    a_script_with_a_megabyte_of_arguments_is_refused,
    empty_code_does_nothing,
    code_with_nul_is_a_failure,
    code_of_ten_megabytes_runs,
    code_that_is_too_large_is_refused,
    code_that_is_nested_too_deeply_is_a_failure,
    code_of_any_characters_runs,
    line_ends_of_every_system_are_understood,
    an_execution_id_runs_once,
    a_spec_that_makes_no_sense_is_refused,
    a_session_spec_that_makes_no_sense_is_refused,
    lone_surrogates_in_names_are_escaped,
    a_working_directory_that_vanishes_does_no_harm,
    a_disk_that_is_full_is_a_failure,
}

/// The most code that an execution takes.
const LIMIT: usize = 64 << 20;

async fn empty_code_does_nothing(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for code in ["", "\n\n", "   ", "# only a comment", "'''\n'''\npass"] {
        session.run(code).await?.expect_no_value()?.expect_stdout("")?;
    }
    Ok(())
}

async fn code_with_nul_is_a_failure(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("x = 1\0").await?;
    result.expect_end(Status::Failed, &StateAfter::Kept)?;
    let kind = result.error().map(|error| error.type_name.clone()).unwrap_or_default();
    // CPython 3.12 made a SyntaxError of what had been a ValueError.
    ensure_eq(&format!("whether {kind} is Python's own"), ["SyntaxError", "ValueError"].contains(&kind.as_str()), true)?;
    session.run("'x\\0'").await?.expect_value("'x\\x00'")?;
    Ok(())
}

async fn code_of_ten_megabytes_runs(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = format!("text = '{}'\nlen(text)", "a".repeat(10_000_000));
    session.run(code).await?.expect_value("10000000")?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn code_that_is_too_large_is_refused(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = format!("#{}", "x".repeat(LIMIT));
    let error = session.start(code).await.expect_code("execution.code_too_large")?;
    let details = error.explain().details;
    ensure_eq("bytes told", details.get("bytes").cloned(), Some((LIMIT + 1).into()))?;
    ensure_eq("limit told", details.get("limit").cloned(), Some(LIMIT.into()))?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn code_that_is_nested_too_deeply_is_a_failure(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let code = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    let result = session.run(code).await?;
    // Which exception it is differs between versions of CPython; that it is one does not.
    result.expect_end(Status::Failed, &StateAfter::Kept)?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn code_of_any_characters_runs(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("größe = '😀\u{2028}\u{feff}'\nlen(größe), größe[0]").await?.expect_value("(3, '😀')")?;
    session.run("\u{feff}x = 1").await?;
    session.run("'after'").await?.expect_value("'after'")?;
    Ok(())
}

async fn line_ends_of_every_system_are_understood(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("if True:\r\n    x = 1\r\n    y = 2\r\nx + y").await?.expect_value("3")?;
    session.run("def f():\n\treturn 4\nf()").await?.expect_value("4")?;
    Ok(())
}

async fn an_execution_id_runs_once(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("n = 0").await?.expect_completed()?;
    let request = ExecutionRequest::new("n += 1\nn");
    session.run(request.clone()).await?.expect_value("1")?;
    let error = session.start(request.clone()).await.expect_code("execution.exists")?;
    ensure_eq("the id told", error.explain().details.get("execution").cloned(), Some(request.id.to_string().into()))?;
    session.run("n").await?.expect_value("1")?;
    Ok(())
}

async fn a_spec_that_makes_no_sense_is_refused(cx: &Context) -> Outcome {
    type Spoil = fn(&mut hibernaculum_core::SandboxSpec);
    let fields: [(&str, Spoil); 6] = [
        ("preload", |spec| spec.preload = vec!["os; import sys".to_owned()]),
        ("env", |spec| drop(spec.env.insert("A=B".to_owned(), "x".to_owned()))),
        ("env.A", |spec| drop(spec.env.insert("A".to_owned(), "x\0".to_owned()))),
        ("labels", |spec| drop(spec.labels.insert(String::new(), "x".to_owned()))),
        ("workdir", |spec| spec.workdir = Some(String::new())),
        ("network", |spec| spec.network = Some(NetworkPolicy::AllowList { hosts: vec![] })),
    ];
    for (field, spoil) in fields {
        let mut spec = cx.spec();
        spoil(&mut spec);
        let error = cx.backend().create(spec).await.expect_code("config.invalid")?;
        ensure_eq("field", error.explain().details.get("field").cloned(), Some(field.into()))?;
    }
    Ok(())
}

async fn a_session_spec_that_makes_no_sense_is_refused(cx: &Context) -> Outcome {
    let hour = std::time::Duration::from_secs(3601);
    let specs = [
        ("queue_limit", SessionSpec::default().queue_limit(0)),
        ("queue_limit", SessionSpec::default().queue_limit(1_000_000)),
        ("grace", SessionSpec::default().grace(hour)),
    ];
    for (field, spec) in specs {
        let error = cx.sandbox().await?.session_with(spec).await.expect_code("config.invalid")?;
        ensure_eq("field", error.explain().details.get("field").cloned(), Some(field.into()))?;
    }
    Ok(())
}

async fn lone_surrogates_in_names_are_escaped(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("globals()['a\\ud800'] = 1").await?;
    result.expect_completed()?;
    let added: Vec<_> = result.outcome.changes.added.iter().map(|change| change.name.as_str()).collect();
    ensure_eq("names told as added", added, vec!["a\\ud800"])?;
    session.run("globals()['a\\ud800']").await?.expect_value("1")?;
    Ok(())
}

async fn a_working_directory_that_vanishes_does_no_harm(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os, shutil; place = os.getcwd(); shutil.rmtree(place)").await?.expect_completed()?;
    session.run("os.getcwd()").await?.expect_exception("FileNotFoundError")?;
    session.run("print('still here')\nimport colorsys\n1 + 1").await?.expect_stdout("still here\n")?.expect_value("2")?;
    // A new session cannot enter what is not there; told, and the old one goes on.
    let refused = cx.sandbox().await?.session().await.map(drop);
    let error = refused.expect_code("session.start")?;
    ensure_eq(&format!("whether {error} says why"), error.to_string().contains("working directory"), true)?;
    session.run("os.mkdir(place); os.chdir(place); open('x', 'w').write('y')").await?.expect_value("1")?;
    let next = cx.session().await?;
    next.run("open('x').read()").await?.expect_value("'y'")?;
    Ok(())
}

/// `/dev/full` answers every write as a full disk does.
async fn a_disk_that_is_full_is_a_failure(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let full = "f = open('/dev/full', 'w')\nf.write('x')\nf.flush()";
    let raised = session.run(full).await?;
    let message = raised.expect_exception("OSError")?.message.clone();
    ensure_eq(&format!("whether {message:?} names the reason"), message.contains("No space left"), true)?;
    // The stream that is closed by force at the next collection complains to stderr of nobody else.
    session.run("f.detach() is not None").await.map(drop)?;
    session.run("import sys; sys.stdout.flush(); 'on'").await?.expect_value("'on'")?;
    Ok(())
}

async fn a_script_with_a_megabyte_of_arguments_is_refused(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let script = |argv: Vec<String>| {
        let script = Script { filename: "x.py".to_owned(), first_line: 1, argv: Some(argv) };
        ExecutionRequest::new("len(__import__('sys').argv)").script(script)
    };
    for argv in [vec!["x".repeat(20 << 20)], vec![String::new(); 1_000_000]] {
        session.start(script(argv)).await.expect_code("config.invalid")?;
    }
    session.execute(script(vec!["x".repeat(1000); 900])).await?.expect_value("900")?;
    Ok(())
}
