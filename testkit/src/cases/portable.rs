//! Portable checkpoints: what they hold, where they come back, and what they leave alone.

use std::time::Duration;

use hibernaculum_core::{ByteSize, CheckpointId, CheckpointLimits, CheckpointRequest, Manifest, Treatment};

use crate::prelude::*;

const PORTABLE: Need = Need::Feature(Feature::PortableCheckpoints);

cases! { "portable":
    smoke a_portable_checkpoint_brings_the_names_back [PORTABLE],
    what_two_names_share_is_shared_when_it_is_back [PORTABLE],
    a_restored_function_sees_later_rebindings [PORTABLE],
    what_cannot_be_saved_is_told_and_the_rest_is_there [PORTABLE],
    a_variable_over_its_cap_is_left_out_and_told [PORTABLE],
    a_second_save_of_the_same_stores_nothing_again [PORTABLE],
    a_checkpoint_wakes_in_another_sandbox [PORTABLE],
    a_checkpoint_branches_into_many_sessions [PORTABLE],
    a_hibernated_session_wakes_with_its_id_its_history_and_its_count [PORTABLE],
    a_session_that_could_not_hibernate_goes_on [PORTABLE],
    what_was_lost_before_a_session_is_put_to_sleep_is_told_with_it [PORTABLE],
    a_restore_of_what_is_not_there_leaves_the_session [PORTABLE],
    a_portable_checkpoint_knows_its_parent [PORTABLE],
    a_deleted_portable_checkpoint_is_gone [PORTABLE],
    the_host_never_unpickles [PORTABLE],
    a_save_takes_its_turn [PORTABLE],
    a_save_that_never_ends_meets_its_deadline_and_keeps_the_session [PORTABLE, INTERRUPT],
    a_save_that_is_dropped_leaves_the_session [PORTABLE, INTERRUPT],
    a_session_that_dies_while_it_is_saved_leaves_nothing_published [PORTABLE],
    a_session_that_dies_while_it_is_restored_is_told [PORTABLE],
    what_did_not_come_back_with_a_checkpoint_is_told_by_the_next_execution [PORTABLE],
    a_hundred_megabytes_go_and_come_back [PORTABLE],
    names_of_checkpoints_that_make_no_sense_are_refused [PORTABLE],
}

fn portable() -> CheckpointRequest {
    CheckpointRequest::portable()
}

async fn manifest(cx: &Context, id: &CheckpointId) -> Result<Manifest, Failure> {
    Ok(cx.backend().manifest(id).await?)
}

async fn a_portable_checkpoint_brings_the_names_back(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import json\nrows = [1, 2.5, 'three', None]\ndef double(x): return 2 * x").await?.expect_completed()?;
    let saved = session.checkpoint(portable().name("three names")).await?;
    ensure_eq("name", saved.name.as_deref(), Some("three names"))?;
    ensure_eq("session", saved.session, session.id())?;
    session.run("rows = None; del double, json; other = 1").await?.expect_completed()?;
    session.restore(&saved.id).await?;
    session.run("json.dumps(rows), double(21), 'other' in globals()").await?.expect_value(
        "('[1, 2.5, \"three\", null]', 42, False)",
    )?;
    ensure("it is listed", session.checkpoints().await?.iter().any(|listed| listed.id == saved.id))?;
    let told = manifest(cx, &saved.id).await?;
    let names: Vec<_> = told.variables.iter().filter(|v| v.is_saved()).map(|v| v.name.as_str()).collect();
    ensure("the manifest tells the names", ["rows", "double"].iter().all(|name| names.contains(name)))?;
    ensure_eq("Python", told.python, session.info().await?.python)
}

async fn what_two_names_share_is_shared_when_it_is_back(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("a = [1]; b = {'a': a}; a.append(b)").await?.expect_completed()?;
    let saved = session.checkpoint(portable()).await?;
    session.run("del a, b").await?.expect_completed()?;
    session.restore(&saved.id).await?;
    session.run("a[1] is b, b['a'] is a, len(a)").await?.expect_value("(True, True, 2)")?;
    Ok(())
}

async fn a_restored_function_sees_later_rebindings(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("step = 1\ndef advance(x): return x + step").await?.expect_completed()?;
    let saved = session.checkpoint(portable()).await?;
    session.restore(&saved.id).await?;
    session.run("step = 10; advance(1)").await?.expect_value("11")?;
    Ok(())
}

async fn what_cannot_be_saved_is_told_and_the_rest_is_there(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("kept = 'kept'; running = (x for x in [1, 2]); next(running)").await?.expect_completed()?;
    let saved = session.checkpoint(portable()).await?;
    let told = manifest(cx, &saved.id).await?;
    let running = told.variables.iter().find(|variable| variable.name == "running");
    let why = match running.map(|running| &running.treatment) {
        Some(Treatment::Skipped(why)) => why.clone(),
        other => return Err(Failure::new(format!("a running generator was told as {other:?}"))),
    };
    ensure("a reason is a sentence", why.len() > 10)?;
    session.run("del kept, running").await?.expect_completed()?;
    session.restore(&saved.id).await?;
    session.run("kept, 'running' in globals()").await?.expect_value("('kept', False)")?;
    Ok(())
}

async fn a_variable_over_its_cap_is_left_out_and_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("large = b'x' * 300_000; small = 1").await?.expect_completed()?;
    let limits = CheckpointLimits::default().variable(ByteSize::kib(100));
    let saved = session.checkpoint(portable().limits(limits)).await?;
    let told = manifest(cx, &saved.id).await?;
    let is_saved = |name: &str| told.variables.iter().any(|variable| variable.name == name && variable.is_saved());
    ensure_eq("saved", (is_saved("large"), is_saved("small")), (false, true))?;
    // It is only left out: the session still has it.
    session.run("len(large)").await?.expect_value("300000")?;
    Ok(())
}

async fn a_second_save_of_the_same_stores_nothing_again(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let noise = cx.noise(3_000_000);
    session.run(format!("data = {}", noise.code)).await?.expect_completed()?;
    let first = manifest(cx, &session.checkpoint(portable()).await?.id).await?;
    let second = manifest(cx, &session.checkpoint(portable()).await?.id).await?;
    ensure("the first stored it", first.added >= ByteSize::bytes(noise.least))?;
    ensure("the second did not", second.added.as_u64() <= (noise.least / 4).min(64 << 10))?;
    ensure("both hold it", second.raw >= ByteSize::bytes(noise.bytes))
}

async fn a_checkpoint_wakes_in_another_sandbox(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("class Point:\n    def __init__(self, x): self.x = x\npoint = Point(7)").await?.expect_completed()?;
    let saved = session.checkpoint(portable()).await?;
    let elsewhere = cx.new_sandbox(cx.spec()).await?;
    let woken = elsewhere.wake(&saved.id).await?;
    ensure("it has an id of its own while the other lives", woken.id() != session.id())?;
    woken.run("point.x, isinstance(point, Point)").await?.expect_value("(7, True)")?;
    woken.run("point.x = 8").await?.expect_completed()?;
    session.run("point.x").await?.expect_value("7")?;
    elsewhere.close().await?;
    Ok(())
}

async fn a_checkpoint_branches_into_many_sessions(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("path = ['root']").await?.expect_completed()?;
    let saved = session.checkpoint(portable()).await?;
    for name in ["left", "right"] {
        let branch = cx.backend().branch(&saved.id, SessionSpec::default()).await?;
        let branch = Session::of(cx.backend(), branch.id);
        branch.run(format!("path.append({name:?}); path")).await?.expect_value(&format!("['root', '{name}']"))?;
        branch.close().await?;
    }
    session.run("path").await?.expect_value("['root']")?;
    Ok(())
}

async fn a_hibernated_session_wakes_with_its_id_its_history_and_its_count(cx: &Context) -> Outcome {
    let sandbox = cx.sandbox().await?;
    let session = cx.session_with(SessionSpec::default()).await?;
    session.run("40 + 1").await?.expect_value("41")?;
    session.run("def f():\n    return 'source'").await?.expect_completed()?;
    let (id, before) = (session.id(), session.info().await?);
    let saved = session.hibernate(portable()).await?;
    cx.backend().session(&id).await.expect_code("session.closed")?;
    let woken = sandbox.wake(&saved.id).await?;
    ensure_eq("id", woken.id(), id)?;
    ensure_eq("executions", woken.info().await?.executions, before.executions)?;
    let result = woken.run("Out[1], _").await?;
    result.expect_value("(41, 41)")?;
    ensure_eq("execution count", result.outcome.count, 3)?;
    woken.run("import inspect; inspect.getsource(f)").await?.expect_value("\"def f():\\n    return 'source'\\n\"")?;
    Ok(())
}

async fn a_session_that_could_not_hibernate_goes_on(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("class Slow:\n    def __reduce__(self):\n        import time; time.sleep(600)\nslow, x = Slow(), 1").await?;
    let (backend, id) = (cx.backend(), session.id());
    let refused = backend.hibernate(&id, portable().timeout(Duration::from_millis(300))).await;
    refused.expect_code("session.not_served")?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn what_was_lost_before_a_session_is_put_to_sleep_is_told_with_it(cx: &Context) -> Outcome {
    let sandbox = cx.sandbox().await?;
    let session = cx.session_with(SessionSpec::default()).await?;
    let dies = "import os, threading\nx = 1\nthreading.Timer(0.05, os._exit, [7]).start()";
    session.run(dies).await?.expect_completed()?;
    eventually("the death is counted", || async {
        let info = session.info().await.map_err(|error| error.to_string())?;
        if info.crashes == 1 { Ok(()) } else { Err(format!("{info:?}")) }
    })
    .await?;
    let is_told = |warnings: &[String]| warnings.iter().any(|warning| warning.contains("state was lost before"));
    let saved = session.checkpoint(portable()).await?;
    ensure("what is kept tells what was lost", is_told(&saved.warnings))?;
    // No execution comes that could tell it.
    let asleep = session.hibernate(portable()).await?;
    ensure("what sleeps tells what was lost", is_told(&asleep.warnings))?;
    ensure("the store knows it, too", is_told(&manifest(cx, &asleep.id).await?.info.warnings))?;
    let woken = sandbox.wake(&asleep.id).await?;
    woken.run("'x' in globals()").await?.expect_value("False")?;
    let again = woken.checkpoint(portable()).await?;
    ensure("it is told once", !is_told(&again.warnings))
}

async fn a_restore_of_what_is_not_there_leaves_the_session(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let unknown = CheckpointId::new();
    session.restore(&unknown).await.expect_code("checkpoint.unknown")?;
    cx.backend().manifest(&unknown).await.expect_code("checkpoint.unknown")?;
    cx.sandbox().await?.wake(&unknown).await.expect_code("checkpoint.unknown")?;
    cx.backend().delete_checkpoint(&unknown).await?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn a_portable_checkpoint_knows_its_parent(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let first = session.checkpoint(portable()).await?;
    let second = session.checkpoint(portable()).await?;
    session.restore(&first.id).await?;
    let third = session.checkpoint(portable()).await?;
    ensure_eq("parents", [first.parent, second.parent, third.parent], [None, Some(first.id), Some(first.id)])?;
    let listed: Vec<_> = session.checkpoints().await?.into_iter().map(|listed| listed.id).collect();
    ensure_eq("the oldest first", listed, vec![first.id, second.id, third.id])
}

async fn a_deleted_portable_checkpoint_is_gone(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let (first, second) = (session.checkpoint(portable()).await?, session.checkpoint(portable()).await?);
    cx.backend().delete_checkpoint(&first.id).await?;
    cx.backend().delete_checkpoint(&first.id).await?;
    session.restore(&first.id).await.expect_code("checkpoint.unknown")?;
    // The child needs nothing of its parent.
    session.restore(&second.id).await?;
    let left: Vec<_> = cx.backend().stored_checkpoints().await?.into_iter().map(|stored| stored.id).collect();
    ensure_eq("left", (left.contains(&first.id), left.contains(&second.id)), (false, true))
}

/// Unpickling runs code: the canary sings then, and says where.
async fn the_host_never_unpickles(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let canary = "
import os
class Canary:
    def __getstate__(self): return {'a': 1}
    def __setstate__(self, state):
        with open('sang', 'a') as song: song.write(str(os.getpid()) + ' ')
canary = Canary()";
    session.run(canary).await?.expect_completed()?;
    let saved = session.checkpoint(portable()).await?;
    manifest(cx, &saved.id).await?;
    cx.backend().stored_checkpoints().await?;
    session.run("os.path.exists('sang')").await?.expect_value("False")?;
    session.restore(&saved.id).await?;
    session.run("open('sang').read() == str(os.getpid()) + ' '").await?.expect_value("True")?;
    Ok(())
}

async fn a_save_takes_its_turn(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let first = session.start("import time; time.sleep(0.2); x = 'after'").await?;
    let saved = session.checkpoint(portable()).await?;
    first.await?.expect_completed()?;
    session.run("x = 'later'").await?.expect_completed()?;
    session.restore(&saved.id).await?;
    session.run("x").await?.expect_value("'after'")?;
    Ok(())
}

async fn a_save_that_never_ends_meets_its_deadline_and_keeps_the_session(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("class Slow:\n    def __reduce__(self):\n        while True: pass\nslow, x = Slow(), 1").await?;
    let late = session.checkpoint(portable().timeout(Duration::from_millis(300))).await;
    late.expect_code("session.not_served")?;
    session.run("x").await?.expect_value("1")?;
    ensure_eq("published", session.checkpoints().await?.len(), 0)
}

async fn a_save_that_is_dropped_leaves_the_session(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("class Slow:\n    def __reduce__(self):\n        while True: pass\nslow, x = Slow(), 1").await?;
    let dropped = tokio::time::timeout(Duration::from_millis(200), session.checkpoint(portable())).await;
    ensure("it was under way", dropped.is_err())?;
    session.run("x").await?.expect_value("1")?;
    ensure_eq("published", session.checkpoints().await?.len(), 0)
}

async fn a_session_that_dies_while_it_is_saved_leaves_nothing_published(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let noise = cx.noise(20_000_000).code;
    let deadly = format!("import os\nclass Deadly:\n    def __reduce__(self): os._exit(3)\nlarge, deadly = {noise}, Deadly()");
    session.run(deadly).await?.expect_completed()?;
    session.checkpoint(portable()).await.expect_code("session.not_served")?;
    ensure_eq("published", session.checkpoints().await?.len(), 0)?;
    session.run("'large' in globals()").await?.expect_value("False")?;
    Ok(())
}

async fn a_session_that_dies_while_it_is_restored_is_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let noise = cx.noise(20_000_000).code;
    let deadly = format!(
        "
import os
class Deadly:
    def __getstate__(self): return {{'a': 1}}
    def __setstate__(self, state): os._exit(3)
large, deadly = {noise}, Deadly()"
    );
    session.run(deadly).await?.expect_completed()?;
    let saved = session.checkpoint(portable()).await?;
    session.restore(&saved.id).await.expect_code("session.not_served")?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn a_hundred_megabytes_go_and_come_back(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let noise = cx.noise(100_000_000);
    session
        .run(format!("import hashlib; data = bytearray({}); before = hashlib.sha256(data).hexdigest()", noise.code))
        .await?
        .expect_completed()?;
    let saved = session.checkpoint(portable()).await?;
    ensure("it takes little more than it is", saved.size < ByteSize::bytes(noise.bytes / 5 * 6))?;
    session.run("data = None").await?.expect_completed()?;
    session.restore(&saved.id).await?;
    session
        .run("len(data), type(data).__name__, hashlib.sha256(data).hexdigest() == before")
        .await?
        .expect_value(&format!("({}, 'bytearray', True)", noise.bytes))?;
    // Others need the room.
    cx.backend().delete_checkpoint(&saved.id).await?;
    Ok(())
}

async fn names_of_checkpoints_that_make_no_sense_are_refused(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for name in [String::new(), "a\nb".to_owned(), "n".repeat(300)] {
        session.checkpoint(portable().name(name)).await.expect_code("config.invalid")?;
    }
    Ok(())
}

async fn what_did_not_come_back_with_a_checkpoint_is_told_by_the_next_execution(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os\nos.mkdir('den'); os.chdir('den')\nx = 1").await?.expect_completed()?;
    let saved = session.checkpoint(portable()).await?;
    session.run("os.chdir('..'); os.rmdir('den')").await?.expect_completed()?;
    session.restore(&saved.id).await?;
    ensure_eq("what a name is bound to", session.namespace().get("x").await?, 1)?;
    session.run("x").await?.expect_value("1")?.expect_warning("the current directory den is not there")?;
    ensure_eq("what is told once more", session.run("x").await?.outcome.warnings, Vec::<String>::new())?;
    let elsewhere = cx.new_sandbox(cx.spec()).await?;
    let woken = elsewhere.wake(&saved.id).await?;
    woken.run("x").await?.expect_value("1")?.expect_warning("the current directory den is not there")?;
    Ok(())
}
