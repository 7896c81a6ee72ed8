//! The mock backend: what a test costs that makes a scripted backend, a sandbox and a session, executes, and closes all of it (at most 300 us),
//! and a thousand sessions of one (at most a second). There is no floor beside them: a bare Python does nothing comparable.

#![expect(clippy::expect_used, reason = "a bench that cannot run says so by a panic")]

use criterion::Criterion;
use hibernaculum::mock::{Script, when};
use hibernaculum::{Error, Sandbox, SandboxSpec};
use hibernaculum_benches::Bench;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Bench::runtime().expect("a runtime is made");
    let mut group = criterion.benchmark_group("scripted");
    group.bench_function("backend_sandbox_session_execute_close", |bencher| {
        bencher.iter(|| runtime.block_on(sessions(1)).expect("the script is kept to"));
    });
    group.sample_size(10).bench_function("a_thousand_sessions", |bencher| {
        bencher.iter(|| runtime.block_on(sessions(1000)).expect("the script is kept to"));
    });
    group.finish();
    criterion.final_summary();
}

/// A backend, a sandbox, and so many sessions, each with one execution.
async fn sessions(count: u64) -> Result<(), Error> {
    let mock = Script::in_order([when("1 + 1").value(2).times(count)]).backend()?;
    let sandbox = Sandbox::create(&mock.backend(), SandboxSpec::default()).await?;
    for _ in 0..count {
        let session = sandbox.session().await?;
        session.execute("1 + 1").await?;
        session.close().await?;
    }
    sandbox.close().await?;
    mock.verify().await;
    Ok(())
}
