//! As long as a sandbox is there its control connection is served; where its place stops and can come back, so is the next one.
//!
//! ```text
//!  serve ─▶ it ended ─▶ the place's fate ─┬─ gone ────▶ lost: everybody is told why
//!    ▲                                    └─ stopped ─▶ every session is told that its process is gone ─▶ revive ─┬─▶ lost
//!    └────────────────────────────────────────────────────────────────────── a new supervisor ◀────────────────────┘
//! ```
//!
//! Until the new supervisor is there, whoever opens a connection waits (`Dialer::is_up`), and orders find nothing that they could be about. What only the
//! supervisor knew is told to the new one: the memos of those sessions that are still open.

use std::sync::Arc;

use hibernaculum_core::{Error, SandboxSpec};
use tokio::sync::watch;

use super::control::{Control, End, Told};
use super::dial::Dialer;
use crate::boot::Boot;
use crate::connection::Connection;
use crate::provider::{Fate, Place};

/// What those who wait see of it.
#[derive(Debug)]
pub(crate) struct Signs {
    /// Why the sandbox is gone, once it is.
    pub(crate) lost: watch::Sender<Option<String>>,
    /// Whether its supervisor is there.
    pub(crate) is_up: watch::Sender<bool>,
}

/// Serves control until the sandbox is gone, or everybody who could give orders is. `stopped` is called before any session hears that its process is gone.
pub(crate) async fn live<P: Place>(
    mut control: Control,
    (spec, boot): (SandboxSpec, Boot),
    dialer: Arc<Dialer<P>>,
    signs: Signs,
    stopped: impl Fn() + Send,
) -> End {
    let end = loop {
        let why = match control.serve().await {
            End::Lost(why) if control.is_needed() => why,
            end => break end,
        };
        match dialer.place.fate().await {
            Fate::Stopped(problem) => {
                tracing::warn!(problem, "a sandbox was stopped; it is started again");
                signs.is_up.send_replace(false);
                stopped();
                control.tell_all(|| Told::Stopped(problem.clone())).await;
                let reviving = async {
                    dialer.place.revive(&spec, &boot).await?;
                    dialer.control().await
                };
                match control.wait_for(reviving).await {
                    Ok(Ok(connection)) => control.go_on(connection),
                    Ok(Err(error)) => {
                        break End::Lost(format!("{problem}; it could not be started again: {error}"));
                    }
                    Err(end) => break end,
                }
                signs.is_up.send_replace(true);
            }
            Fate::Gone(why) => break End::Lost(why),
            Fate::Unknown => break End::Lost(why),
        }
    };
    signs.lost.send_replace(Some(match &end {
        End::Lost(why) => why.clone(),
        End::Released => "it was released, and goes on without this program".to_owned(),
    }));
    end
}

impl Control {
    /// Waits for the new connection, while orders go on to come; how it ended, where they end it.
    async fn wait_for(
        &mut self,
        reviving: impl Future<Output = Result<Connection, Error>>,
    ) -> Result<Result<Connection, Error>, End> {
        let mut reviving = std::pin::pin!(reviving);
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => self.obey_without(order)?,
                    None => return Err(End::Lost("nobody uses it any more".to_owned())),
                },
                revived = &mut reviving => return Ok(revived),
            }
        }
    }
}
