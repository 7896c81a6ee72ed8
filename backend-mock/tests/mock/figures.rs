//! That tests with scripts are fast. `cargo bench -p hibernaculum-benches --bench scripted` has the figures; a test only sees to their order.

use std::time::{Duration, Instant};

use hibernaculum_backend_mock::{Script, when};
use hibernaculum_core::{Sandbox, SandboxSpec};

/// What this is not built to be, and a machine that does other things beside: so many times as slow as a quiet release build.
const LENIENCE: u32 = 10;

#[tokio::test]
async fn a_thousand_scripted_sessions_take_a_second_at_most() {
    let mock = Script::any_order([when("1 + 1").value(2).times(1000)]).backend().unwrap();
    let began = Instant::now();
    let sandbox = Sandbox::create(&mock.backend(), SandboxSpec::default()).await.unwrap();
    let mut sessions = Vec::new();
    for _ in 0..1000 {
        let session = sandbox.session().await.unwrap();
        assert_eq!(session.execute("1 + 1").await.unwrap().json(), Some(&2.into()));
        sessions.push(session);
    }
    assert_eq!(sandbox.info().await.unwrap().sessions, 1000);
    for session in sessions {
        session.close().await.unwrap();
    }
    sandbox.close().await.unwrap();
    mock.verify().await;
    assert!(began.elapsed() < Duration::from_secs(1) * LENIENCE, "it took {:?}", began.elapsed());
}
