//! How a sandbox is made at the service: once, whatever becomes of the answers.
//!
//! ```text
//!  POST ──┬─ an answer (perhaps a stale one) ──────────────▶ wait: GET until it is started
//!         ├─ no answer, a proxy's, or "the name is taken" ─▶ is it there under its name? ─ yes ─▶ wait
//!         │                                                                    └─ no ──▶ POST again, under the same name
//!         └─ refused ──▶ the error; where no earlier order is in doubt there is nothing to delete
//! ```

use std::time::Duration;

use hibernaculum_core::{Error, SandboxId};
use tokio::time::sleep;

use crate::api::{Api, ApiError, CreateSandbox, Meaning, Sandbox, State};
use crate::ending::Ending;
use crate::labels;
use crate::trouble::{not_started, trouble};

const CREATING: &str = "creating a sandbox";
/// How often an order is placed whose answers were lost.
const ORDERS: u32 = 4;
/// How often it is looked for after that, and how long is waited in between: it appears a moment after it was ordered.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(400);
/// How often a sandbox is asked about, from the first time on.
const FIRST_PAUSE: Duration = Duration::from_millis(40);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A sandbox that was just made may be unknown to whoever is asked: how often that is forgiven.
const UNKNOWN: u32 = 12;
/// How often a sandbox may be seen at rest until it is started: what is seen may be what was.
const AT_REST: u32 = 4;

/// Orders a sandbox and waits until it is started; its ending is told whether there is anything to end.
pub(crate) async fn make(
    api: &Api,
    order: &CreateSandbox,
    sandbox: SandboxId,
    ending: &Ending,
) -> Result<Sandbox, Error> {
    let mut problem = None;
    for _ in 0..ORDERS {
        let made = match api.create(order).await {
            Ok(made) => Some(made),
            Err(error) if error.is_unclear() || error.meaning() == Some(Meaning::Taken) => {
                tracing::debug!(%error, name = order.name, "whether the sandbox was made is not known");
                problem = Some(error);
                find(api, &order.name, sandbox).await.map_err(|error| trouble(CREATING, error))?
            }
            Err(error) => {
                if problem.is_none() {
                    ending.release();
                }
                return Err(trouble(CREATING, error));
            }
        };
        if let Some(made) = made {
            ending.born();
            let which = if made.id.is_empty() { &order.name } else { &made.id };
            return started(api, which).await;
        }
    }
    Err(problem.map_or_else(|| not_started("it was not made"), |error| trouble(CREATING, error)))
}

/// Looks for a sandbox whose making was not answered.
async fn find(api: &Api, name: &str, sandbox: SandboxId) -> Result<Option<Sandbox>, ApiError> {
    for _ in 0..LOOKS {
        if let Some(found) = found(api.sandbox(name).await)? {
            return Ok(Some(found));
        }
        for listed in api.list(&labels::search(sandbox)).await? {
            // The list may tell of what is gone, or was never there: only the sandbox itself is believed.
            let asked = found(api.sandbox(&listed.id).await)?;
            if let Some(asked) = asked.filter(|asked| labels::sandbox(&asked.labels) == Some(sandbox)) {
                return Ok(Some(asked));
            }
        }
        sleep(BETWEEN_LOOKS).await;
    }
    Ok(None)
}

fn found(answer: Result<Sandbox, ApiError>) -> Result<Option<Sandbox>, ApiError> {
    match answer {
        Ok(sandbox) => Ok(Some(sandbox)),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Starts one that is at rest, and waits until it is started. The caller bounds it in time.
pub(crate) async fn again(api: &Api, which: &str) -> Result<Sandbox, Error> {
    let mut pause = FIRST_PAUSE;
    loop {
        match api.sandbox(which).await.map_err(|error| trouble("asking for a sandbox", error))?.state {
            // On its way to rest it takes no order.
            State::Stopping | State::Archiving | State::Pausing => sleep(pause).await,
            State::Stopped | State::Archived | State::Paused => break,
            _ => return started(api, which).await,
        }
        pause = (pause * 5 / 4).min(LONGEST_PAUSE);
    }
    start(api, which).await?;
    started(api, which).await
}

/// Orders a start. One that is refused may have been carried out before, for whoever asked: what became of the sandbox counts.
async fn start(api: &Api, which: &str) -> Result<(), Error> {
    let Err(error) = api.start(which).await else { return Ok(()) };
    tracing::debug!(%error, which, "a start was refused");
    match api.sandbox(which).await {
        Ok(sandbox) if !sandbox.state.is_at_rest() => Ok(()),
        _ => Err(trouble("starting a sandbox", error)),
    }
}

/// Waits until a sandbox is started. There is no end to it but a failure: the caller bounds it in time.
pub(crate) async fn started(api: &Api, which: &str) -> Result<Sandbox, Error> {
    let (mut pause, mut unknown, mut at_rest) = (FIRST_PAUSE, 0, 0);
    loop {
        match api.sandbox(which).await {
            Ok(sandbox) if sandbox.state == State::Started => return Ok(sandbox),
            Ok(sandbox) if sandbox.state.has_failed() => {
                let (state, reason) = (sandbox.state.name(), sandbox.error_reason.as_str());
                let reason = if reason.is_empty() { "the service gives no reason" } else { reason };
                return Err(not_started(format!("the service says that it is `{state}`: {reason}")));
            }
            Ok(sandbox) if sandbox.state.is_at_rest() => {
                at_rest += 1;
                if at_rest % AT_REST == 0 {
                    start(api, which).await?;
                }
            }
            Ok(_) => at_rest = 0,
            Err(error) if error.is_gone() && unknown < UNKNOWN => unknown += 1,
            Err(error) => return Err(trouble("asking for a sandbox", error)),
        }
        sleep(pause).await;
        pause = (pause * 5 / 4).min(LONGEST_PAUSE);
    }
}
