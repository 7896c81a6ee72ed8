//! The policy `FromCheckpoint`: after a crash a session goes back to what was kept of it.

use std::time::Duration;

use hibernaculum_core::{CheckpointId, CheckpointKind, CheckpointRequest, ExecutionResult, RestoredFrom};

use crate::prelude::*;

cases! { "recovery from checkpoints":
    a_crash_goes_back_to_the_newest_portable_checkpoint [PORTABLE],
    a_crash_goes_back_to_the_newest_live_checkpoint [PORTABLE, LIVE],
    a_crash_goes_back_to_what_the_session_was_restored_to [PORTABLE],
    a_session_without_a_checkpoint_begins_afresh_and_says_so [PORTABLE],
    a_deleted_checkpoint_leaves_the_one_before [PORTABLE, LIVE],
    what_waits_runs_on_the_checkpoints_state_and_is_warned [PORTABLE],
    a_session_that_dies_while_idle_is_recovered_too [PORTABLE],
    code_that_must_be_killed_costs_what_came_after_the_checkpoint [PORTABLE],
    a_checkpoint_that_kills_who_loads_it_is_given_up [PORTABLE],
    a_session_that_woke_recovers_to_what_it_woke_from [PORTABLE],
    a_recovery_that_is_closed_is_closed [PORTABLE],
    ten_crashes_in_a_row_come_back_ten_times [PORTABLE, LIVE],
}

const PORTABLE: Need = Need::Feature(Feature::PortableCheckpoints);
const LIVE: Need = Need::Feature(Feature::LiveCheckpoints);
const CRASH: &str = "import os; os._exit(7)";

fn recovering() -> SessionSpec {
    impatient().recovery(RecoveryPolicy::FromCheckpoint)
}

async fn keep(session: &Session, kind: CheckpointKind) -> Result<CheckpointId, Failure> {
    Ok(session.checkpoint(CheckpointRequest::new(kind)).await?.id)
}

fn came_back(result: &ExecutionResult, from: RestoredFrom) -> Outcome {
    result.expect_end(Status::Crashed, &StateAfter::Restored { from })?;
    ensure_eq("cause", result.outcome.crash.as_ref(), Some(&CrashCause::Exit { code: 7 }))
}

async fn a_crash_goes_back_to_the_newest_portable_checkpoint(cx: &Context) -> Outcome {
    let session = cx.session_with(recovering()).await?;
    session.run("x = [1]\ndef twice(): return x * 2").await?.expect_completed()?;
    keep(&session, CheckpointKind::Portable).await?;
    session.run("x.append(2)").await?.expect_completed()?;
    let newest = keep(&session, CheckpointKind::Portable).await?;
    session.run("x.append(3)").await?.expect_completed()?;
    let result = session.run(format!("print('last words')\n{CRASH}")).await?;
    came_back(&result, RestoredFrom::Portable(newest))?;
    ensure_eq("output before the crash", result.stdout.as_str(), "last words\n")?;
    session.run("twice()").await?.expect_value("[1, 2, 1, 2]")?;
    let info = session.info().await?;
    ensure_eq("what it goes on from", info.checkpoint, Some(newest))?;
    ensure_eq("crashes", info.crashes, 1)
}

async fn a_crash_goes_back_to_the_newest_live_checkpoint(cx: &Context) -> Outcome {
    let session = cx.session_with(recovering()).await?;
    session.run("g = iter(range(9)); next(g)").await?.expect_completed()?;
    keep(&session, CheckpointKind::Portable).await?;
    let newest = keep(&session, CheckpointKind::Live).await?;
    session.run("next(g)").await?.expect_value("1")?;
    came_back(&session.run(CRASH).await?, RestoredFrom::Live(newest))?;
    // What no pickle takes came back as it was.
    session.run("next(g)").await?.expect_value("1")?;
    Ok(())
}

async fn a_crash_goes_back_to_what_the_session_was_restored_to(cx: &Context) -> Outcome {
    let session = cx.session_with(recovering()).await?;
    session.run("x = 'old'").await?.expect_completed()?;
    let old = keep(&session, CheckpointKind::Portable).await?;
    session.run("x = 'new'").await?.expect_completed()?;
    keep(&session, CheckpointKind::Portable).await?;
    session.restore(&old).await?;
    came_back(&session.run(CRASH).await?, RestoredFrom::Portable(old))?;
    session.run("x").await?.expect_value("'old'")?;
    Ok(())
}

async fn a_session_without_a_checkpoint_begins_afresh_and_says_so(cx: &Context) -> Outcome {
    let session = cx.session_with(recovering()).await?;
    session.run("x = 1").await?.expect_completed()?;
    let result = session.run(CRASH).await?;
    result.expect_end(Status::Crashed, &StateAfter::Lost)?;
    result.expect_warning("no checkpoint")?;
    session.run("'x' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn a_deleted_checkpoint_leaves_the_one_before(cx: &Context) -> Outcome {
    let session = cx.session_with(recovering()).await?;
    session.run("x = 1").await?.expect_completed()?;
    let first = keep(&session, CheckpointKind::Portable).await?;
    session.run("x = 2").await?.expect_completed()?;
    let second = keep(&session, CheckpointKind::Live).await?;
    session.run("x = 3").await?.expect_completed()?;
    let third = keep(&session, CheckpointKind::Portable).await?;
    cx.backend().delete_checkpoint(&third).await?;
    came_back(&session.run(CRASH).await?, RestoredFrom::Live(second))?;
    session.run("x").await?.expect_value("2")?;
    cx.backend().delete_checkpoint(&second).await?;
    came_back(&session.run(CRASH).await?, RestoredFrom::Portable(first))?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn what_waits_runs_on_the_checkpoints_state_and_is_warned(cx: &Context) -> Outcome {
    let (session, other) = (cx.session_with(recovering()).await?, cx.session().await?);
    session.run("x = 'kept'").await?.expect_completed()?;
    let kept = keep(&session, CheckpointKind::Portable).await?;
    let mut first = session.watch(format!("x = 'later'\n{}os._exit(7)", wait_for("go"))).await?;
    let mut second = session.watch("x").await?;
    let mut third = session.watch("3").await?;
    other.run(make("go")).await?.expect_completed()?;
    came_back(&first.finish().await?, RestoredFrom::Portable(kept))?;
    second.finish().await?.expect_value("'kept'")?.expect_warning(&kept.to_string())?;
    third.finish().await?.expect_value("3")?;
    Ok(())
}

async fn a_session_that_dies_while_idle_is_recovered_too(cx: &Context) -> Outcome {
    let session = cx.session_with(recovering()).await?;
    session.run("x = 'kept'").await?.expect_completed()?;
    let kept = keep(&session, CheckpointKind::Portable).await?;
    session.run("import os, threading; threading.Timer(0.05, os._exit, [7]).start()").await?.expect_completed()?;
    eventually("the death is counted", || async {
        let info = session.info().await.map_err(|error| error.to_string())?;
        if info.crashes == 1 { Ok(()) } else { Err(format!("{info:?}")) }
    })
    .await?;
    session.run("x").await?.expect_value("'kept'")?.expect_warning(&kept.to_string())?;
    Ok(())
}

async fn code_that_must_be_killed_costs_what_came_after_the_checkpoint(cx: &Context) -> Outcome {
    let session = cx.session_with(recovering()).await?;
    session.run("x = [1]").await?.expect_completed()?;
    let kept = keep(&session, CheckpointKind::Portable).await?;
    let stuck = format!("x.append(2)\n{STUBBORN}");
    let result = session.run(within(Duration::from_millis(300), &stuck)).await?;
    result.expect_end(Status::TimedOut, &StateAfter::Restored { from: RestoredFrom::Portable(kept) })?;
    session.run("x").await?.expect_value("[1]")?;
    Ok(())
}

async fn a_checkpoint_that_kills_who_loads_it_is_given_up(cx: &Context) -> Outcome {
    let session = cx.session_with(recovering()).await?;
    session.run("x = 'good'").await?.expect_completed()?;
    let good = keep(&session, CheckpointKind::Portable).await?;
    let code = "class Mine:\n    def __reduce__(self): return (eval, (\"__import__('os')._exit(3)\",))\nmine = Mine()";
    session.run(code).await?.expect_completed()?;
    let bad = keep(&session, CheckpointKind::Portable).await?;
    let result = session.run(CRASH).await?;
    came_back(&result, RestoredFrom::Portable(good))?;
    result.expect_warning(&bad.to_string())?;
    session.run("x, 'mine' in globals()").await?.expect_value("('good', False)")?;
    Ok(())
}

async fn a_session_that_woke_recovers_to_what_it_woke_from(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 'asleep'").await?.expect_completed()?;
    let slept = session.hibernate(CheckpointRequest::portable()).await?;
    let elsewhere = cx.new_sandbox(cx.spec()).await?;
    let woken = elsewhere.wake_with(&slept.id, recovering()).await?;
    woken.run("x = 'awake'").await?.expect_completed()?;
    came_back(&woken.run(CRASH).await?, RestoredFrom::Portable(slept.id))?;
    woken.run("x").await?.expect_value("'asleep'")?;
    elsewhere.close().await?;
    Ok(())
}

async fn a_recovery_that_is_closed_is_closed(cx: &Context) -> Outcome {
    let other = cx.session().await?;
    // What comes back says so, and is never done with it.
    let slow = python(
        "
        import time
        class Slow:
            def __getstate__(self): return {'a': 1}
            def __setstate__(self, state):
                open('back', 'w').close()
                time.sleep(600)
        slow = Slow()
        ",
    );
    // In the middle of it first; then as the process dies, which is before it, within it, or after it.
    for round in 0..=cx.races(5) {
        let code = if round == 0 { slow.as_str() } else { "x = bytes(1 << 20)" };
        let session = cx.session_with(recovering()).await?;
        session.run(code).await?.expect_completed()?;
        keep(&session, CheckpointKind::Portable).await?;
        let (id, mut crashing) = (session.id(), session.watch(CRASH).await?);
        if round == 0 {
            other.run(wait_for("back")).await?.expect_completed()?;
        }
        session.close().await?;
        let result = crashing.finish().await?;
        ensure("it ended, one way or another", result.outcome.status != Status::Completed)?;
        let error = cx.backend().session(&id).await.expect_code("session.closed")?;
        ensure(&format!("{error} names it"), error.to_string().contains(&id.to_string()))?;
    }
    Ok(())
}

async fn ten_crashes_in_a_row_come_back_ten_times(cx: &Context) -> Outcome {
    let session = cx.session_with(recovering()).await?;
    for round in 0..10 {
        let kind = if round % 2 == 0 { CheckpointKind::Portable } else { CheckpointKind::Live };
        session.run(format!("x = {round}")).await?.expect_completed()?;
        let kept = keep(&session, kind).await?;
        session.run("x = 'later'").await?.expect_completed()?;
        let from = if round % 2 == 0 { RestoredFrom::Portable(kept) } else { RestoredFrom::Live(kept) };
        came_back(&session.run(CRASH).await?, from)?;
        session.run("x").await?.expect_value(&round.to_string())?;
    }
    ensure_eq("crashes", session.info().await?.crashes, 10)
}
