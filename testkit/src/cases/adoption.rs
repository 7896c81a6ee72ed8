//! Sandboxes that outlive their host: let go of, and taken over by the next one.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use hibernaculum_core::{
    ByteSize, CheckpointKind, CheckpointRequest, HostLoss, SandboxId, TransactionPolicy, TransactionScope,
};

use super::guard::Mended as _;
use crate::prelude::*;

const LINGER: Need = Need::Feature(Feature::Linger);
const LIVE: Need = Need::Feature(Feature::LiveCheckpoints);
const GUARD: Need = Need::Feature(Feature::Guard);
const MEMORY: Need = Need::Feature(Feature::MemoryTransactions);

cases! { "adoption":
    a_released_sandbox_is_adopted_with_all_that_it_is [LINGER],
    what_ran_meanwhile_is_told [LINGER, ATTACH],
    what_ended_before_is_told [LINGER, ATTACH],
    a_flood_without_a_host_leaves_its_end [LINGER, ATTACH],
    a_question_waits_for_the_next_host [LINGER, ATTACH, INPUT],
    a_deadline_counts_on_without_a_host [LINGER, ATTACH, INTERRUPT],
    an_adopted_execution_can_be_interrupted [LINGER, ATTACH, INTERRUPT],
    a_crash_without_a_host_is_told_and_recovered [LINGER, ATTACH],
    what_crashed_before_is_told [LINGER, ATTACH],
    what_was_mended_before_is_told [LINGER, ATTACH, GUARD],
    a_guard_outlives_the_host [LINGER, ATTACH, GUARD],
    a_pending_transaction_outlives_the_host [LINGER, MEMORY],
    live_checkpoints_outlive_the_host [LINGER, LIVE],
    a_sandbox_is_adopted_again_and_again [LINGER],
    a_sandbox_that_ends_with_its_host_is_not_released [LINGER],
    a_released_sandbox_is_nobodys_here [LINGER],
    nobody_adopts_what_has_a_host [LINGER],
    nobody_adopts_what_is_being_made [LINGER],
}

/// A sandbox that goes on for five minutes without a host.
async fn lingering(cx: &Context) -> Result<Sandbox, Failure> {
    let mut spec = cx.spec();
    spec.on_host_loss = Some(HostLoss::Linger(Duration::from_mins(5)));
    spec.labels.insert("is".to_owned(), "left".to_owned());
    cx.new_sandbox(spec).await
}

/// Lets go of it and takes it over again. Another case of the same backend may be the one who adopts it.
async fn next_host(cx: &Context, sandbox: Sandbox) -> Result<Sandbox, Failure> {
    let id = sandbox.id();
    sandbox.release().await?;
    taken_over(cx, id).await
}

async fn taken_over(cx: &Context, id: SandboxId) -> Result<Sandbox, Failure> {
    let backend = cx.backend();
    eventually("the sandbox is adopted", || async move {
        backend.adopt().await.map_err(|error| error.to_string())?;
        backend.get(&id).await.map(drop).map_err(|error| error.to_string())
    })
    .await?;
    Ok(Sandbox::of(backend, id))
}

/// Its end, which no handle brings about any more.
async fn end(sandbox: Sandbox) -> Outcome {
    sandbox.close().await?;
    Ok(())
}

async fn a_released_sandbox_is_adopted_with_all_that_it_is(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let spec = SessionSpec::default().label("who", "the first").recovery(RecoveryPolicy::None).queue_limit(3);
    let session = sandbox.session_with(spec).await?;
    session.run("x = [i for i in range(3)]\ng = (i for i in x)\nnext(g)").await?.expect_completed()?;
    sandbox.files().write("notes.txt", "winter").await?;
    let (before, known) = (session.info().await?, sandbox.info().await?);
    let id = session.keep();
    let sandbox = next_host(cx, sandbox).await?;
    let after = sandbox.info().await?;
    ensure_eq("what is known of the sandbox", (after.created, &after.labels), (known.created, &known.labels))?;
    ensure_eq("its Python and place", (&after.python, &after.workdir), (&known.python, &known.workdir))?;
    ensure_eq("its sessions", after.sessions, 1)?;
    let session = Session::of(cx.backend(), id);
    let info = session.info().await?;
    ensure_eq("labels", &info.labels, &before.labels)?;
    ensure_eq("made", info.created, before.created)?;
    ensure_eq("its last execution", info.last_execution, before.last_execution)?;
    session.run("next(g), x").await?.expect_value("(1, [0, 1, 2])")?;
    ensure_eq("executions", session.info().await?.executions, 2)?;
    ensure_eq("its file", &sandbox.files().read("notes.txt", ByteSize::kib(1)).await?[..], b"winter")?;
    // What its spec said holds on.
    session.run("import os; os._exit(7)").await?.expect_status(Status::Crashed)?;
    session.execute("1").await.map(drop).expect_code("session.crashed")?;
    end(sandbox).await
}

/// Runs code that says `ready` and waits for the file `go`, and detaches from it once it has.
async fn waits(session: &Session, rest: &str) -> Result<ExecutionId, Failure> {
    let request = ExecutionRequest::new(format!("print('ready')\n{}{rest}", wait_for("go"))).stdin(StdinPolicy::Ask);
    let mut run = session.watch(request).await?;
    run.until_output("ready\n").await?;
    Ok(run.detach())
}

async fn what_ran_meanwhile_is_told(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session().await?;
    let execution = waits(&session, "print('after'); 6 * 7").await?;
    let id = session.keep();
    let sandbox = next_host(cx, sandbox).await?;
    let session = Session::of(cx.backend(), id);
    let info = session.info().await?;
    ensure_eq("what it does", (info.state, info.last_execution), (SessionState::Running, Some(execution)))?;
    let mut again = session.rejoin(&execution, 0).await?;
    sandbox.files().write("go", "").await?;
    again.finish().await?.expect_value("42")?.expect_stdout("ready\nafter\n")?;
    let gaps = again.events().iter().filter(|event| matches!(event.kind, EventKind::Gap { from: None, to: None }));
    ensure_eq("gaps without bounds", gaps.count(), 1)?;
    session.run("_").await?.expect_value("42")?;
    end(sandbox).await
}

async fn what_ended_before_is_told(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session().await?;
    let run = session.run("import os\nprint('text'); os.write(2, b'raw'); 1 / 0").await?;
    run.expect_exception("ZeroDivisionError")?;
    let execution = run.execution;
    ensure_eq("the last execution", session.info().await?.last_execution, Some(execution))?;
    let id = session.keep();
    let sandbox = next_host(cx, sandbox).await?;
    let mut again = Session::of(cx.backend(), id).rejoin(&execution, 0).await?;
    let told = again.finish().await?;
    told.expect_stdout("text\n")?.expect_stderr("raw")?.expect_exception("ZeroDivisionError")?;
    end(sandbox).await
}

async fn a_flood_without_a_host_leaves_its_end(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session().await?;
    let flood = "import os\nfor i in range(100_000): print('line', i); os.write(2, b'raw %d\\n' % i)\n";
    let execution = waits(&session, &format!("{flood}{}", make("done"))).await?;
    let id = session.keep();
    sandbox.files().write("go", "").await?;
    let sandbox = next_host(cx, sandbox).await?;
    eventually("the code is not held up", || async {
        sandbox.files().stat("done").await.map(drop).map_err(|error| error.to_string())
    })
    .await?;
    let mut again = Session::of(cx.backend(), id).rejoin(&execution, 0).await?;
    let told = again.finish().await?;
    told.expect_completed()?;
    ensure("the last line of text", told.stdout.as_str().ends_with("line 99999\n"))?;
    ensure("the last line of raw output", told.stderr.as_str().ends_with("raw 99999\n"))?;
    end(sandbox).await
}

async fn a_question_waits_for_the_next_host(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session().await?;
    let mut run = session.watch(asking("input('who? ')")).await?;
    run.until_question().await?;
    let (execution, id) = (run.detach(), session.keep());
    let sandbox = next_host(cx, sandbox).await?;
    let session = Session::of(cx.backend(), id);
    let mut again = session.rejoin(&execution, 0).await?;
    let question = again.until_question().await?;
    session.answer(&question.token, "snake").await?;
    again.finish().await?.expect_value("'snake'")?;
    end(sandbox).await
}

async fn a_deadline_counts_on_without_a_host(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session().await?;
    let mut run = session.watch(within(Duration::from_millis(1500), SLEEPER)).await?;
    run.until_output("ready\n").await?;
    let (execution, id) = (run.detach(), session.keep());
    let sandbox = next_host(cx, sandbox).await?;
    let session = Session::of(cx.backend(), id);
    session.rejoin(&execution, 0).await?.finish().await?.expect_status(Status::TimedOut)?;
    session.run("1").await?.expect_value("1")?;
    end(sandbox).await
}

async fn an_adopted_execution_can_be_interrupted(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session().await?;
    let execution = waits(&session, "").await?;
    let id = session.keep();
    let sandbox = next_host(cx, sandbox).await?;
    let session = Session::of(cx.backend(), id);
    let mut again = session.rejoin(&execution, 0).await?;
    ensure("it runs", session.interrupt(&execution).await?)?;
    again.finish().await?.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    end(sandbox).await
}

async fn a_crash_without_a_host_is_told_and_recovered(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session().await?;
    let execution = waits(&session, "import os\nprint('last words'); os._exit(7)").await?;
    let id = session.keep();
    sandbox.files().write("go", "").await?;
    let sandbox = next_host(cx, sandbox).await?;
    let session = Session::of(cx.backend(), id);
    let told = session.rejoin(&execution, 0).await?.finish().await?;
    told.expect_end(Status::Crashed, &StateAfter::Lost)?.expect_stdout("ready\nlast words\n")?;
    told.expect_crash(&CrashCause::Exit { code: 7 })?;
    session.run("1").await?.expect_value("1")?;
    end(sandbox).await
}

async fn what_crashed_before_is_told(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session().await?;
    let run = session.run("import os\nprint('last words'); os.write(2, b'raw'); os._exit(7)").await?;
    run.expect_end(Status::Crashed, &StateAfter::Lost)?;
    let (execution, id) = (run.execution, session.keep());
    let sandbox = next_host(cx, sandbox).await?;
    let session = Session::of(cx.backend(), id);
    let told = session.rejoin(&execution, 0).await?.finish().await?;
    told.expect_end(Status::Crashed, &StateAfter::Lost)?.expect_crash(&CrashCause::Exit { code: 7 })?;
    told.expect_stdout("last words\n")?.expect_stderr("raw")?;
    session.run("1").await?.expect_value("1")?;
    end(sandbox).await
}

async fn what_was_mended_before_is_told(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session_with(SessionSpec::default().recovery(RecoveryPolicy::Guard)).await?;
    session.run("x = [1]").await?.expect_completed()?;
    let run = session.run("import os\nprint('last words'); x.append(2); os._exit(7)").await?;
    run.expect_mended(Status::Crashed, &CrashCause::Exit { code: 7 })?;
    let (execution, id) = (run.execution, session.keep());
    let sandbox = next_host(cx, sandbox).await?;
    let session = Session::of(cx.backend(), id);
    let told = session.rejoin(&execution, 0).await?.finish().await?;
    told.expect_mended(Status::Crashed, &CrashCause::Exit { code: 7 })?.expect_stdout("last words\n")?;
    session.run("x").await?.expect_value("[1]")?;
    end(sandbox).await
}

async fn a_guard_outlives_the_host(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session_with(SessionSpec::default().recovery(RecoveryPolicy::Guard)).await?;
    session.run("x = [1]").await?.expect_completed()?;
    let execution = waits(&session, "import os\nx.append(2); os._exit(7)").await?;
    let id = session.keep();
    sandbox.files().write("go", "").await?;
    let sandbox = next_host(cx, sandbox).await?;
    let session = Session::of(cx.backend(), id);
    let told = session.rejoin(&execution, 0).await?.finish().await?;
    ensure("its state came back", matches!(told.outcome.state, StateAfter::Restored { .. }))?;
    session.run("x").await?.expect_value("[1]")?;
    end(sandbox).await
}

async fn a_pending_transaction_outlives_the_host(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session().await?;
    session.run("x = [1]").await?.expect_completed()?;
    let explicit = TransactionPolicy::Explicit { scope: TransactionScope::Memory };
    let pending = session.run(ExecutionRequest::new("x.append(2)").transaction(explicit)).await?;
    pending.expect_completed()?;
    let (execution, id) = (pending.execution, session.keep());
    let sandbox = next_host(cx, sandbox).await?;
    let session = Session::of(cx.backend(), id);
    let info = session.info().await?;
    ensure_eq("what waits", (info.state, info.pending), (SessionState::PendingTransaction, Some(execution)))?;
    session.execute("1").await.map(drop).expect_code("session.transaction_pending")?;
    session.rollback(&execution).await?;
    session.run("x").await?.expect_value("[1]")?;
    end(sandbox).await
}

async fn live_checkpoints_outlive_the_host(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session().await?;
    session.run("x = [1]; g = (i for i in range(5)); next(g)").await?.expect_completed()?;
    let made = cx.backend().checkpoint(&session.id(), CheckpointRequest::new(CheckpointKind::Live)).await?;
    session.run("x.append(2); next(g)").await?.expect_completed()?;
    let id = session.keep();
    let sandbox = next_host(cx, sandbox).await?;
    let session = Session::of(cx.backend(), id);
    let known = cx.backend().checkpoints(&id).await?;
    ensure_eq("checkpoints", known.iter().map(|info| (info.id, info.name.clone())).collect::<Vec<_>>(), vec![(made.id, made.name)])?;
    let branch = cx.backend().branch(&made.id, SessionSpec::default()).await?;
    Session::of(cx.backend(), branch.id).run("x, next(g)").await?.expect_value("([1], 1)")?;
    cx.backend().restore(&id, &made.id).await?;
    session.run("x, next(g)").await?.expect_value("([1], 1)")?;
    end(sandbox).await
}

async fn a_sandbox_is_adopted_again_and_again(cx: &Context) -> Outcome {
    let mut sandbox = lingering(cx).await?;
    let id = sandbox.session().await?.keep();
    for n in 1..=3 {
        let session = Session::of(cx.backend(), id);
        session.run(format!("n = {n}")).await?.expect_completed()?;
        sandbox = next_host(cx, sandbox).await?;
        session.run("n").await?.expect_value(&n.to_string())?;
        // A session of the new host's is the next one's as well.
        let more = sandbox.session().await?;
        more.run("m = 1").await?.expect_completed()?;
        more.keep();
    }
    ensure_eq("sessions", sandbox.info().await?.sessions, 4)?;
    end(sandbox).await
}

async fn a_sandbox_that_ends_with_its_host_is_not_released(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    spec.on_host_loss = Some(HostLoss::Kill);
    let sandbox = cx.new_sandbox(spec).await?;
    let id = sandbox.id();
    cx.backend().release(&id).await.expect_code("config.invalid")?;
    sandbox.session().await?.run("1").await?.expect_value("1")?;
    cx.backend().release(&SandboxId::new()).await.expect_code("sandbox.unknown")?;
    Ok(())
}

async fn a_released_sandbox_is_nobodys_here(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let id = sandbox.id();
    let session = sandbox.session().await?;
    let mut run = session.watch(SLEEPER).await?;
    run.until_output("ready\n").await?;
    sandbox.release().await?;
    ensure_eq("the stream's end", run.error().await?.code(), "sandbox.lost")?;
    let again = session.execute("1").await.map(drop);
    ensure("the session takes nothing", again.is_err())?;
    let sandbox = taken_over(cx, id).await?;
    end(sandbox).await
}

async fn nobody_adopts_what_has_a_host(cx: &Context) -> Outcome {
    let sandbox = lingering(cx).await?;
    let session = sandbox.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let adopted = cx.backend().adopt().await?;
    ensure("it is not among them", adopted.iter().all(|info| info.id != sandbox.id()))?;
    session.run("x").await?.expect_value("1")?;
    sandbox.close().await?;
    Ok(())
}

async fn nobody_adopts_what_is_being_made(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    spec.on_host_loss = Some(HostLoss::Linger(Duration::from_mins(5)));
    let mut making = pin!(cx.new_sandbox(spec));
    let sandbox = loop {
        // From the moment when it can be found until somebody is there.
        match select(making.as_mut(), pin!(cx.backend().adopt())).await {
            Either::Left((made, _)) => break made?,
            Either::Right((adopted, _)) => drop(adopted?),
        }
    };
    sandbox.session().await?.run("1").await?.expect_value("1")?;
    end(sandbox).await
}
