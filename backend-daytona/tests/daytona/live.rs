//! A real service, where a key for one is at hand. Everything else here is the stand-in.

use hibernaculum_backend_daytona::DaytonaBackend;
use hibernaculum_core::{Sandbox, SandboxSpec};
use hibernaculum_testkit::Requirements;

use crate::scene::within;

#[tokio::test(flavor = "multi_thread")]
async fn a_real_service_runs_code() {
    if std::env::var_os("DAYTONA_API_KEY").is_none() {
        assert!(!Requirements::from_env().demand("daytona-live"), "DAYTONA_API_KEY is not set");
        eprintln!("skipped: DAYTONA_API_KEY is not set, so that no real service was asked");
        return;
    }
    let backend = DaytonaBackend::builder().build().unwrap();
    let sandbox = within(Sandbox::create(&backend, SandboxSpec::default())).await.unwrap();
    let session = within(sandbox.session()).await.unwrap();
    within(session.execute("x = 6 * 7")).await.unwrap();
    assert_eq!(within(session.execute("x")).await.unwrap().value().unwrap().repr, "42");
    within(sandbox.close()).await.unwrap();
}
