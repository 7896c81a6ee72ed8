//! What the service says of a sandbox that does not answer.

use hibernaculum_engine::Fate;

use crate::api::{Api, ApiError, Command, State};
use crate::entry::Process;

/// Why it cannot answer; unknown where it should, or the service cannot be asked. One that stands still (`paused`) is woken: all that runs in it goes on.
pub(crate) async fn of_sandbox(api: &Api, which: &str) -> Fate {
    match api.sandbox(which).await {
        // On its way there it takes no order: whoever asks again finds it paused.
        Ok(sandbox) if sandbox.state == State::Pausing => Fate::Unknown,
        Ok(sandbox) if sandbox.state == State::Paused => {
            if let Err(error) = api.start(which).await {
                tracing::debug!(%error, which, "a paused sandbox could not be woken");
            }
            Fate::Unknown
        }
        Ok(sandbox) if sandbox.state.is_at_rest() => Fate::Stopped(format!(
            "the service has put it to rest (`{}`): its files are kept there, its processes are not",
            sandbox.state.name()
        )),
        Ok(sandbox) if sandbox.state.has_failed() => {
            let reason = match sandbox.error_reason.as_str() {
                "" => String::new(),
                reason => format!(": {reason}"),
            };
            Fate::Gone(format!("the service says that it is `{}`{reason}", sandbox.state.name()))
        }
        Err(error) if error.is_gone() => Fate::Gone("the service knows it no more".to_owned()),
        Ok(_) | Err(_) => Fate::Unknown,
    }
}

/// The service, the sandbox and the runner's process: whichever says why nobody answers.
pub(crate) async fn of_runner(api: &Api, sandbox: &str, process: &Process) -> Fate {
    let fate = of_sandbox(api, sandbox).await;
    if fate != Fate::Unknown {
        return fate;
    }
    match process.toolbox.impatient().command(&process.session, &process.command).await {
        Ok(Command { exit_code: Some(exit), .. }) => {
            Fate::Gone(format!("its first process ended with {exit}"))
        }
        Err(error) if is_forgotten(&error) => {
            Fate::Stopped("it was started anew: its files are there, its processes are not".to_owned())
        }
        Ok(_) | Err(_) => Fate::Unknown,
    }
}

/// The toolbox itself says that it knows nothing of the process. A proxy's 404 has other words, or none.
fn is_forgotten(error: &ApiError) -> bool {
    match error {
        ApiError::Refused(refusal) => error.is_gone() && !refusal.said.is_empty(),
        _ => false,
    }
}
