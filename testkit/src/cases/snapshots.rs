//! Snapshots of whole sandboxes: files and the states of sessions, out of one sandbox, into another.

use hibernaculum_core::{SnapshotId, SnapshotInfo};

use crate::prelude::*;

const SNAPSHOTS: Need = Need::Feature(Feature::SandboxSnapshots);

cases! { "snapshots":
    a_snapshot_brings_files_and_sessions_back [SNAPSHOTS],
    a_snapshot_outlives_its_sandbox [SNAPSHOTS],
    what_files_are_is_kept [SNAPSHOTS],
    installed_packages_come_along [SNAPSHOTS],
    what_a_snapshot_cannot_hold_is_told [SNAPSHOTS],
    a_snapshot_is_taken_of_many_sessions_and_restored_many_times [SNAPSHOTS],
    a_fork_is_a_sandbox_of_its_own [SNAPSHOTS],
    a_snapshot_waits_for_what_runs [SNAPSHOTS],
    a_snapshot_of_unchanged_files_stores_nothing_again [SNAPSHOTS],
    a_crashed_session_is_left_out_and_told [SNAPSHOTS],
    a_deleted_snapshot_is_gone [SNAPSHOTS],
    a_restore_that_fails_leaves_no_sandbox [SNAPSHOTS],
    names_of_snapshots_that_make_no_sense_are_refused [SNAPSHOTS],
}

async fn restored(cx: &Context, snapshot: &SnapshotId) -> Result<Sandbox, Failure> {
    Ok(Sandbox::restore(cx.backend(), snapshot, cx.spec()).await?)
}

/// The snapshot is deleted at the end, so that the suite leaves nothing in the store.
async fn taken(cx: &Context) -> Result<SnapshotInfo, Failure> {
    Ok(cx.sandbox().await?.snapshot(None).await?)
}

/// The one session of a sandbox.
async fn only(cx: &Context, sandbox: &Sandbox) -> Result<Session, Failure> {
    let mut sessions = cx.backend().sessions(&sandbox.id()).await?;
    ensure_eq("sessions", sessions.len(), 1)?;
    let session = sessions.remove(0);
    Ok(Session::of(cx.backend(), session.id))
}

async fn gone(cx: &Context, snapshot: &SnapshotId) -> Outcome {
    cx.backend().delete_snapshot(snapshot).await?;
    Ok(())
}

async fn a_snapshot_brings_files_and_sessions_back(cx: &Context) -> Outcome {
    let session = cx.session_with(SessionSpec::default().label("is", "the first")).await?;
    session.run("rows = [1, 2]\ndef double(x): return 2 * x\nopen('a.txt', 'w').write('content')").await?.expect_completed()?;
    let snapshot = cx.sandbox().await?.snapshot(Some("before".to_owned())).await?;
    ensure_eq("name", snapshot.name.as_deref(), Some("before"))?;
    ensure_eq("sandbox", snapshot.sandbox, cx.sandbox().await?.id())?;
    ensure_eq("sessions and files", (snapshot.sessions, snapshot.files), (1, 1))?;
    ensure("it has a size", snapshot.size.as_u64() > 0)?;
    session.run("rows.append(3); open('a.txt', 'w').write('later')").await?.expect_completed()?;
    let sandbox = restored(cx, &snapshot.id).await?;
    let again = only(cx, &sandbox).await?;
    ensure("it has an id of its own while the other lives", again.id() != session.id())?;
    again.run("rows, double(21), open('a.txt').read()").await?.expect_value("([1, 2], 42, 'content')")?;
    ensure_eq("label", again.info().await?.labels.get("is").map(String::as_str), Some("the first"))?;
    session.run("len(rows)").await?.expect_value("3")?;
    sandbox.close().await?;
    gone(cx, &snapshot.id).await
}

async fn a_snapshot_outlives_its_sandbox(cx: &Context) -> Outcome {
    let first = cx.new_sandbox(cx.spec()).await?;
    let session = first.session().await?;
    session.run("x = 41; open('f', 'w').write('f')").await?.expect_completed()?;
    let (id, snapshot) = (session.id(), first.snapshot(None).await?);
    drop(session);
    first.close().await?;
    let all = cx.backend().snapshots().await?;
    ensure("it is listed", all.contains(&snapshot))?;
    let sandbox = restored(cx, &snapshot.id).await?;
    let again = only(cx, &sandbox).await?;
    ensure_eq("the session's id", again.id(), id)?;
    again.run("x + len(open('f').read())").await?.expect_value("42")?;
    ensure_eq("count", again.info().await?.executions, 2)?;
    sandbox.close().await?;
    gone(cx, &snapshot.id).await
}

async fn what_files_are_is_kept(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let make = "import os
os.makedirs('deep/er/still'); os.mkdir('empty')
open('deep/er/still/file', 'wb').write(bytes(range(256)) * 20_000)
open('ein Name mit Ü, \\n und *', 'w').close()
open(b'no \\xff text', 'w').close()
os.symlink('deep/er', 'link'); os.symlink('/no/such/place', 'broken')
open('run.sh', 'w').write('exit 7'); os.chmod('run.sh', 0o750)
os.utime('run.sh', (1_000_000_000, 1_000_000_000)); os.chmod('deep/er', 0o500)";
    session.run(make).await?.expect_completed()?;
    let look = "import os, stat, hashlib
def look(top='.'):
    for here, directories, files in sorted(os.walk(os.fsencode(top))):
        for name in sorted(directories + files):
            path = os.path.join(here, name); info = os.lstat(path); link = stat.S_ISLNK(info.st_mode)
            content = os.readlink(path) if link else open(path, 'rb').read() if stat.S_ISREG(info.st_mode) else b''
            yield path, 0 if link else info.st_mode, hashlib.sha256(content).hexdigest()[:8]
sorted(look()), os.stat('run.sh').st_mtime";
    let before = session.run(look).await?;
    let before = before.expect_completed()?;
    let snapshot = taken(cx).await?;
    ensure_eq("warnings", snapshot.warnings.len(), 0)?;
    let sandbox = restored(cx, &snapshot.id).await?;
    let again = sandbox.session().await?;
    let after = again.run(look).await?;
    ensure_eq("files", after.expect_completed()?.value(), before.value())?;
    again.run("import os; os.chmod('deep/er', 0o700)").await?.expect_completed()?;
    session.run("os.chmod('deep/er', 0o700)").await?.expect_completed()?;
    sandbox.close().await?;
    gone(cx, &snapshot.id).await
}

async fn installed_packages_come_along(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let install = "import os\nplace = os.environ['HIBERNACULUM_PACKAGES']\nopen(place + '/installed.py', 'w').write('x = 42')\nimport installed\nplace";
    let place = session.run(install).await?;
    place.expect_completed()?;
    let snapshot = taken(cx).await?;
    let sandbox = restored(cx, &snapshot.id).await?;
    let again = only(cx, &sandbox).await?;
    again.run("installed.x, installed.__file__.startswith(os.environ['HIBERNACULUM_PACKAGES'])").await?.expect_value("(42, True)")?;
    sandbox.close().await?;
    gone(cx, &snapshot.id).await
}

async fn what_a_snapshot_cannot_hold_is_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let make = "import os
os.mkfifo('fifo'); g = (x for x in 'ab'); next(g); kept = 1
with open('bomb', 'wb') as file: file.truncate(1 << 40)";
    session.run(make).await?.expect_completed()?;
    let snapshot = taken(cx).await?;
    for what in ["files/fifo", "files/bomb"] {
        ensure(&format!("{what} is told: {:?}", snapshot.warnings), snapshot.warnings.iter().any(|line| line.contains(what)))?;
    }
    let sandbox = restored(cx, &snapshot.id).await?;
    let again = only(cx, &sandbox).await?;
    again.run("kept, os.listdir(), 'g' in globals()").await?.expect_value("(1, [], False)")?;
    sandbox.close().await?;
    gone(cx, &snapshot.id).await
}

async fn a_snapshot_is_taken_of_many_sessions_and_restored_many_times(cx: &Context) -> Outcome {
    let mut sessions = Vec::new();
    for n in 0..5 {
        let session = cx.session().await?;
        session.run(format!("n = {n}; open('{n}', 'w').write('{n}')")).await?.expect_completed()?;
        sessions.push(session);
    }
    let snapshot = taken(cx).await?;
    ensure_eq("sessions and files", (snapshot.sessions, snapshot.files), (5, 5))?;
    let (first, second) = tokio::join!(restored(cx, &snapshot.id), restored(cx, &snapshot.id));
    for sandbox in [first?, second?] {
        let mut seen = Vec::new();
        for info in cx.backend().sessions(&sandbox.id()).await? {
            let session = Session::of(cx.backend(), info.id);
            let result = session.run("n + len(__import__('os').listdir())").await?;
            seen.push(result.json().and_then(serde_json::Value::as_u64));
        }
        seen.sort_unstable();
        ensure_eq("what each session knows", seen, (5..10).map(Some).collect::<Vec<_>>())?;
        sandbox.close().await?;
    }
    gone(cx, &snapshot.id).await
}

async fn a_fork_is_a_sandbox_of_its_own(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = [1]; open('f', 'w').write('old')").await?.expect_completed()?;
    let id = cx.sandbox().await?.id();
    let info = cx.backend().fork_sandbox(&id, cx.spec()).await?;
    let twin = Sandbox::of(cx.backend(), info.id);
    ensure("it left no snapshot", cx.backend().snapshots().await?.iter().all(|listed| listed.sandbox != id))?;
    let other = only(cx, &twin).await?;
    other.run("x.append(2); open('f', 'w').write('twin')").await?.expect_completed()?;
    session.run("x, open('f').read()").await?.expect_value("([1], 'old')")?;
    other.run("x, open('f').read()").await?.expect_value("([1, 2], 'twin')")?;
    cx.backend().destroy(&info.id).await?;
    Ok(())
}

async fn a_snapshot_waits_for_what_runs(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut running = session.watch("x = 'before'\nprint('ready')\nimport time; time.sleep(0.3)\nx = 'after'; open('f', 'w').write(x)").await?;
    running.until_output("ready\n").await?;
    let snapshot = taken(cx).await?;
    running.finish().await?.expect_completed()?;
    let sandbox = restored(cx, &snapshot.id).await?;
    only(cx, &sandbox).await?.run("x, open('f').read()").await?.expect_value("('after', 'after')")?;
    sandbox.close().await?;
    gone(cx, &snapshot.id).await
}

async fn a_snapshot_of_unchanged_files_stores_nothing_again(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let noise = cx.noise(20_000_000);
    session.run(format!("open('data', 'wb').write({})", noise.code)).await?.expect_completed()?;
    let (first, second) = (taken(cx).await?, taken(cx).await?);
    ensure_eq("size", second.size, first.size)?;
    gone(cx, &first.id).await?;
    let sandbox = restored(cx, &second.id).await?;
    sandbox.session().await?.run("import os; os.path.getsize('data')").await?.expect_value(&noise.bytes.to_string())?;
    sandbox.close().await?;
    gone(cx, &second.id).await
}

async fn a_crashed_session_is_left_out_and_told(cx: &Context) -> Outcome {
    let (kept, crashed) = (cx.session().await?, cx.session_with(SessionSpec::default().recovery(RecoveryPolicy::None)).await?);
    kept.run("x = 1").await?.expect_completed()?;
    crashed.run("import os; os._exit(9)").await?.expect_status(Status::Crashed)?;
    let snapshot = taken(cx).await?;
    ensure_eq("sessions", snapshot.sessions, 1)?;
    let id = crashed.id().to_string();
    ensure(&format!("it is told: {:?}", snapshot.warnings), snapshot.warnings.iter().any(|line| line.contains(&id)))?;
    gone(cx, &snapshot.id).await
}

async fn a_deleted_snapshot_is_gone(cx: &Context) -> Outcome {
    cx.session().await?.run("x = 1").await?.expect_completed()?;
    let snapshot = taken(cx).await?;
    gone(cx, &snapshot.id).await?;
    gone(cx, &snapshot.id).await?;
    ensure("it is not listed", cx.backend().snapshots().await?.iter().all(|listed| listed.id != snapshot.id))?;
    let error = Sandbox::restore(cx.backend(), &snapshot.id, cx.spec()).await.map(drop).expect_code("checkpoint.no_snapshot")?;
    ensure(&format!("{error} names it"), error.to_string().contains(&snapshot.id.to_string()))
}

async fn a_restore_that_fails_leaves_no_sandbox(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("class Mine:\n    def __reduce__(self): return (eval, (\"__import__('os')._exit(3)\",))\nmine = Mine()").await?.expect_completed()?;
    let snapshot = taken(cx).await?;
    let mut spec = cx.spec();
    spec.labels.insert("of".to_owned(), snapshot.id.to_string());
    let failed = Sandbox::restore(cx.backend(), &snapshot.id, spec).await.map(drop);
    let error = failed.expect_code("session.not_served")?;
    ensure(&format!("{error} names the cause"), error.to_string().contains("code 3"))?;
    let left = cx.backend().list().await?.into_iter().filter(|info| info.labels.contains_key("of"));
    ensure_eq("sandboxes that it left", left.count(), 0)?;
    gone(cx, &snapshot.id).await
}

async fn names_of_snapshots_that_make_no_sense_are_refused(cx: &Context) -> Outcome {
    for name in ["", "two\nlines", &"x".repeat(257)] {
        let error = cx.sandbox().await?.snapshot(Some(name.to_owned())).await.map(drop).expect_code("config.invalid")?;
        ensure(&format!("{error} names the field"), error.to_string().contains("name"))?;
    }
    Ok(())
}
