//! Portable checkpoints in a directory of this machine: what becomes of them when the store is damaged, newer, foreign or gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use hibernaculum_checkpoint_store::Store;
use hibernaculum_core::{
    BLOB_LIMIT, Backend, CheckpointInfo, CheckpointRecord, CheckpointRequest, CheckpointStore, Error,
    Feature, RecoveryPolicy, RestoredFrom, Sandbox, SandboxSpec, Session, SessionSpec, StateAfter,
};

use crate::scene::Scene;

/// A backend with a store, and a session that was saved once.
struct Den {
    scene: Scene,
    store: Store,
    backend: Arc<dyn Backend>,
    sandbox: Sandbox,
    session: Session,
    saved: CheckpointInfo,
}

impl Den {
    async fn new(code: &str) -> Self {
        let scene = Scene::new();
        let store = Store::directory(scene.path().join("store")).unwrap();
        let backend = scene.builder().checkpoint_store(Arc::new(store.clone())).build().unwrap();
        let sandbox = scene.sandbox(&backend).await;
        let session = sandbox.session().await.unwrap();
        assert!(session.execute(code).await.unwrap().is_completed());
        let saved = session.checkpoint(CheckpointRequest::portable()).await.unwrap();
        session.execute("state = 'untouched'").await.unwrap();
        Self { scene, store, backend, sandbox, session, saved }
    }

    /// The error that a restore ends with; the session must be as it was.
    async fn refusal(&self) -> Error {
        let error = self.session.restore(&self.saved.id).await.unwrap_err();
        let state = self.session.execute("state").await.unwrap();
        assert_eq!(state.value().unwrap().repr, "'untouched'", "after {error}");
        assert_eq!(self.sandbox.wake(&self.saved.id).await.unwrap_err().code(), error.code());
        assert_eq!(self.backend.sessions(&self.sandbox.id()).await.unwrap().len(), 1, "a session was left");
        error
    }

    /// Changes the record and publishes it again, whole.
    async fn republish(&self, change: impl FnOnce(&mut CheckpointRecord)) {
        let mut record = self.store.checkpoint(&self.saved.id).await.unwrap();
        change(&mut record);
        self.store.begin().await.unwrap().publish_checkpoint(&record).await.unwrap();
    }

    fn record(&self) -> PathBuf {
        self.scene.path().join(format!("store/checkpoints/{}.record", self.saved.id))
    }
}

const LARGE: &str = "import os; noise = os.urandom(12_000_000); text = 'text ' * 100_000; state = 'saved'";

#[tokio::test]
async fn a_damaged_checkpoint_is_refused_and_the_session_is_untouched() {
    let den = Den::new(LARGE).await;
    let blobs = files(&den.scene.path().join("store/blobs"));
    assert!(blobs.len() >= 2, "{blobs:?}");
    for blob in &blobs {
        let whole = fs::read(blob).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        // Changed, cut off, longer than any blob can be, gone.
        for damaged in
            [Some(flipped), Some(whole[..whole.len() - 1].to_vec()), Some(vec![0; BLOB_LIMIT + 1]), None]
        {
            match damaged {
                Some(bytes) => fs::write(blob, bytes).unwrap(),
                None => fs::remove_file(blob).unwrap(),
            }
            assert_eq!(den.refusal().await.code(), "checkpoint.corrupt", "{}", blob.display());
        }
        fs::write(blob, whole).unwrap();
    }
    let record = fs::read(den.record()).unwrap();
    for damaged in [&record[..record.len() - 1], &record[..10], &[]] {
        fs::write(den.record(), damaged).unwrap();
        assert_eq!(den.refusal().await.code(), "checkpoint.corrupt");
    }
    // What is whole again can be restored.
    fs::write(den.record(), record).unwrap();
    den.session.restore(&den.saved.id).await.unwrap();
    assert_eq!(den.session.execute("state").await.unwrap().value().unwrap().repr, "'saved'");
}

#[tokio::test]
async fn a_record_that_lies_about_its_blobs_is_refused() {
    let den = Den::new(LARGE).await;
    den.republish(|record| record.blobs.reverse()).await;
    assert_eq!(den.refusal().await.code(), "checkpoint.corrupt");
    den.republish(|record| drop(record.blobs.pop())).await;
    assert_eq!(den.refusal().await.code(), "checkpoint.corrupt");
    den.republish(|record| record.manifest = serde_json::json!(["no manifest"])).await;
    assert_eq!(den.refusal().await.code(), "checkpoint.corrupt");
}

#[tokio::test]
async fn a_checkpoint_of_a_newer_version_is_refused() {
    let den = Den::new(LARGE).await;
    let record = fs::read_to_string(den.record()).unwrap();
    fs::write(den.record(), record.replacen("checkpoint 1", "checkpoint 7", 1)).unwrap();
    let error = den.refusal().await;
    assert_eq!(error.code(), "checkpoint.format");
    assert!(error.to_string().contains("format 7"), "{error}");
    fs::write(den.record(), record).unwrap();
    den.republish(|record| record.manifest["format"] = 9.into()).await;
    assert_eq!(den.refusal().await.code(), "checkpoint.format");
}

#[tokio::test]
async fn a_recovery_passes_over_what_cannot_be_read() {
    let den = Den::new("state = 'saved'").await;
    let spec = SessionSpec::default().recovery(RecoveryPolicy::FromCheckpoint);
    let session = den.sandbox.session_with(spec).await.unwrap();
    session.execute("x = 'older'").await.unwrap();
    let older = session.checkpoint(CheckpointRequest::portable()).await.unwrap().id;
    for word in ["damaged", "newer"] {
        session.execute(format!("x = '{word}'")).await.unwrap();
        let last = session.checkpoint(CheckpointRequest::portable()).await.unwrap().id;
        let path = den.scene.path().join(format!("store/checkpoints/{last}.record"));
        let record = fs::read_to_string(&path).unwrap();
        let unreadable = match word {
            "damaged" => record[..record.len() / 2].to_owned(),
            _ => record.replacen("checkpoint 1", "checkpoint 7", 1),
        };
        fs::write(&path, unreadable).unwrap();
        let ended = session.execute("import os; os._exit(7)").await.unwrap();
        let from = RestoredFrom::Portable(older);
        assert_eq!(ended.state(), &StateAfter::Restored { from }, "{word}: {ended:?}");
        let warnings = ended.outcome.warnings.join("; ");
        assert!(warnings.contains(&format!("the checkpoint {last} did not come back")), "{word}: {warnings}");
        assert_eq!(session.execute("x").await.unwrap().value().unwrap().repr, "'older'");
    }
    let path = den.scene.path().join(format!("store/checkpoints/{older}.record"));
    fs::write(&path, "").unwrap();
    let ended = session.execute("import os; os._exit(7)").await.unwrap();
    assert_eq!(ended.state(), &StateAfter::Lost);
    let warnings = ended.outcome.warnings.join("; ");
    assert!(warnings.contains(&format!("the checkpoint {older} did not come back")), "{warnings}");
}

#[tokio::test]
async fn a_checkpoint_that_needs_another_python_names_both() {
    // A function whose source nobody knows is saved as bytecode, which only its own minor version reads.
    let den = Den::new("exec('def f(): return 1')\nstate = 'saved'").await;
    let here = den.session.info().await.unwrap().python;
    den.republish(|record| record.manifest["python"] = "3.99.1".into()).await;
    let error = den.refusal().await;
    assert_eq!(error.code(), "checkpoint.python");
    let what = error.to_string();
    assert!(what.contains("cpython 3.99.1") && what.contains(&format!("cpython {here}")), "{what}");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_told_and_nothing_is_published() {
    let den = Den::new("state = 'saved'").await;
    let blobs = den.scene.path().join("store/blobs");
    fs::rename(&blobs, den.scene.path().join("aside")).unwrap();
    fs::write(&blobs, "in the way").unwrap();
    den.session.execute("more = 'x' * 1000").await.unwrap();
    let error = den.session.checkpoint(CheckpointRequest::portable()).await.unwrap_err();
    assert_eq!(error.code(), "checkpoint.store");
    let state = den.session.execute("state").await.unwrap();
    assert_eq!(state.value().unwrap().repr, "'untouched'");
    fs::remove_file(&blobs).unwrap();
    fs::rename(den.scene.path().join("aside"), &blobs).unwrap();
    let listed = den.session.checkpoints().await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&den.saved));
    den.session.checkpoint(CheckpointRequest::portable()).await.unwrap();
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused_and_leaves_no_sandbox() {
    let den = Den::new("import os; open('data', 'wb').write(os.urandom(9_000_000)); state = 'saved'").await;
    let snapshot = den.sandbox.snapshot(None).await.unwrap();
    den.backend.delete_checkpoint(&den.saved.id).await.unwrap();
    let record = den.store.snapshot(&snapshot.id).await.unwrap();
    let needed =
        record.archive.iter().chain(record.sessions[0].checkpoint.blobs.iter().map(|named| &named.blob));
    let needed: Vec<_> = needed.map(|blob| blob.blake3.to_string()).collect();
    let blobs: Vec<_> = files(&den.scene.path().join("store/blobs"))
        .into_iter()
        .filter(|path| needed.iter().any(|name| path.to_string_lossy().contains(name)))
        .collect();
    assert!(blobs.len() >= 3, "{blobs:?} of {needed:?}");
    for blob in &blobs {
        let whole = fs::read(blob).unwrap();
        for damaged in [Some(whole[..whole.len() - 1].to_vec()), None] {
            match damaged {
                Some(bytes) => fs::write(blob, bytes).unwrap(),
                None => fs::remove_file(blob).unwrap(),
            }
            let restored = Sandbox::restore(&den.backend, &snapshot.id, SandboxSpec::default()).await;
            assert_eq!(restored.unwrap_err().code(), "checkpoint.corrupt", "{}", blob.display());
            assert_eq!(den.backend.list().await.unwrap().len(), 1, "a sandbox was left");
        }
        fs::write(blob, whole).unwrap();
    }
    let whole = Sandbox::restore(&den.backend, &snapshot.id, SandboxSpec::default()).await.unwrap();
    assert_eq!(den.backend.sessions(&whole.id()).await.unwrap().len(), 1);
    whole.close().await.unwrap();
}

#[tokio::test]
async fn a_blob_beyond_the_limit_is_too_large() {
    let scene = Scene::new();
    let writer = Store::directory(scene.path().join("store")).unwrap().begin().await.unwrap();
    let error = writer.put(Bytes::from(vec![0; BLOB_LIMIT + 1])).await.unwrap_err();
    assert_eq!(error.code(), "checkpoint.too_large");
}

#[tokio::test]
async fn a_branch_needs_the_sandbox_of_its_checkpoint() {
    let den = Den::new("state = 'saved'").await;
    let Den { scene: _scene, backend, sandbox, saved, .. } = den;
    sandbox.close().await.unwrap();
    let error = backend.branch(&saved.id, SessionSpec::default()).await.unwrap_err();
    assert_eq!(error.code(), "checkpoint.refused");
    let elsewhere = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let woken = elsewhere.wake(&saved.id).await.unwrap();
    assert_eq!(woken.execute("state").await.unwrap().value().unwrap().repr, "'saved'");
    elsewhere.close().await.unwrap();
}

#[tokio::test]
async fn another_backend_wakes_what_this_one_put_to_sleep() {
    let scene = Scene::new();
    let store = Store::directory(scene.path().join("store")).unwrap();
    let backend = || scene.builder().checkpoint_store(Arc::new(store.clone())).build().unwrap();
    let first = backend();
    let sandbox = scene.sandbox(&first).await;
    let session = sandbox.session().await.unwrap();
    session.execute("notes = ['winter']").await.unwrap();
    let (id, saved) = (session.id(), session.hibernate(CheckpointRequest::portable()).await.unwrap());
    sandbox.close().await.unwrap();
    drop(first);
    let second = backend();
    let sandbox = scene.sandbox(&second).await;
    let woken = sandbox.wake(&saved.id).await.unwrap();
    assert_eq!(woken.id(), id);
    assert_eq!(woken.execute("notes").await.unwrap().value().unwrap().repr, "['winter']");
    sandbox.close().await.unwrap();
}

#[tokio::test]
async fn without_a_store_there_are_no_portable_checkpoints() {
    let scene = Scene::new();
    let backend = scene.backend();
    // With the feature `checkpoints`, which other packages of a build may turn on, there is one by default.
    let offered = backend.features().supports(Feature::PortableCheckpoints);
    assert_eq!(offered, scene.state().join("checkpoints").is_dir());
    if !offered {
        assert_eq!(backend.stored_checkpoints().await.unwrap_err().code(), "unsupported");
    }
}

/// All files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
