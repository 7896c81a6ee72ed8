//! A transaction that waits for its commit or rollback: what is refused meanwhile, and what becomes of it when its process dies.

use hibernaculum_core::{CheckpointRequest, TransactionPolicy, TransactionScope};

use crate::prelude::*;

cases! { "pending transactions":
    a_session_whose_transaction_waits_is_not_saved [MEMORY, Need::Feature(Feature::PortableCheckpoints)],
    a_sandbox_in_which_a_transaction_waits_is_not_kept [MEMORY, Need::Feature(Feature::SandboxSnapshots)],
    a_transaction_that_waited_as_a_name_killed_its_process_is_told [MEMORY, Need::Feature(Feature::Namespace)],
    names_that_waited_without_a_guard_are_lost_with_their_process_and_told [BINDINGS],
    names_that_waited_under_a_guard_are_undone_with_their_process_and_told [BINDINGS, Need::Feature(Feature::Guard)],
}

const MEMORY: Need = Need::Feature(Feature::MemoryTransactions);
const BINDINGS: Need = Need::Feature(Feature::BindingTransactions);

fn waiting(scope: TransactionScope, code: &str) -> ExecutionRequest {
    ExecutionRequest::new(code).transaction(TransactionPolicy::Explicit { scope })
}

async fn a_session_whose_transaction_waits_is_not_saved(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let pending = session.run(waiting(TransactionScope::Memory, "x = 1")).await?.execution;
    session.checkpoint(CheckpointRequest::portable()).await.expect_code("session.transaction_pending")?;
    let asleep = cx.backend().hibernate(&session.id(), CheckpointRequest::portable()).await;
    asleep.expect_code("session.transaction_pending")?;
    ensure_eq("what waits", session.info().await?.pending, Some(pending))?;
    session.commit(&pending).await?;
    let saved = session.checkpoint(CheckpointRequest::portable()).await?;
    ensure_eq("what was saved", session.checkpoints().await?.len(), 1)?;
    session.run("x = 2").await?.expect_completed()?;
    session.restore(&saved.id).await?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn a_sandbox_in_which_a_transaction_waits_is_not_kept(cx: &Context) -> Outcome {
    let sandbox = cx.sandbox().await?;
    let session = cx.session().await?;
    let pending = session.run(waiting(TransactionScope::Memory, "x = 1")).await?.execution;
    sandbox.snapshot(None).await.expect_code("session.transaction_pending")?;
    let twin = cx.backend().fork_sandbox(&sandbox.id(), cx.spec()).await;
    twin.expect_code("session.transaction_pending")?;
    session.rollback(&pending).await?;
    let kept = sandbox.snapshot(None).await?;
    ensure_eq("sessions in it", kept.sessions, 1)?;
    cx.backend().delete_snapshot(&kept.id).await?;
    Ok(())
}

async fn a_transaction_that_waited_as_a_name_killed_its_process_is_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 'before'").await?.expect_completed()?;
    let code = "import os\nclass Bomb:\n    def __del__(self): os._exit(7)\nx = Bomb()";
    let pending = session.run(waiting(TransactionScope::Memory, code)).await?.execution;
    session.namespace().set("x", 1).await.expect_code("session.not_served")?;
    session.commit(&pending).await.expect_code("session.no_transaction")?;
    let told = session.run("x").await?;
    told.expect_value("'before'")?.expect_warning(&format!("{pending} was rolled back"))?;
    ensure_eq("warnings of what follows", session.run("x").await?.outcome.warnings, Vec::<String>::new())
}

/// Its process is killed by another session, while it is idle and a transaction of names waits; the result of what comes next.
async fn killed(cx: &Context, session: &Session) -> Result<hibernaculum_core::ExecutionResult, Failure> {
    let other = cx.session().await?;
    session.run("x = 'before'").await?.expect_completed()?;
    let result = session.run(waiting(TransactionScope::Bindings, "import os\nx = 2\nos.getpid()")).await?;
    let pid = result.json().cloned().unwrap_or_default();
    other.run(format!("import os; os.kill({pid}, 9)")).await?.expect_completed()?;
    eventually("the death of the process is noticed", || async {
        let info = session.info().await.map_err(|error| error.to_string())?;
        let settled = info.pending.is_none() && info.state == SessionState::Idle;
        if settled { Ok(()) } else { Err(format!("{info:?}")) }
    })
    .await?;
    session.rollback(&result.execution).await.expect_code("session.no_transaction")?;
    session.run("globals().get('x')").await
}

async fn names_that_waited_without_a_guard_are_lost_with_their_process_and_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    killed(cx, &session).await?.expect_completed()?.expect_warning("lost")?;
    session.run("'x' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn names_that_waited_under_a_guard_are_undone_with_their_process_and_told(cx: &Context) -> Outcome {
    let session = cx.session_with(SessionSpec::default().recovery(RecoveryPolicy::Guard)).await?;
    killed(cx, &session).await?.expect_value("'before'")?.expect_warning("rolled back")?;
    Ok(())
}
