//! What follows a crash, by the session's policy.

use hibernaculum_core::{CheckpointKind, CheckpointRequest, NamespaceFilter};

use crate::prelude::*;

cases! { "recovery":
    without_recovery_a_crashed_session_stays_crashed,
    without_recovery_every_call_says_how_to_go_on [LIVE, PORTABLE, Need::Feature(Feature::BindingTransactions), Need::Feature(Feature::Namespace)],
    without_recovery_what_waits_is_refused,
    what_waits_runs_on_a_fresh_interpreter_and_is_warned,
    a_fresh_interpreter_begins_as_the_first_did,
    without_recovery_a_killed_session_stays_crashed,
}

const PORTABLE: Need = Need::Feature(Feature::PortableCheckpoints);
const LIVE: Need = Need::Feature(Feature::LiveCheckpoints);

fn unforgiving() -> SessionSpec {
    impatient().recovery(RecoveryPolicy::None)
}

async fn without_recovery_a_crashed_session_stays_crashed(cx: &Context) -> Outcome {
    let session = cx.session_with(unforgiving()).await?;
    session.run("import os; os._exit(9)").await?.expect_crash(&CrashCause::Exit { code: 9 })?;
    for _ in 0..2 {
        let error = session.start("1").await.expect_code("session.crashed")?;
        let cause = error.explain().details.get("cause").map(ToString::to_string).unwrap_or_default();
        ensure_eq(&format!("whether {cause} names the cause"), cause.contains("code 9"), true)?;
    }
    ensure_eq("state", session.info().await?.state, SessionState::Crashed)?;
    session.close().await?;
    Ok(())
}

async fn without_recovery_every_call_says_how_to_go_on(cx: &Context) -> Outcome {
    let session = cx.session_with(unforgiving()).await?;
    session.run("x = 1").await?.expect_completed()?;
    let kept = session.checkpoint(CheckpointRequest::new(CheckpointKind::Live)).await?.id;
    let last = session.run("import os; os._exit(9)").await?.execution;
    let id = session.id();
    for (call, told) in [
        ("execute", session.start("x").await.map(drop)),
        ("checkpoint", session.checkpoint(CheckpointRequest::new(CheckpointKind::Live)).await.map(drop)),
        ("restore", session.restore(&kept).await),
        ("commit", session.commit(&last).await),
        ("rollback", session.rollback(&last).await),
        ("get a name", session.namespace().get("x").await.map(drop)),
        ("set a name", session.namespace().set("x", 2).await.map(drop)),
        ("list names", session.namespace().list(NamespaceFilter::default()).await.map(drop)),
        ("hibernate", cx.backend().hibernate(&id, CheckpointRequest::portable()).await.map(drop)),
    ] {
        let error = told.expect_code("session.crashed").map_err(|failure| failure.within(call))?;
        let (told, how) = (error.to_string(), error.explain().how);
        ensure(&format!("{call}: `{told}` names the cause"), told.contains("code 9"))?;
        ensure(&format!("{call}: `{how}` says how to go on"), how.contains("branch off from a checkpoint"))?;
    }
    // And so it is.
    session.branch(&kept).await?.run("x").await?.expect_value("1")?;
    session.close().await?;
    Ok(())
}

async fn without_recovery_what_waits_is_refused(cx: &Context) -> Outcome {
    let (session, other) = (cx.session_with(unforgiving()).await?, cx.session().await?);
    let mut first = session.watch(format!("{}os._exit(9)", wait_for("go"))).await?;
    let mut second = session.watch("'never'").await?;
    let mut third = session.watch("'never'").await?;
    other.run(make("go")).await?.expect_completed()?;
    first.finish().await?.expect_crash(&CrashCause::Exit { code: 9 })?;
    second.error().await?.expect_code("session.crashed")?;
    third.error().await?.expect_code("session.crashed")?;
    ensure_eq("whether the second started", second.has_started(), false)
}

async fn what_waits_runs_on_a_fresh_interpreter_and_is_warned(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    session.run("x = 1").await?.expect_completed()?;
    let mut first = session.watch(format!("{}os._exit(9)", wait_for("go"))).await?;
    let mut second = session.watch("'x' in globals()").await?;
    let mut third = session.watch("3").await?;
    other.run(make("go")).await?.expect_completed()?;
    first.finish().await?.expect_crash(&CrashCause::Exit { code: 9 })?;
    second.finish().await?.expect_value("False")?.expect_warning("lost")?;
    third.finish().await?.expect_value("3")?;
    Ok(())
}

async fn a_fresh_interpreter_begins_as_the_first_did(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let look = "import os, sys\nsorted(n for n in globals() if not n.startswith('_')), os.getcwd(), sys.path, dict(os.environ)";
    let before = session.run(look).await?;
    session.run("os.chdir('/'); os.environ['LEFT'] = 'over'; sys.path.clear(); os._exit(1)").await?.expect_status(Status::Crashed)?;
    let after = session.run(look).await?;
    let repr = |result: &hibernaculum_core::ExecutionResult| result.value().map(|value| value.repr.clone());
    ensure_eq("whether there was something to see", repr(&before).is_some(), true)?;
    ensure_eq("what the fresh interpreter sees", repr(&after), repr(&before))
}

async fn without_recovery_a_killed_session_stays_crashed(cx: &Context) -> Outcome {
    let session = cx.session_with(unforgiving()).await?;
    let result = session.run(within(std::time::Duration::from_millis(1500), STUBBORN)).await?;
    result.expect_end(Status::TimedOut, &StateAfter::Lost)?;
    session.start("1").await.expect_code("session.crashed")?;
    ensure_eq("state", session.info().await?.state, SessionState::Crashed)
}
