//! What becomes of an execution's effects, by its policy, scope and end: the table of `docs/state.md`, read from there and held to the letter.

use std::time::Duration;

use hibernaculum_core::{ExecutionResult, RestoredFrom, TransactionPolicy, TransactionScope};

use crate::prelude::*;

cases! { "the table of transactions":
    every_policy_does_to_every_outcome_what_the_table_says [MEMORY, BINDINGS, INTERRUPT],
    a_kill_at_the_deadline_is_the_tables_crash [MEMORY, BINDINGS],
    what_the_table_calls_lost_is_what_the_recovery_policy_makes_of_a_crash [MEMORY, BINDINGS, GUARD, PORTABLE],
}

const MEMORY: Need = Need::Feature(Feature::MemoryTransactions);
const BINDINGS: Need = Need::Feature(Feature::BindingTransactions);
const GUARD: Need = Need::Feature(Feature::Guard);
const PORTABLE: Need = Need::Feature(Feature::PortableCheckpoints);

const PAGE: &str = include_str!("../../../docs/state.md");
/// The table's columns, after policy and scope.
const ENDS: [End; 5] = [End::Completed, End::Failed, End::Interrupted, End::TimedOut, End::Crashed];

/// How an execution ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Completed,
    Failed,
    Interrupted,
    TimedOut,
    Crashed,
    /// At its deadline, with its process: it listens to no interrupt.
    Killed,
}

/// What becomes of the effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    /// Names as they were.
    Names,
    /// All as it was.
    All,
    /// Kept, until somebody says commit or rollback.
    Waits,
    Lost,
}

/// A line of the table: what becomes of the effects, in the order of `ENDS`.
#[derive(Debug, Clone, Copy)]
struct Line {
    policy: TransactionPolicy,
    fates: [Fate; 5],
}

impl Line {
    fn fate(self, end: End) -> Fate {
        let [completed, failed, interrupted, timed_out, crashed] = self.fates;
        match end {
            End::Completed => completed,
            End::Failed => failed,
            End::Interrupted => interrupted,
            End::TimedOut => timed_out,
            End::Crashed | End::Killed => crashed,
        }
    }
}

/// The table, from the page.
fn table() -> Result<Vec<Line>, Failure> {
    let header = "| policy | scope | completed | failed | interrupted | timed out | crashed |";
    let rows = PAGE.lines().skip_while(|line| *line != header).skip(2).take_while(|line| line.starts_with('|'));
    let mut policy = "";
    let mut lines = Vec::new();
    for row in rows {
        let cells: Vec<&str> =
            row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [named, scope, fates @ ..] = cells.as_slice() else {
            return Err(Failure::new(format!("no row: {row}")));
        };
        // An empty cell repeats the one above.
        policy = if named.is_empty() { policy } else { named };
        let fates: Vec<Fate> = fates.iter().map(|word| fate(word)).collect::<Result<_, _>>()?;
        let fates = fates.try_into().map_err(|_| Failure::new(format!("not five ends: {row}")))?;
        lines.push(Line { policy: named_policy(policy, scope)?, fates });
    }
    // Three policies of two scopes, and none.
    ensure_eq("rows of the table", lines.len(), 7)?;
    Ok(lines)
}

fn fate(word: &str) -> Result<Fate, Failure> {
    Ok(match word {
        "kept" => Fate::Kept,
        "names undone" => Fate::Names,
        "undone" => Fate::All,
        "waits" => Fate::Waits,
        "lost" => Fate::Lost,
        _ => return Err(Failure::new(format!("the table says {word:?}"))),
    })
}

fn named_policy(policy: &str, scope: &str) -> Result<TransactionPolicy, Failure> {
    let scope = match scope {
        "bindings" => Some(TransactionScope::Bindings),
        "memory" => Some(TransactionScope::Memory),
        _ => None,
    };
    Ok(match (policy, scope) {
        ("none", None) => TransactionPolicy::None,
        ("commit_on_success", Some(scope)) => TransactionPolicy::CommitOnSuccess { scope },
        ("rollback_on_failure", Some(scope)) => TransactionPolicy::RollbackOnFailure { scope },
        ("explicit", Some(scope)) => TransactionPolicy::Explicit { scope },
        _ => return Err(Failure::new(format!("the table has a row for {policy:?}, {scope:?}"))),
    })
}

async fn every_policy_does_to_every_outcome_what_the_table_says(cx: &Context) -> Outcome {
    for line in table()? {
        for end in ENDS {
            let is_waiting = line.fate(end) == Fate::Waits;
            for commits in if is_waiting { &[false, true][..] } else { &[false][..] } {
                let session = cx.session().await?;
                one_field_of_the_table(&session, line, end, *commits)
                    .await
                    .map_err(|failure| failure.within(&format!("{:?}, {end:?}", line.policy)))?;
                session.close().await?;
            }
        }
    }
    Ok(())
}

async fn a_kill_at_the_deadline_is_the_tables_crash(cx: &Context) -> Outcome {
    for line in table()? {
        let session = cx.session_with(impatient()).await?;
        one_field_of_the_table(&session, line, End::Killed, false)
            .await
            .map_err(|failure| failure.within(&format!("{:?}", line.policy)))?;
        session.close().await?;
    }
    Ok(())
}

async fn what_the_table_calls_lost_is_what_the_recovery_policy_makes_of_a_crash(cx: &Context) -> Outcome {
    for line in table()? {
        for recovery in [RecoveryPolicy::Guard, RecoveryPolicy::None, RecoveryPolicy::FromCheckpoint] {
            let session = cx.session_with(SessionSpec::default().recovery(recovery)).await?;
            let ended = run(&session, line.policy, End::Crashed).await;
            let told = match ended {
                Ok(result) => a_crash(&session, &result, line.fate(End::Crashed), recovery).await,
                Err(failure) => Err(failure),
            };
            told.map_err(|failure| failure.within(&format!("{:?}, {recovery:?}", line.policy)))?;
            session.close().await?;
        }
    }
    Ok(())
}

async fn a_crash(
    session: &Session,
    result: &ExecutionResult,
    fate: Fate,
    recovery: RecoveryPolicy,
) -> Outcome {
    let from = RestoredFrom::Guard(result.execution);
    if fate == Fate::All || recovery == RecoveryPolicy::Guard {
        result.expect_end(Status::Crashed, &StateAfter::Restored { from })?;
        session.run("x, y").await?.expect_value("([1], 1)")?;
        return Ok(());
    }
    ensure_eq("what the table says", fate, Fate::Lost)?;
    result.expect_end(Status::Crashed, &StateAfter::Lost)?;
    if recovery == RecoveryPolicy::None {
        session.start("1").await.expect_code("session.crashed")?;
    } else {
        session.run("'x' in globals()").await?.expect_value("False")?;
    }
    Ok(())
}

/// Runs what changes an object in place and binds a name anew, and ends as is wanted.
async fn run(session: &Session, policy: TransactionPolicy, end: End) -> Result<ExecutionResult, Failure> {
    session.run("import os, time\nx, y = [1], 1").await?.expect_completed()?;
    let last = match end {
        End::Completed => "pass",
        End::Failed => "1/0",
        End::Interrupted | End::TimedOut => "time.sleep(60)",
        End::Crashed => "os._exit(7)",
        End::Killed => {
            "while True:\n    try: time.sleep(60)\n    except KeyboardInterrupt: pass"
        }
    };
    let code = format!("x.append(2); y = 2; print('ready', flush=True)\n{last}");
    let mut request = ExecutionRequest::new(code).transaction(policy);
    if matches!(end, End::TimedOut | End::Killed) {
        request = request.timeout(Duration::from_millis(600));
    }
    let mut run = session.watch(request).await?;
    if end == End::Interrupted {
        run.until_output("ready\n").await?;
        session.interrupt(&run.id()).await?;
    }
    run.finish().await
}

async fn one_field_of_the_table(session: &Session, line: Line, end: End, commits: bool) -> Outcome {
    let (policy, fate) = (line.policy, line.fate(end));
    let result = run(session, policy, end).await?;
    let status = match end {
        End::Completed => Status::Completed,
        End::Failed => Status::Failed,
        End::Interrupted => Status::Interrupted,
        End::TimedOut | End::Killed => Status::TimedOut,
        End::Crashed => Status::Crashed,
    };
    let id = result.execution;
    let state = match fate {
        Fate::Kept | Fate::Waits => StateAfter::Kept,
        Fate::Names => StateAfter::Restored { from: RestoredFrom::Bindings(id) },
        Fate::All => StateAfter::Restored { from: RestoredFrom::Guard(id) },
        Fate::Lost => StateAfter::Lost,
    };
    result.expect_end(status, &state)?.expect_stdout("ready\n")?;
    let info = session.info().await?;
    if fate == Fate::Waits {
        ensure_eq("state", info.state, SessionState::PendingTransaction)?;
        ensure_eq("what waits", info.pending, Some(id))?;
        let left = match (commits, policy.scope()) {
            (true, _) => "([1, 2], 2)",
            (false, Some(TransactionScope::Memory)) => "([1], 1)",
            (false, _) => "([1, 2], 1)",
        };
        if commits {
            session.commit(&id).await?;
        } else {
            session.rollback(&id).await?;
        }
        session.run("x, y").await?.expect_value(left)?;
    } else {
        ensure_eq("what waits", info.pending, None)?;
        session.commit(&id).await.expect_code("session.no_transaction")?;
        match fate {
            Fate::Kept | Fate::Waits => session.run("x, y").await?.expect_value("([1, 2], 2)")?,
            Fate::Names => session.run("x, y").await?.expect_value("([1, 2], 1)")?,
            Fate::All => session.run("x, y").await?.expect_value("([1], 1)")?,
            Fate::Lost => session.run("'x' in globals()").await?.expect_value("False")?,
        };
    }
    ensure_eq("state at last", session.info().await?.state, SessionState::Idle)
}
