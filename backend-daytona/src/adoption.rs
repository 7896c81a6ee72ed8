//! Sandboxes that outlive their host: found by a label, believed by their id, met at one of the ports that were tried when they were made.
//!
//! ```text
//!  list by label ─▶ GET by id: started? ours? ─▶ knock at each port that it may have ─▶ a tunnel that knows the secret ─▶ DaytonaPlace
//! ```
//!
//! Whether another host has one its tunnel and its supervisor say, when the engine calls.

use futures_util::future::join_all;
use hibernaculum_core::{Error, SandboxId};

use crate::api::{Sandbox, State, Toolbox};
use crate::ending::Ending;
use crate::entry::{Met, Process, doors, ports, shell};
use crate::labels;
use crate::order::name;
use crate::place::DaytonaPlace;
use crate::provider::DaytonaProvider;
use crate::trouble::trouble;
use crate::tunnel::Ask;

impl DaytonaProvider {
    /// The places of this owner's sandboxes that run and may outlive their host, but for those that are known.
    pub(crate) async fn lingering(
        &self,
        known: &[SandboxId],
    ) -> Result<Vec<(SandboxId, DaytonaPlace)>, Error> {
        let listed = self.service.api.list(&labels::of_lingering()).await;
        let listed = listed.map_err(|error| trouble("asking for a list of sandboxes", error))?;
        let strange = listed.into_iter().filter_map(|listed| {
            let id = labels::sandbox(&listed.labels)?;
            (!known.contains(&id)).then_some((id, listed.id))
        });
        let places = join_all(strange.map(|(id, which)| self.place_of(id, which))).await;
        Ok(places.into_iter().flatten().collect())
    }

    async fn place_of(&self, id: SandboxId, which: String) -> Option<(SandboxId, DaytonaPlace)> {
        // The list may tell of what is gone, or has changed: only the sandbox itself is believed.
        let sandbox = self.service.api.sandbox(&which).await.ok()?;
        if sandbox.state != State::Started || labels::sandbox(&sandbox.labels) != Some(id) {
            return None;
        }
        // A fork that somebody made there has our labels, and perhaps our runner with its secret: the name tells which is which.
        if sandbox.name != name(id) {
            tracing::debug!(sandbox = which, "it is a copy of one of ours, and nobody's to adopt");
            return None;
        }
        let met = self.meet_again(&sandbox, id).await;
        let Some(met) = met else {
            tracing::debug!(sandbox = which, "nobody answers there whose secret is ours");
            return None;
        };
        let (window, wall_time) = labels::times(&sandbox.labels);
        let ending = Ending::new(&self.service.api, &sandbox.name);
        ending.born();
        let place =
            self.place(id, sandbox, met, ending, window.unwrap_or(self.service.window), wall_time).ok()?;
        Some((id, place))
    }

    async fn meet_again(&self, sandbox: &Sandbox, id: SandboxId) -> Option<Met> {
        let toolbox = Toolbox::of(&self.service.api, sandbox).await.ok()?;
        let session = shell(id);
        // The last that was begun there: those before found their ports taken.
        let command = toolbox.commands(&session).await.ok()?.pop()?.id;
        let process = Process { toolbox: toolbox.clone(), session, command };
        let secret = self.service.key.secret(id);
        for port in ports(id) {
            for door in doors(&self.service.api, &sandbox.id, &toolbox, self.service.way.get(), port).await {
                // Where nobody has been yet, its maker is on the way.
                if let Ok((_, greeting)) = door.knock(&secret, Ask::WhoIsThere).await
                    && greeting.had_host
                {
                    return Some(Met { ready: greeting.ready, workdir: String::new(), door, process });
                }
            }
        }
        None
    }
}
