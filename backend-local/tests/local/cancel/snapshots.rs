//! Snapshots of a whole sandbox: taken, listed, deleted; sandboxes that are made of one, or of another sandbox.

use hibernaculum_core::{ByteSize, CheckpointStore as _, Sandbox, SandboxSpec, Session};

use super::{Den, at_every_poll};
use crate::scene::{run, value, within};

/// A den with a file in it, and a session that knows something.
async fn full() -> Den {
    let mut den = Den::new().await;
    run(&den.session, "x = 5; open('noise', 'wb').write(__import__('os').urandom(300_000))").await;
    (den.files, den.processes) = (Some(&["noise"][..]), den.processes + 1);
    den
}

impl Den {
    fn twin(&self) -> SandboxSpec {
        self.scene.spec().build().unwrap()
    }

    /// What another sandbox has is what this one has.
    async fn is_twin(&self, twin: &Sandbox) {
        let noise =
            async |sandbox: &Sandbox| within(sandbox.files().read("noise", ByteSize::mib(8))).await.unwrap();
        assert!(noise(&self.sandbox).await == noise(twin).await);
        let sessions = self.backend.sessions(&twin.id()).await.unwrap();
        assert_eq!(sessions.len(), 1);
        let session = Session::of(&self.backend, sessions[0].id);
        assert_eq!(value(&session, "x").await, 5);
    }
}

#[tokio::test]
async fn a_snapshot_that_is_given_up_is_whole_or_not_there() {
    let den = full().await;
    at_every_poll(async |at| {
        let made = at.on(den.sandbox.snapshot(None)).await;
        den.is_as_it_was(at).await;
        let listed = within(den.backend.snapshots()).await.unwrap();
        // What was given up may have been on its way to the store: it is looked at in the next round then.
        let is_listed = made.as_ref().is_none_or(|made| listed.iter().any(|snapshot| snapshot.id == made.id));
        assert!(is_listed, "{at:?}: {listed:?}");
        for snapshot in &listed {
            let record = den.store.snapshot(&snapshot.id).await.unwrap();
            let state = record.sessions[0].checkpoint.blobs.iter().map(|named| &named.blob);
            for blob in record.archive.iter().chain(state) {
                den.store.blob(blob).await.unwrap();
            }
            within(den.backend.delete_snapshot(&snapshot.id)).await.unwrap();
        }
        made.is_some()
    })
    .await;
    den.close().await;
}

#[tokio::test]
async fn snapshots_may_be_looked_at_and_deleted_at_any_point() {
    let den = full().await;
    at_every_poll(async |at| at.on(den.backend.snapshots()).await.is_some()).await;
    at_every_poll(async |at| {
        let made = within(den.sandbox.snapshot(None)).await.unwrap().id;
        let is_done = at.on(den.backend.delete_snapshot(&made)).await.is_some();
        let left = within(den.backend.snapshots()).await.unwrap();
        assert!(!is_done || left.is_empty(), "{at:?}");
        // Asked again it is deleted, or was: no error.
        within(den.backend.delete_snapshot(&made)).await.unwrap();
        assert_eq!(within(den.backend.snapshots()).await.unwrap(), vec![], "{at:?}");
        is_done
    })
    .await;
    den.close().await;
}

#[tokio::test]
async fn a_sandbox_that_is_made_of_a_snapshot_and_given_up_is_ended() {
    let den = full().await;
    let snapshot = within(den.sandbox.snapshot(None)).await.unwrap().id;
    at_every_poll(async |at| {
        let twin = at.on(Sandbox::restore(&den.backend, &snapshot, den.twin())).await;
        let is_done = twin.is_some();
        if let Some(twin) = twin {
            den.is_twin(&twin).await;
            within(twin.close()).await.unwrap();
        }
        den.is_as_it_was(at).await;
        is_done
    })
    .await;
    den.close().await;
}

#[tokio::test]
async fn a_fork_that_is_given_up_is_ended() {
    let den = full().await;
    at_every_poll(async |at| {
        let twin = at.on(den.backend.fork_sandbox(&den.sandbox.id(), den.twin())).await;
        let is_done = twin.is_some();
        if let Some(twin) = twin {
            let twin = Sandbox::of(&den.backend, twin.id);
            den.is_twin(&twin).await;
            within(twin.close()).await.unwrap();
        }
        den.is_as_it_was(at).await;
        is_done
    })
    .await;
    assert_eq!(within(den.backend.snapshots()).await.unwrap(), vec![]);
    den.close().await;
}
