//! Containers that outlive their host: found by their labels, and let go of.
//!
//! ```text
//!  labels: this user's, `hibernaculum.linger`, running ─▶ a place for each: its socket's directory, else execs
//! ```
//!
//! Whether a host has one nobody can tell from here: its supervisor does, when the engine calls.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::ListContainersOptionsBuilder;
use hibernaculum_core::{Error, SandboxId};
use hibernaculum_engine::Ready;
use jiff::Timestamp;

use crate::ending::{Ending, Remains};
use crate::owner;
use crate::place::{DockerPlace, Road};
use crate::provider::{DockerProvider, wind};
use crate::relay::EarlyStreams;
use crate::removal::Removal;
use crate::transport::Transport;
use crate::trouble::failed;

impl DockerProvider {
    /// The places of this user's containers that run and may outlive their host, but for those that are known.
    pub(crate) async fn lingering(
        &self,
        known: &[SandboxId],
    ) -> Result<Vec<(SandboxId, DockerPlace)>, Error> {
        let ours = [format!("{}={}", owner::OWNER, owner::user()), owner::LINGER.to_owned()];
        let filters = HashMap::from([("label".to_owned(), ours.to_vec())]);
        let options = ListContainersOptionsBuilder::default().filters(&filters).build();
        let listed = self.daemon.docker.list_containers(Some(options)).await;
        let listed =
            listed.map_err(|error| failed("the engine does not say which containers it has", error))?;
        Ok(listed.into_iter().filter_map(|container| self.place_of(container, known)).collect())
    }

    fn place_of(&self, container: ContainerSummary, known: &[SandboxId]) -> Option<(SandboxId, DockerPlace)> {
        let labels = container.labels?;
        let id: SandboxId = labels.get(owner::SANDBOX)?.parse().ok()?;
        if known.contains(&id) || container.state != Some(ContainerSummaryStateEnum::RUNNING) {
            return None;
        }
        let name = container.names?.into_iter().next()?.trim_start_matches('/').to_owned();
        let room = self.state.lingering_room(id);
        let docker = self.daemon.docker.clone();
        let road = match room.as_ref().filter(|_| self.way.get() != Transport::Exec) {
            Some(room) => Road::Socket(room.path().to_owned()),
            None => Road::Exec { docker, container: name.clone(), early: EarlyStreams::none() },
        };
        let removal = Removal::of(self.daemon.remover.clone(), name.clone());
        let ending = Arc::new(Ending::new(Remains { attached: None, removal, room }));
        self.fates.enlist(&name);
        let clock = left_of_wall_time(&labels).map(|time| tokio::spawn(wind(Arc::downgrade(&ending), time)));
        let place = DockerPlace {
            ready: Ready::default(),
            workdir: labels.get(owner::WORKDIR).cloned().unwrap_or_default(),
            road,
            ending,
            container: name,
            fates: Arc::clone(&self.fates),
            clock,
            last_words: None,
        };
        Some((id, place))
    }
}

/// How much longer it may live, where that is bounded.
fn left_of_wall_time(labels: &HashMap<String, String>) -> Option<Duration> {
    let whole = Duration::from_secs_f64(labels.get(owner::WALL_TIME)?.parse().ok()?);
    let created: Timestamp = labels.get(owner::CREATED)?.parse().ok()?;
    let lived = Timestamp::now().duration_since(created);
    Some(whole.saturating_sub(lived.try_into().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_counts_from_the_beginning() {
        let made = |ago: i64, whole: &str| {
            let created = Timestamp::from_second(Timestamp::now().as_second() - ago).unwrap();
            let labels = [(owner::CREATED, created.to_string()), (owner::WALL_TIME, whole.to_owned())];
            left_of_wall_time(&labels.map(|(name, value)| (name.to_owned(), value)).into())
        };
        let left = made(10, "30.5").unwrap();
        assert!((Duration::from_secs(18)..=Duration::from_secs(21)).contains(&left), "{left:?}");
        assert_eq!(made(40, "30.5"), Some(Duration::ZERO));
        assert_eq!(left_of_wall_time(&HashMap::new()), None);
    }
}
