//! The life of sessions.

use hibernaculum_core::{SessionId, SessionInfo};

use crate::prelude::*;

cases! { "sessions":
    an_unknown_session_is_told,
    smoke a_closed_session_says_so,
    closing_a_session_twice_is_no_error,
    closing_a_session_ends_what_runs_and_waits,
    a_dropped_handle_closes_its_session,
    a_session_can_be_asked_for_by_id,
    an_id_names_one_session,
    an_id_is_free_again_after_its_session,
    sessions_are_listed_in_the_order_of_their_opening,
    fifty_sessions_live_side_by_side,
    closing_one_session_leaves_the_others,
}

async fn listed(cx: &Context) -> Result<Vec<SessionId>, Failure> {
    let sessions = cx.backend().sessions(&cx.sandbox().await?.id()).await?;
    Ok(sessions.iter().map(|session: &SessionInfo| session.id).collect())
}

async fn an_unknown_session_is_told(cx: &Context) -> Outcome {
    let session = Session::of(cx.backend(), SessionId::new());
    let error = session.start("1").await.expect_code("session.unknown")?;
    let told = error.explain().details.get("session").cloned();
    ensure_eq("the session told", told, Some(session.id().to_string().into()))?;
    session.info().await.expect_code("session.unknown")?;
    session.interrupt(&ExecutionId::new()).await.expect_code("session.unknown")?;
    cx.backend().close_session(&session.id()).await.expect_code("session.unknown")?;
    Ok(())
}

async fn a_closed_session_says_so(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let closed = Session::of(cx.backend(), session.id());
    session.close().await?;
    closed.start("x").await.expect_code("session.closed")?;
    ensure_eq("whether it is listed", listed(cx).await?.contains(&closed.id()), false)
}

async fn closing_a_session_twice_is_no_error(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    cx.backend().close_session(&session.id()).await?;
    cx.backend().close_session(&session.id()).await?;
    Ok(())
}

async fn closing_a_session_ends_what_runs_and_waits(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut running = session.watch(SLEEPER).await?;
    let mut waiting = session.watch("2").await?;
    running.until_output("ready\n").await?;
    session.close().await?;
    running.finish().await?.expect_end(Status::Interrupted, &StateAfter::Lost)?.expect_stdout("ready\n")?;
    waiting.finish().await?.expect_end(Status::Interrupted, &StateAfter::Lost)?;
    ensure_eq("whether the second started", waiting.has_started(), false)
}

async fn a_dropped_handle_closes_its_session(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let id = session.id();
    ensure_eq("whether it is listed", listed(cx).await?.contains(&id), true)?;
    drop(session);
    eventually("the session is closed", || async {
        let open = listed(cx).await.map_err(|failure| failure.to_string())?;
        if open.contains(&id) { Err("it is listed".to_owned()) } else { Ok(()) }
    })
    .await
}

async fn a_session_can_be_asked_for_by_id(cx: &Context) -> Outcome {
    let id = SessionId::new();
    let session = cx.session_with(SessionSpec::default().id(id)).await?;
    ensure_eq("id", session.id(), id)?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn an_id_names_one_session(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let spec = SessionSpec::default().id(session.id());
    cx.sandbox().await?.session_with(spec).await.expect_code("session.exists")?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn an_id_is_free_again_after_its_session(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let spec = SessionSpec::default().id(session.id());
    session.close().await?;
    let again = cx.session_with(spec).await?;
    again.run("'x' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn sessions_are_listed_in_the_order_of_their_opening(cx: &Context) -> Outcome {
    let sessions = [cx.session().await?, cx.session().await?, cx.session().await?];
    ensure_eq("the order", listed(cx).await?, sessions.iter().map(Session::id).collect::<Vec<_>>())
}

async fn fifty_sessions_live_side_by_side(cx: &Context) -> Outcome {
    let mut sessions = Vec::new();
    for i in 0..50 {
        let session = cx.session().await?;
        session.run(format!("x = {i}")).await?.expect_completed()?;
        sessions.push(session);
    }
    for (i, session) in sessions.iter().enumerate() {
        session.run("x").await?.expect_value(&i.to_string())?;
    }
    ensure_eq("sessions told", cx.sandbox().await?.info().await?.sessions, 50)
}

async fn closing_one_session_leaves_the_others(cx: &Context) -> Outcome {
    let (one, two) = (cx.session().await?, cx.session().await?);
    two.run("x = 2").await?.expect_completed()?;
    one.close().await?;
    two.run("x").await?.expect_value("2")?;
    Ok(())
}
