//! A retry policy, tested with faults: what a program does when calls fail, and a sandbox breaks.
//! `cargo test -p hibernaculum-tests --test retries_with_faults`

use hibernaculum::mock::faults::{CallFault, CallFaults, Faulty, InjectedError, When};
use hibernaculum::mock::{Script, when};
use hibernaculum::{Error, Retry, Sandbox, SandboxSpec};
use std::time::Duration;

/// The policy: what is safe to try again is tried up to four times, each time after twice as long.
async fn patiently<T>(mut call: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut pause = Duration::from_secs(1);
    loop {
        match call().await {
            Err(error) if error.retry() != Retry::Never && pause < Duration::from_secs(8) => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            done => return done,
        }
    }
}

/// Runs one line under the policy while `execute` fails with this code, as often as the plan says. How long it took, by tokio's clock.
async fn under(code: &str, often: When) -> Result<(Result<(), String>, u64), Error> {
    let mock = Script::in_order([when("1 + 1").value(2).optional()]).backend()?;
    let plan = CallFaults::seeded(7).fault("execute", often, CallFault::Error(InjectedError::of(code)?));
    let faulty = Faulty::new(mock.backend(), plan)?;
    let sandbox = Sandbox::create(&faulty.backend(), SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    let began = tokio::time::Instant::now();
    let done = patiently(async || session.execute("1 + 1").await).await;
    let took = began.elapsed().as_secs();
    sandbox.close().await?;
    mock.verify().await;
    Ok((done.map(drop).map_err(|error| error.code().to_owned()), took))
}

#[tokio::test(start_paused = true)]
async fn what_is_safe_to_try_again_is_tried_again_and_nothing_else() -> Result<(), Error> {
    assert_eq!(under("session.busy", When::First(2)).await?, (Ok(()), 1 + 2));
    assert_eq!(under("session.busy", When::Always).await?, (Err("session.busy".to_owned()), 1 + 2 + 4));
    // Whether the code ran is not known: to run it twice is not for a policy to decide.
    assert_eq!(under("transport.broken", When::First(1)).await?, (Err("transport.broken".to_owned()), 0));
    Ok(())
}
