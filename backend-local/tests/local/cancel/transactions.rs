//! Commits, rollbacks and the executions that they settle: done whole, or not at all.

use hibernaculum_core::{
    ExecutionId, ExecutionRequest, Session, SessionState, TransactionPolicy, TransactionScope,
};
use serde_json::json;

use super::{Den, GiveUp, at_every_poll};
use crate::scene::{run, value, within};

const BEFORE: &str = "x = 1; y = 1; items = [1]";
const CHANGE: &str = "x = 2; items.append(2); y = 2";

/// What all of the change, or nothing of it, makes of the names; in the list a rollback of names alone undoes nothing.
fn expected(scope: TransactionScope, is_done: bool) -> serde_json::Value {
    match (is_done, scope) {
        (true, _) => json!([2, 2, [1, 2]]),
        (false, TransactionScope::Memory) => json!([1, 1, [1]]),
        (false, _) => json!([1, 1, [1, 2]]),
    }
}

async fn found(session: &Session) -> serde_json::Value {
    value(session, "[x, y, items]").await
}

/// An execution that waits for its commit or rollback.
async fn pending(session: &Session, scope: TransactionScope) -> ExecutionId {
    run(session, BEFORE).await;
    let request = ExecutionRequest::new(CHANGE).transaction(TransactionPolicy::Explicit { scope });
    let id = request.id;
    assert!(within(session.execute(request)).await.unwrap().is_completed());
    assert_eq!(session.info().await.unwrap().pending, Some(id));
    id
}

/// Asks for the opposite of what was given up: it is done where that was not, and refused where that was, and so the same afterwards.
async fn is_settled(session: &Session, id: ExecutionId, gave_up_a_commit: bool, at: GiveUp) -> bool {
    let opposite = async || {
        if gave_up_a_commit { within(session.rollback(&id)).await } else { within(session.commit(&id)).await }
    };
    let was_settled = match opposite().await {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error.code(), "session.no_transaction", "{at:?}");
            true
        }
    };
    assert_eq!(opposite().await.unwrap_err().code(), "session.no_transaction", "{at:?}");
    assert_eq!(session.info().await.unwrap().pending, None, "{at:?}");
    was_settled
}

async fn commits(scope: TransactionScope) {
    let den = Den::new().await;
    let session = &den.session;
    at_every_poll(async |at| {
        let id = pending(session, scope).await;
        let is_done = at.on(session.commit(&id)).await.is_some();
        let was_committed = is_settled(session, id, true, at).await;
        assert!(was_committed || !is_done, "{at:?}");
        assert_eq!(found(session).await, expected(scope, was_committed), "{at:?}");
        den.is_as_it_was(at).await;
        is_done
    })
    .await;
    den.close().await;
}

async fn rollbacks(scope: TransactionScope) {
    let den = Den::new().await;
    let session = &den.session;
    at_every_poll(async |at| {
        let id = pending(session, scope).await;
        let is_done = at.on(session.rollback(&id)).await.is_some();
        let was_rolled_back = is_settled(session, id, false, at).await;
        assert!(was_rolled_back || !is_done, "{at:?}");
        assert_eq!(found(session).await, expected(scope, !was_rolled_back), "{at:?}");
        den.is_as_it_was(at).await;
        is_done
    })
    .await;
    den.close().await;
}

#[tokio::test]
async fn a_commit_of_memory_that_is_given_up_is_whole_or_not_there() {
    commits(TransactionScope::Memory).await;
}

#[tokio::test]
async fn a_commit_of_names_that_is_given_up_is_whole_or_not_there() {
    commits(TransactionScope::Bindings).await;
}

#[tokio::test]
async fn a_rollback_of_memory_that_is_given_up_is_whole_or_not_there() {
    rollbacks(TransactionScope::Memory).await;
}

#[tokio::test]
async fn a_rollback_of_names_that_is_given_up_is_whole_or_not_there() {
    rollbacks(TransactionScope::Bindings).await;
}

#[tokio::test]
async fn an_execution_that_may_be_undone_is_whole_or_not_there() {
    let den = Den::new().await;
    let (session, scope) = (&den.session, TransactionScope::Memory);
    for policy in [TransactionPolicy::CommitOnSuccess { scope }, TransactionPolicy::Explicit { scope }] {
        at_every_poll(async |at| {
            run(session, BEFORE).await;
            let request = ExecutionRequest::new(CHANGE).transaction(policy);
            let id = request.id;
            let is_done = at.on(session.execute(request)).await.is_some();
            // It takes its turn after what was given up.
            let _ = session.namespace().get("x").await.unwrap();
            let info = session.info().await.unwrap();
            let is_pending = info.state == SessionState::PendingTransaction;
            if is_pending {
                assert_eq!(info.pending, Some(id), "{at:?}");
                within(session.rollback(&id)).await.unwrap();
            }
            let is_explicit = matches!(policy, TransactionPolicy::Explicit { .. });
            assert!(!is_done || is_pending == is_explicit, "{at:?}");
            let found = found(session).await;
            let whole = expected(scope, true);
            if is_done && !is_explicit {
                assert_eq!(found, whole, "{at:?}");
            } else {
                let is_undone = found == expected(scope, false);
                assert!(is_undone || (!is_explicit && found == whole), "{at:?}, {policy:?}: {found}");
            }
            den.is_as_it_was(at).await;
            is_done
        })
        .await;
    }
    den.close().await;
}
