//! Transactions: what an execution did stays, or is undone, as its policy says.

use std::time::Duration;

use hibernaculum_core::{RestoredFrom, TransactionPolicy, TransactionScope};

use crate::prelude::*;

cases! { "transactions":
    a_failed_transaction_is_undone_to_the_last_object [MEMORY],
    what_a_rollback_undoes_goes_beyond_names [MEMORY],
    names_roll_back_and_objects_do_not [BINDINGS],
    a_pending_transaction_lets_nothing_else_run [MEMORY, BINDINGS],
    a_transaction_is_settled_once [MEMORY, BINDINGS],
    what_waited_behind_a_pending_transaction_is_refused [MEMORY],
    a_pending_transaction_is_undone_with_its_process_and_told [MEMORY],
    a_deadline_that_the_code_made_its_own_exception_has_failed [MEMORY, BINDINGS, INTERRUPT],
    names_can_be_read_and_bound_while_a_transaction_waits [MEMORY, Need::Feature(Feature::Namespace)],
    output_of_what_was_undone_is_delivered_whole [MEMORY],
    a_rolled_back_session_goes_on_as_before [MEMORY, INTERRUPT, INPUT],
    threads_forbid_a_transaction_of_memory_by_name [MEMORY],
    a_thousand_rollbacks_leave_nothing_behind [MEMORY],
    a_transaction_survives_what_its_code_does_to_itself [MEMORY],
    changes_of_a_transaction_that_was_undone_are_none [BINDINGS],
}

const MEMORY: Need = Need::Feature(Feature::MemoryTransactions);
const BINDINGS: Need = Need::Feature(Feature::BindingTransactions);
const SHORT: Duration = Duration::from_millis(250);

fn commit_on_success(scope: TransactionScope) -> TransactionPolicy {
    TransactionPolicy::CommitOnSuccess { scope }
}

fn explicit(scope: TransactionScope) -> TransactionPolicy {
    TransactionPolicy::Explicit { scope }
}

fn under(policy: TransactionPolicy, code: impl Into<String>) -> ExecutionRequest {
    ExecutionRequest::new(code).transaction(policy)
}

async fn a_failed_transaction_is_undone_to_the_last_object(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("data = {'a': [1, {'b': 2}]}").await?.expect_completed()?;
    let policy = commit_on_success(TransactionScope::Memory);
    let code = "data['a'][1]['b'] = 3\ndata['a'].append(data)\nnew = 1\ndel data\nraise ValueError('no')";
    let result = session.run(under(policy, code)).await?;
    let from = RestoredFrom::Guard(result.execution);
    result.expect_end(Status::Failed, &StateAfter::Restored { from })?;
    ensure_eq("exception", result.error().map(|error| error.type_name.as_str()), Some("ValueError"))?;
    session.run("data, 'new' in globals()").await?.expect_value("({'a': [1, {'b': 2}]}, False)")?;
    session.run(under(policy, "data['a'] = 'kept'")).await?.expect_end(Status::Completed, &StateAfter::Kept)?;
    session.run("data").await?.expect_value("{'a': 'kept'}")?;
    Ok(())
}

async fn what_a_rollback_undoes_goes_beyond_names(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let set_up = "import random, sys, os, asyncio, json, decimal\nrandom.seed(5)\nexpected = random.random()\nrandom.seed(5)\n\
                  class Account: balance = 10\nme = Account()\nlog = []\n\
                  async def tick():\n    while True:\n        log.append(1)\n        await asyncio.sleep(0.001)\n\
                  task = asyncio.ensure_future(tick())\nawait asyncio.sleep(0.01)";
    session.run(set_up).await?.expect_completed()?;
    let code = "random.random(); Account.balance = 0; me.debt = 1; sys.path.clear(); os.environ['MARK'] = 'x'\n\
                json.dumps = None; decimal.getcontext().prec = 3; task.cancel(); await asyncio.sleep(0.01); os.chdir('/')\n\
                sys.setrecursionlimit(123); import colorsys\n1/0";
    let policy = commit_on_success(TransactionScope::Memory);
    session.run(under(policy, code)).await?.expect_status(Status::Failed)?;
    let look = "random.random() == expected, Account.balance, hasattr(me, 'debt'), len(sys.path) > 0, 'MARK' in os.environ, \
                json.dumps([1]), decimal.getcontext().prec, task.done(), os.getcwd() == '/', sys.getrecursionlimit() > 200, 'colorsys' in sys.modules";
    session
        .run(look)
        .await?
        .expect_value("(True, 10, False, True, False, '[1]', 28, False, False, True, False)")?;
    session.run("n = len(log); await asyncio.sleep(0.05); len(log) > n").await?.expect_value("True")?;
    Ok(())
}

async fn names_roll_back_and_objects_do_not(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = [1]\ny = 'before'\nz = 0").await?.expect_completed()?;
    let policy = commit_on_success(TransactionScope::Bindings);
    let code = "x.append(2)\ny = 'after'\ndel z\nimport json\nw = 1\n1/0";
    let result = session.run(under(policy, code)).await?;
    let from = RestoredFrom::Bindings(result.execution);
    result.expect_end(Status::Failed, &StateAfter::Restored { from })?;
    let look = "x, y, z, 'w' in globals(), 'json' in globals()";
    session.run(look).await?.expect_value("([1, 2], 'before', 0, False, False)")?;
    Ok(())
}

async fn a_pending_transaction_lets_nothing_else_run(cx: &Context) -> Outcome {
    for scope in [TransactionScope::Memory, TransactionScope::Bindings] {
        let session = cx.session().await?;
        let id = session.run(under(explicit(scope), "x = 1")).await?.execution;
        session.start("x = 2").await.expect_code("session.transaction_pending")?;
        session.start(under(explicit(scope), "x = 2")).await.expect_code("session.transaction_pending")?;
        session.commit(&id).await?;
        session.run("x").await?.expect_value("1")?;
    }
    Ok(())
}

async fn a_transaction_is_settled_once(cx: &Context) -> Outcome {
    for scope in [TransactionScope::Memory, TransactionScope::Bindings] {
        let session = cx.session().await?;
        session.commit(&ExecutionId::new()).await.expect_code("session.no_transaction")?;
        let plain = session.run("x = 0").await?.execution;
        session.rollback(&plain).await.expect_code("session.no_transaction")?;
        let first = session.run(under(explicit(scope), "x = 1")).await?.execution;
        session.commit(&plain).await.expect_code("session.no_transaction")?;
        session.rollback(&first).await?;
        for error in [session.rollback(&first).await, session.commit(&first).await] {
            let error = error.expect_code("session.no_transaction")?;
            let why = error.explain().why.contains("rolled back already");
            ensure("the error says what became of it", why)?;
        }
        session.run("x").await?.expect_value("0")?;
        let second = session.run(under(explicit(scope), "x = 2")).await?.execution;
        session.commit(&second).await?;
        session.rollback(&second).await.expect_code("session.no_transaction")?;
        session.run("x").await?.expect_value("2")?;
    }
    Ok(())
}

async fn what_waited_behind_a_pending_transaction_is_refused(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let policy = explicit(TransactionScope::Memory);
    let mut first = session.watch(under(policy, format!("{}x = 1", wait_for("go")))).await?;
    let mut second = session.watch("x = 2").await?;
    other.run(make("go")).await?.expect_completed()?;
    let id = first.finish().await?.expect_completed()?.execution;
    second.error().await?.expect_code("session.transaction_pending")?;
    session.commit(&id).await?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn a_pending_transaction_is_undone_with_its_process_and_told(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    session.run("x = 1").await?.expect_completed()?;
    let result = session.run(under(explicit(TransactionScope::Memory), "import os\nx = 2\nos.getpid()")).await?;
    let pid = result.json().cloned().unwrap_or_default();
    other.run(format!("import os; os.kill({pid}, 9)")).await?.expect_completed()?;
    eventually("the death of the process is noticed", || async {
        let info = session.info().await.map_err(|error| error.to_string())?;
        let settled = info.pending.is_none() && info.state == SessionState::Idle;
        if settled { Ok(()) } else { Err(format!("{info:?}")) }
    })
    .await?;
    let error = session.commit(&result.execution).await.expect_code("session.no_transaction")?;
    let why = error.explain().why;
    ensure(&format!("{why} names the cause"), why.contains("SIGKILL"))?;
    session.run("x").await?.expect_value("1")?.expect_warning("rolled back")?;
    Ok(())
}

async fn names_can_be_read_and_bound_while_a_transaction_waits(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let id = session.run(under(explicit(TransactionScope::Memory), "x = 2")).await?.execution;
    ensure_eq("x", session.namespace().get("x").await?, 2)?;
    session.namespace().set("y", 3).await?;
    ensure_eq("y", session.namespace().get("y").await?, 3)?;
    session.rollback(&id).await?;
    ensure_eq("x", session.namespace().get("x").await?, 1)?;
    session.namespace().get("y").await.expect_code("session.no_such_name")?;
    Ok(())
}

async fn output_of_what_was_undone_is_delivered_whole(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import os, sys\nfor i in range(20000): print(i)\nsys.stderr.write('err')\nos.write(1, b'raw')\n\
                os.system('echo child')\nprint('last', end='')\nraise KeyError('gone')";
    let expected = format!("{}rawchild\nlast", lines(0..20_000, |i| format!("{i}\n")));
    for _ in 0..3 {
        let result = session.run(under(commit_on_success(TransactionScope::Memory), code)).await?;
        result.expect_status(Status::Failed)?.expect_stdout(&expected)?.expect_stderr("err")?;
        let after = session.run("import os\nprint('after', flush=True)\nos.write(1, b'raw')").await?;
        after.expect_stdout("after\nraw")?;
    }
    let long = "print('a' * 3_000_000)\n'b' * 3_000_000 / 0";
    let result = session.run(under(commit_on_success(TransactionScope::Memory), long)).await?;
    let cut = result.stdout.cut.map_or(0, |cut| cut.bytes);
    ensure_eq("bytes of a long line", result.stdout.text.len() as u64 + cut, 3_000_001)?;
    let value = session.run("'c' * 3_000_000").await?;
    ensure_eq("length of a long value", value.value().map(|value| value.repr.len()), Some(3_000_002))
}

async fn a_rolled_back_session_goes_on_as_before(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("def f(n):\n    return 1 // n").await?.expect_completed()?;
    let policy = commit_on_success(TransactionScope::Memory);
    session.run(under(policy, "def g(): return 2\n1/0")).await?.expect_status(Status::Failed)?;
    let error = session.run("f(0)").await?;
    let error = error.expect_exception("ZeroDivisionError")?;
    ensure("the traceback shows the source of f", error.traceback.contains("return 1 // n"))?;
    let mut asks = session.watch(asking("input('name? ')")).await?;
    let question = asks.until_question().await?;
    session.answer(&question.token, "den").await?;
    asks.finish().await?.expect_value("'den'")?;
    session.run(within(SHORT, SLEEPER)).await?.expect_end(Status::TimedOut, &StateAfter::Kept)?;
    let info = session.info().await?;
    ensure_eq("crashes", info.crashes, 0)?;
    ensure_eq("executions", info.executions, 5)
}

async fn threads_forbid_a_transaction_of_memory_by_name(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import threading\nstop = threading.Event()\nthreading.Thread(target=stop.wait, name='busy-bee').start()";
    session.run(code).await?.expect_completed()?;
    let policy = commit_on_success(TransactionScope::Memory);
    let mut refused = session.watch(under(policy, "x = 1")).await?;
    let error = refused.error().await?.expect_code("checkpoint.refused")?;
    ensure("the refusal names the thread", error.to_string().contains("busy-bee"))?;
    session.run("'x' in globals()").await?.expect_value("False")?;
    session.run("stop.set(); [t.join() for t in threading.enumerate() if t.name == 'busy-bee']").await?.expect_completed()?;
    session.run(under(policy, "x = 1")).await?.expect_end(Status::Completed, &StateAfter::Kept)?;
    Ok(())
}

async fn a_thousand_rollbacks_leave_nothing_behind(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os, gc\nx = 0").await?.expect_completed()?;
    let descriptors = "len(os.listdir('/proc/self/fd'))";
    let before = session.run(descriptors).await?.value().map(|value| value.repr.clone());
    let policy = commit_on_success(TransactionScope::Memory);
    for round in 0..200 {
        let fails = round % 4 != 0;
        let code = if fails { "x = -1; 1/0".to_owned() } else { format!("x = {round}") };
        let status = if fails { Status::Failed } else { Status::Completed };
        session.run(under(policy, code)).await?.expect_status(status)?;
    }
    session.run("x").await?.expect_value("196")?;
    ensure_eq("descriptors", session.run(descriptors).await?.value().map(|value| value.repr.clone()), before)
}

async fn a_transaction_survives_what_its_code_does_to_itself(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os, sys, signal, ctypes\nx = [1]").await?.expect_completed()?;
    let policy = commit_on_success(TransactionScope::Memory);
    for code in [
        "os.closerange(3, 64); sys.stdout = None; 1/0",
        "os.close(1); os.close(2); 1/0",
        "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.alarm(0); sys.exit(3)",
        "os.fork() or os._exit(0); 1/0",
        "def f(): f()\nf()",
    ] {
        let result = session.run(under(policy, format!("x.append(2)\n{code}"))).await?;
        result.expect_status(Status::Failed)?;
        session.run("x, len(x)").await?.expect_value("([1], 1)")?;
    }
    for code in ["import builtins; builtins.len = None; 1/0", "sys.modules.clear(); 1/0"] {
        let result = session.run(under(policy, format!("x.append(2)\n{code}"))).await?;
        let from = RestoredFrom::Guard(result.execution);
        ensure_eq("state after what broke the runner", &result.outcome.state, &StateAfter::Restored { from })?;
        session.run("x, len(x)").await?.expect_value("([1], 1)")?;
    }
    for (code, cause) in [
        ("ctypes.string_at(0)", signal(11, "SIGSEGV")),
        ("os.abort()", signal(6, "SIGABRT")),
        ("os.killpg(0, 9)", signal(9, "SIGKILL")),
    ] {
        let result = session.run(under(policy, format!("x.append(2)\n{code}"))).await?;
        let from = RestoredFrom::Guard(result.execution);
        result.expect_end(Status::Crashed, &StateAfter::Restored { from })?;
        ensure_eq("cause", result.outcome.crash.clone(), Some(cause))?;
        session.run("x").await?.expect_value("[1]")?;
    }
    Ok(())
}

async fn changes_of_a_transaction_that_was_undone_are_none(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let result = session.run(under(commit_on_success(TransactionScope::Bindings), "x = 2; y = 3; 1/0")).await?;
    result.expect_status(Status::Failed)?;
    ensure_eq("what changed", result.outcome.changes.clone(), hibernaculum_core::Changes::default())
}

async fn a_deadline_that_the_code_made_its_own_exception_has_failed(cx: &Context) -> Outcome {
    let code = "import time\ny = 2\ntry: time.sleep(60)\nexcept KeyboardInterrupt: raise ValueError('too slow') from None";
    let limit = Duration::from_millis(400);
    for scope in [TransactionScope::Memory, TransactionScope::Bindings] {
        let session = cx.session().await?;
        session.run("y = 1").await?.expect_completed()?;
        let policy = TransactionPolicy::RollbackOnFailure { scope };
        let result = session.run(under(policy, code).timeout(limit)).await?;
        let from = match scope {
            TransactionScope::Memory => RestoredFrom::Guard(result.execution),
            _ => RestoredFrom::Bindings(result.execution),
        };
        result.expect_end(Status::TimedOut, &StateAfter::Restored { from })?;
        ensure_eq("exception", result.error().map(|error| error.type_name.as_str()), Some("ValueError"))?;
        session.run("y").await?.expect_value("1")?;
        // What the interrupt itself ended is kept, as the table says.
        let result = session.run(under(policy, "import time\ny = 3\ntime.sleep(60)").timeout(limit)).await?;
        result.expect_end(Status::TimedOut, &StateAfter::Kept)?;
        session.run("y").await?.expect_value("3")?;
    }
    Ok(())
}
