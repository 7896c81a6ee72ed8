//! What the Daytona backend can do, as data.

use std::time::Duration;

use hibernaculum_core::{Feature, Features, HostLoss, Isolation, LimitKind, NetworkPolicy};
use hibernaculum_engine::RUNNER_FEATURES;

/// The backend's name, in the registry and in refusals.
pub(crate) const NAME: &str = "daytona";
/// How long a sandbox outlives its host, unless its spec says otherwise.
pub(crate) const LINGER: Duration = Duration::from_mins(5);

/// `has_sizes`: whether memory, cores and disk can be chosen. The service takes them with an image; a snapshot has its own.
pub(crate) fn features(has_sizes: bool, network: NetworkPolicy) -> Features {
    let mut features = Features::new(NAME, network)
        .with(RUNNER_FEATURES)
        .with([Feature::Linger])
        .with_limits([
            LimitKind::WallTime,
            LimitKind::ProcessMemory,
            LimitKind::ProcessCpuTime,
            LimitKind::ProcessOpenFiles,
            LimitKind::ProcessFileSize,
        ])
        .with_isolation([Isolation::Container, Isolation::Machine]);
    // A network that breaks is no host that is gone, and nobody can tell one from the other at once.
    features.default_host_loss = HostLoss::Linger(LINGER);
    if has_sizes {
        features = features.with_limits([LimitKind::Memory, LimitKind::Cpus, LimitKind::Disk]);
    }
    // Not `none`: the way in is a port of the sandbox's loopback.
    features.networks.extend(["loopback", "allow_list", "full"].map(str::to_owned));
    features
}

#[cfg(test)]
mod tests {
    use hibernaculum_core::{ByteSize, Limits};

    use super::*;

    #[test]
    fn what_cannot_be_kept_is_not_offered() {
        let features = features(false, NetworkPolicy::Loopback);
        assert!(features.require_network(&NetworkPolicy::None).is_err());
        assert!(features.require_isolation(Isolation::Trusted).is_err());
        let sized = Limits { memory: Some(ByteSize::gib(1)), ..Limits::default() };
        assert!(features.require_limits(&sized).is_err(), "a snapshot has a size of its own");
        assert!(super::features(true, NetworkPolicy::Full).require_limits(&sized).is_ok());
        let processes = Limits { processes: Some(9), ..Limits::default() };
        assert!(super::features(true, NetworkPolicy::Full).require_limits(&processes).is_err());
    }
}
