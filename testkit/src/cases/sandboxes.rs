//! The life of sandboxes.

use crate::prelude::*;
use hibernaculum_core::{SandboxId, SandboxState};

cases! { "sandboxes":
    smoke a_sandbox_is_made_listed_and_ended,
    an_unknown_sandbox_is_told,
    ending_a_sandbox_twice_is_no_error,
    ending_a_sandbox_ends_its_sessions,
    ending_a_sandbox_ends_what_runs,
    a_dropped_handle_ends_its_sandbox,
    a_kept_sandbox_outlives_its_handle,
    sandboxes_are_listed_in_the_order_of_their_making,
    sandboxes_do_not_share_their_files,
    the_session_of_another_sandbox_is_not_listed,
}

async fn is_listed(cx: &Context, id: SandboxId) -> Result<bool, Failure> {
    Ok(cx.backend().list().await?.iter().any(|sandbox| sandbox.id == id))
}

async fn a_sandbox_is_made_listed_and_ended(cx: &Context) -> Outcome {
    let sandbox = cx.new_sandbox(cx.spec()).await?;
    let id = sandbox.id();
    ensure_eq("state", sandbox.info().await?.state, SandboxState::Running)?;
    ensure_eq("whether it is listed", is_listed(cx, id).await?, true)?;
    let session = sandbox.session().await?;
    session.run("6 * 7").await?.expect_value("42")?;
    drop(session);
    sandbox.close().await?;
    ensure_eq("whether it is listed still", is_listed(cx, id).await?, false)?;
    cx.backend().get(&id).await.expect_code("sandbox.unknown")?;
    Ok(())
}

async fn an_unknown_sandbox_is_told(cx: &Context) -> Outcome {
    let id = SandboxId::new();
    cx.backend().get(&id).await.expect_code("sandbox.unknown")?;
    cx.backend().sessions(&id).await.expect_code("sandbox.unknown")?;
    let error = cx.backend().open_session(&id, SessionSpec::default()).await.expect_code("sandbox.unknown")?;
    ensure_eq("the sandbox told", error.explain().details.get("sandbox").cloned(), Some(id.to_string().into()))
}

async fn ending_a_sandbox_twice_is_no_error(cx: &Context) -> Outcome {
    let sandbox = cx.new_sandbox(cx.spec()).await?;
    cx.backend().destroy(&sandbox.id()).await?;
    cx.backend().destroy(&sandbox.id()).await?;
    cx.backend().destroy(&SandboxId::new()).await?;
    Ok(())
}

async fn ending_a_sandbox_ends_its_sessions(cx: &Context) -> Outcome {
    let sandbox = cx.new_sandbox(cx.spec()).await?;
    let session = sandbox.session().await?;
    session.run("1").await?.expect_value("1")?;
    sandbox.close().await?;
    session.start("2").await.expect_code("session.closed")?;
    session.info().await.expect_code("session.closed")?;
    Ok(())
}

async fn ending_a_sandbox_ends_what_runs(cx: &Context) -> Outcome {
    let sandbox = cx.new_sandbox(cx.spec()).await?;
    let session = sandbox.session().await?;
    let mut running = session.watch(SLEEPER).await?;
    let mut waiting = session.watch("2").await?;
    running.until_output("ready\n").await?;
    sandbox.close().await?;
    running.finish().await?.expect_end(Status::Interrupted, &StateAfter::Lost)?.expect_stdout("ready\n")?;
    waiting.finish().await?.expect_end(Status::Interrupted, &StateAfter::Lost)?;
    Ok(())
}

async fn a_dropped_handle_ends_its_sandbox(cx: &Context) -> Outcome {
    let sandbox = cx.new_sandbox(cx.spec()).await?;
    let session = sandbox.session().await?;
    let run = session.watch(SLEEPER).await?;
    let id = sandbox.id();
    drop(sandbox);
    eventually("the sandbox ends", || async {
        let listed = is_listed(cx, id).await.map_err(|failure| failure.to_string())?;
        if listed { Err("it is listed".to_owned()) } else { Ok(()) }
    })
    .await?;
    drop(run);
    Ok(())
}

async fn a_kept_sandbox_outlives_its_handle(cx: &Context) -> Outcome {
    let id = cx.new_sandbox(cx.spec()).await?.keep();
    let session = Sandbox::of(cx.backend(), id).session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let id_of_session = session.keep();
    let again = Session::of(cx.backend(), id_of_session);
    again.run("x").await?.expect_value("1")?;
    cx.backend().destroy(&id).await?;
    Ok(())
}

async fn sandboxes_are_listed_in_the_order_of_their_making(cx: &Context) -> Outcome {
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(cx.new_sandbox(cx.spec()).await?);
    }
    let ids: Vec<_> = made.iter().map(Sandbox::id).collect();
    let mut listed: Vec<_> = cx.backend().list().await?.into_iter().map(|sandbox| sandbox.id).collect();
    listed.retain(|id| ids.contains(id));
    ensure_eq("the order", listed, ids)
}

async fn sandboxes_do_not_share_their_files(cx: &Context) -> Outcome {
    let (one, two) = (cx.new_sandbox(cx.spec()).await?, cx.new_sandbox(cx.spec()).await?);
    let (first, second) = (one.session().await?, two.session().await?);
    first.run(make("mine")).await?.expect_completed()?;
    first.run("import os; os.listdir('.')").await?.expect_value("['mine']")?;
    second.run("import os; os.listdir('.')").await?.expect_value("[]")?;
    Ok(())
}

async fn the_session_of_another_sandbox_is_not_listed(cx: &Context) -> Outcome {
    let (one, two) = (cx.new_sandbox(cx.spec()).await?, cx.new_sandbox(cx.spec()).await?);
    let session = one.session().await?;
    let ids = |infos: Vec<hibernaculum_core::SessionInfo>| infos.iter().map(|info| info.id).collect::<Vec<_>>();
    ensure_eq("sessions of the one", ids(cx.backend().sessions(&one.id()).await?), vec![session.id()])?;
    ensure_eq("sessions of the other", ids(cx.backend().sessions(&two.id()).await?), vec![])
}
