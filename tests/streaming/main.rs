//! What goes through the host does not stay in it: its memory while state and files are saved and restored.
//!
//! A process of its own, for it is the process's peak that is measured.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]
#![expect(clippy::print_stdout, reason = "the figures are worth reading, with `--nocapture`")]

use std::fs;
use std::sync::Arc;

use hibernaculum::{Backend, CheckpointRequest, LocalBackend, Sandbox, SandboxSpec, checkpoint_store::Store};

/// What may be held at once, whatever is saved.
const MOST: u64 = 64 << 20;

/// A line of `/proc/self/status`, in bytes.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kib: u64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap();
    kib << 10
}

/// How much more memory the process held at its peak than before.
async fn peak<T>(work: impl Future<Output = T>) -> (T, u64) {
    // Resets the peak (`proc_pid_clear_refs(5)`).
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS");
    let done = work.await;
    let held = status("VmHWM").saturating_sub(before);
    println!("held {} MiB", held >> 20);
    (done, held)
}

#[tokio::test]
async fn three_hundred_megabytes_pass_through_a_few() {
    let scene = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::directory(scene.path()).unwrap());
    let backend: Arc<dyn Backend> = LocalBackend::builder().checkpoint_store(store).build().unwrap();
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let code =
        "import os\nstate = os.urandom(200_000_000)\nopen('data', 'wb').write(os.urandom(100_000_000))";
    assert!(session.execute(code).await.unwrap().is_completed());

    let (saved, held) = peak(session.checkpoint(CheckpointRequest::portable())).await;
    let saved = saved.unwrap();
    assert!(saved.size.as_u64() >= 200_000_000, "{saved:?}");
    assert!(held <= MOST, "a save held {held} bytes");

    let (restored, held) = peak(session.restore(&saved.id)).await;
    restored.unwrap();
    assert!(held <= MOST, "a restore held {held} bytes");

    let (snapshot, held) = peak(sandbox.snapshot(None)).await;
    let snapshot = snapshot.unwrap();
    assert!(snapshot.size.as_u64() >= 300_000_000, "{snapshot:?}");
    assert!(held <= MOST, "a snapshot held {held} bytes");

    let (whole, held) = peak(Sandbox::restore(&backend, &snapshot.id, SandboxSpec::default())).await;
    let whole = whole.unwrap();
    assert!(held <= MOST, "a snapshot that was restored held {held} bytes");
    let size = whole.session().await.unwrap().execute("import os; os.path.getsize('data')").await.unwrap();
    assert_eq!(size.value().unwrap().repr, "100000000");
}
