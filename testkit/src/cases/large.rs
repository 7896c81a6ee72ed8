//! Much of everything.

use std::time::Duration;

use hibernaculum_core::{ByteSize, OutputLimits};

use crate::prelude::*;

cases! { "large data":
    ten_megabytes_printed_come_whole,
    a_value_of_ten_megabytes_comes_whole,
    an_exception_of_ten_megabytes_is_told,
    a_repr_of_a_gigabyte_is_cut_and_counted,
    a_thousand_small_executions_stay_in_step,
    thousands_of_names_are_told_in_part,
    a_hundred_megabytes_from_a_child_come_whole,
}

async fn ten_megabytes_printed_come_whole(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch("print('ü' * 5_000_000, end='.')").await?;
    run.finish().await?.expect_completed()?;
    let output = run.output();
    ensure_eq("bytes", output.len(), 10_000_001)?;
    ensure_eq("whether every character came", output.trim_end_matches('.').chars().all(|c| c == 'ü'), true)
}

async fn a_repr_of_a_gigabyte_is_cut_and_counted(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for (character, bytes) in [("x", 1_u64 << 30), ("ü", 1 << 28)] {
        let code = format!("class Big:\n    def __repr__(self): return '{character}' * ({bytes} // len('{character}'.encode()))\nBig()");
        let limits = OutputLimits { value: ByteSize::kib(1), ..OutputLimits::default() };
        let result = session.execute(ExecutionRequest::new(code).output(limits)).await?;
        let value = result.expect_completed()?.value().cloned().unwrap_or_default();
        ensure_eq("what is kept and what is cut", (value.repr.len(), value.cut), (1024, bytes - 1024))?;
    }
    session.run("1 + 1").await?.expect_value("2")?;
    Ok(())
}

async fn a_value_of_ten_megabytes_comes_whole(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("'ab' * 5_000_000").await?;
    let repr = format!("'{}'", "ab".repeat(5_000_000));
    result.expect_value(&repr)?;
    let json = result.json().and_then(serde_json::Value::as_str).map(str::len);
    ensure_eq("length of its JSON form", json, Some(10_000_000))
}

async fn an_exception_of_ten_megabytes_is_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("raise ValueError('x' * 10_000_000)").await?;
    let error = result.expect_exception("ValueError")?;
    ensure_eq("whether the message is there, or its beginning", error.message.starts_with("xxxxxxxx"), true)?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn a_thousand_small_executions_stay_in_step(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for i in 0..1000 {
        session.run(format!("print({i}); {i}")).await?.expect_value(&i.to_string())?.expect_stdout(&format!("{i}\n"))?;
    }
    ensure_eq("executions", session.info().await?.executions, 1000)
}

async fn thousands_of_names_are_told_in_part(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let changes = session.run("for i in range(5000): globals()[f'n{i}'] = i").await?.outcome.changes;
    ensure_eq("names that are listed", changes.added.len(), 1000)?;
    // 5,000 names and the loop's own.
    ensure_eq("names that are only counted", changes.more, 4001)
}

async fn a_hundred_megabytes_from_a_child_come_whole(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import subprocess\nsubprocess.run('head -c 100000000 /dev/zero | tr \"\\\\0\" y', shell=True).returncode";
    let mut run = session.watch(ExecutionRequest::new(code).timeout(Duration::from_mins(1))).await?;
    run.finish().await?.expect_value("0")?;
    ensure_eq("bytes", run.output().len(), 100_000_000)
}
