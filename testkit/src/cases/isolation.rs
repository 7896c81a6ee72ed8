//! What one session does, the others do not feel.

use crate::prelude::*;

cases! { "isolation":
    smoke sessions_share_no_names,
    a_session_that_alters_a_module_leaves_it_clean_for_the_next,
    environment_and_directory_are_each_sessions_own,
    sessions_draw_different_random_numbers,
    sessions_draw_different_random_numbers_from_numpy,
    sessions_of_a_sandbox_see_the_same_files,
    sessions_run_at_the_same_time,
    a_session_that_nobody_reads_delays_no_other,
    a_busy_session_delays_no_other,
    a_session_cannot_reach_the_connection_of_another,
}

async fn sessions_share_no_names(cx: &Context) -> Outcome {
    let (one, two) = (cx.session().await?, cx.session().await?);
    one.run("x = 'mine'").await?.expect_completed()?;
    two.run("'x' in globals()").await?.expect_value("False")?;
    two.run("x = 'yours'").await?.expect_completed()?;
    one.run("x").await?.expect_value("'mine'")?;
    Ok(())
}

async fn a_session_that_alters_a_module_leaves_it_clean_for_the_next(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    if cx.offers(Feature::Preload) {
        spec.preload.push("decimal".to_owned());
    }
    let sandbox = cx.new_sandbox(spec).await?;
    let (poisoner, running) = (sandbox.session().await?, sandbox.session().await?);
    let poison = "import decimal, builtins\ndecimal.Decimal = None\nbuiltins.abs = None\ndecimal.Decimal";
    poisoner.run(poison).await?.expect_no_value()?;
    let later = sandbox.session().await?;
    for session in [running, later] {
        session.run("import decimal\nabs(decimal.Decimal(-1))").await?.expect_value("Decimal('1')")?;
    }
    Ok(())
}

async fn environment_and_directory_are_each_sessions_own(cx: &Context) -> Outcome {
    let (one, two) = (cx.session().await?, cx.session().await?);
    one.run("import os; os.environ['MARK'] = '1'; os.mkdir('d'); os.chdir('d'); os.umask(0o077)").await?.expect_completed()?;
    two.run("import os; os.environ.get('MARK'), os.path.isdir('d'), os.umask(0o022) == 0o077").await?.expect_value("(None, True, False)")?;
    Ok(())
}

async fn sessions_draw_different_random_numbers(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    if cx.offers(Feature::Preload) {
        spec.preload.push("random".to_owned());
    }
    let sandbox = cx.new_sandbox(spec).await?;
    let mut drawn = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let session = sandbox.session().await?;
        let result = session.run("import random; random.getrandbits(128)").await?;
        drawn.insert(result.expect_completed()?.value().map(|value| value.repr.clone()));
    }
    ensure_eq("different numbers", drawn.len(), 4)
}

async fn sessions_draw_different_random_numbers_from_numpy(cx: &Context) -> Outcome {
    cx.needs_module(&cx.session().await?, "numpy").await?;
    let mut spec = cx.spec();
    if cx.offers(Feature::Preload) {
        spec.preload.push("numpy".to_owned());
    }
    let sandbox = cx.new_sandbox(spec).await?;
    let mut drawn = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let session = sandbox.session().await?;
        let result = session.run("import numpy; numpy.random.randint(2**62)").await?;
        drawn.insert(result.expect_completed()?.value().map(|value| value.repr.clone()));
    }
    ensure_eq("different numbers", drawn.len(), 3)
}

async fn sessions_of_a_sandbox_see_the_same_files(cx: &Context) -> Outcome {
    let (one, two) = (cx.session().await?, cx.session().await?);
    one.run("with open('note', 'w') as f: f.write('shared')").await?.expect_completed()?;
    two.run("open('note').read()").await?.expect_value("'shared'")?;
    Ok(())
}

async fn sessions_run_at_the_same_time(cx: &Context) -> Outcome {
    let (one, two) = (cx.session().await?, cx.session().await?);
    // Each waits for the other: one after the other, they would wait for ever.
    let mut first = one.watch(format!("{}{}1", make("one"), wait_for("two"))).await?;
    let mut second = two.watch(format!("{}{}2", wait_for("one"), make("two"))).await?;
    first.finish().await?.expect_value("1")?;
    second.finish().await?.expect_value("2")?;
    Ok(())
}

async fn a_session_that_nobody_reads_delays_no_other(cx: &Context) -> Outcome {
    let (flood, other) = (cx.session().await?, cx.session().await?);
    let code = "import os\nprint('ready', flush=True)\nfor _ in range(32): os.write(1, b'x' * 2**20)";
    let mut run = flood.watch(code).await?;
    run.until_output("ready\n").await?;
    for i in 0..20 {
        let code = format!("import os\n_ = os.write(1, b'raw {i}\\n')\n{i}");
        other.run(code).await?.expect_value(&i.to_string())?.expect_stdout(&format!("raw {i}\n"))?;
    }
    run.finish().await?.expect_completed()?;
    Ok(())
}

async fn a_busy_session_delays_no_other(cx: &Context) -> Outcome {
    let (busy, other) = (cx.session().await?, cx.session().await?);
    let mut run = busy.watch(BUSY).await?;
    run.until_output("ready\n").await?;
    for i in 0..10 {
        other.run(format!("{i}")).await?.expect_value(&i.to_string())?;
    }
    ensure_eq("what the busy one does", busy.info().await?.state, SessionState::Running)
}

async fn a_session_cannot_reach_the_connection_of_another(cx: &Context) -> Outcome {
    let (one, two) = (cx.session().await?, cx.session().await?);
    two.run("x = 'untouched'").await?.expect_completed()?;
    // Writes rubbish into every descriptor that it inherited, but for its own memory of itself.
    let code = python(
        "
        import os
        for fd in range(3, 2048):
            try:
                os.set_blocking(fd, False)
                os.write(fd, b'\\xff' * 64)
            except OSError: pass
        ",
    );
    // What becomes of the vandal is its own affair; an answer there must be.
    one.run(code).await?;
    two.run("x").await?.expect_value("'untouched'")?;
    let third = cx.session().await?;
    third.run("1").await?.expect_value("1")?;
    one.run("1").await?;
    Ok(())
}
