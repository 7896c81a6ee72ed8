//! What the Docker backend can do, as data.

use hibernaculum_core::{Feature, Features, Isolation, LimitKind, NetworkPolicy};
use hibernaculum_engine::RUNNER_FEATURES;

use crate::room;

/// The backend's name, in the registry and in refusals.
pub(crate) const NAME: &str = "docker";

/// The whole contract but for adoption (snapshots come with a checkpoint store); an allow-list would need a proxy beside each container.
pub(crate) fn features() -> Features {
    let mut features = Features::new(NAME, NetworkPolicy::Loopback)
        .with(RUNNER_FEATURES)
        .with([Feature::Linger])
        .with_limits([
            LimitKind::Memory,
            LimitKind::Cpus,
            LimitKind::Processes,
            LimitKind::Disk,
            LimitKind::WallTime,
            LimitKind::ProcessMemory,
            LimitKind::ProcessCpuTime,
            LimitKind::ProcessOpenFiles,
            LimitKind::ProcessFileSize,
        ])
        .with_default_limits(room::unset())
        .with_isolation([Isolation::Container]);
    features
        .networks
        .extend([NetworkPolicy::None, NetworkPolicy::Full].map(|policy| policy.name().to_owned()));
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_kept_is_not_offered() {
        let features = features();
        assert!(features.require_network(&NetworkPolicy::None).is_ok());
        let hosts = vec!["192.0.2.0/24".to_owned()];
        assert!(features.require_network(&NetworkPolicy::AllowList { hosts }).is_err());
        assert!(features.require_isolation(Isolation::Trusted).is_err());
    }
}
