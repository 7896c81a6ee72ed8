//! Sandboxes and sessions that are made, closed or destroyed, with their processes and directories.

use hibernaculum_core::Sandbox;

use super::{Den, at_every_poll};
use crate::scene::{run, within};

#[tokio::test]
async fn a_sandbox_that_is_given_up_as_it_is_made_or_ended_is_ended() {
    let den = Den::new().await;
    let spec = || den.scene.spec().build().unwrap();
    at_every_poll(async |at| {
        let made = at.on(Sandbox::create(&den.backend, spec())).await;
        let is_done = made.is_some();
        drop(made);
        den.is_as_it_was(at).await;
        is_done
    })
    .await;
    at_every_poll(async |at| {
        let sandbox = within(Sandbox::create(&den.backend, spec())).await.unwrap();
        let session = within(sandbox.session()).await.unwrap();
        run(&session, "import subprocess; p = subprocess.Popen(['setsid', 'sleep', '600'])").await;
        session.keep();
        let is_done = at.on(sandbox.close()).await.is_some();
        den.is_as_it_was(at).await;
        is_done
    })
    .await;
    den.close().await;
}

#[tokio::test]
async fn a_session_that_is_given_up_as_it_is_opened_or_closed_is_closed() {
    let den = Den::new().await;
    at_every_poll(async |at| {
        let opened = at.on(den.sandbox.session()).await;
        let is_done = opened.is_some();
        drop(opened);
        den.is_as_it_was(at).await;
        is_done
    })
    .await;
    at_every_poll(async |at| {
        let session = within(den.sandbox.session()).await.unwrap();
        run(&session, "import subprocess; p = subprocess.Popen(['setsid', 'sleep', '600'])").await;
        let id = session.id();
        let is_done = at.on(session.close()).await.is_some();
        den.is_as_it_was(at).await;
        // That it is closed already is no error.
        within(den.backend.close_session(&id)).await.unwrap();
        is_done
    })
    .await;
    den.close().await;
}
