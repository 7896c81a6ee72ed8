//! What the Docker backend can do, as data.

use hibernaculum_core::{Feature, Features, Isolation, LimitKind, NetworkPolicy};
use hibernaculum_engine::RUNNER_FEATURES;

use crate::room;

/// The backend's name, in the registry and in refusals.
pub(crate) const NAME: &str = "docker";

/// The whole contract but for adoption (snapshots come with a checkpoint store); an allow-list would need a proxy beside each container. `unlimited` are the
/// limits that the engine cannot enforce.
pub(crate) fn features(unlimited: &[LimitKind]) -> Features {
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
        .with_default_limits(room::told(unlimited))
        .with_isolation([Isolation::Container]);
    features.limits.retain(|limit| !unlimited.contains(limit));
    features
        .networks
        .extend([NetworkPolicy::None, NetworkPolicy::Full].map(|policy| policy.name().to_owned()));
    features
}

#[cfg(test)]
mod tests {
    use hibernaculum_core::{ByteSize, Limits};

    use super::*;

    #[test]
    fn a_limit_that_the_engine_ignores_is_neither_taken_nor_told() {
        let (whole, lacking) = (features(&[]), features(&[LimitKind::Memory, LimitKind::Processes]));
        for asked in [
            Limits { memory: Some(ByteSize::gib(1)), ..Limits::default() },
            Limits { processes: Some(9), ..Limits::default() },
        ] {
            assert!(whole.require_limits(&asked).is_ok(), "the control");
            assert_eq!(lacking.require_limits(&asked).unwrap_err().code(), "unsupported");
        }
        let told = &lacking.default_limits;
        assert_eq!((told.memory, told.processes), (None, None));
        assert_eq!(told.disk, whole.default_limits.disk);
        assert!(lacking.require_limits(told).is_ok());
    }

    #[test]
    fn what_cannot_be_kept_is_not_offered() {
        let features = features(&[]);
        assert!(features.require_network(&NetworkPolicy::None).is_ok());
        let hosts = vec!["192.0.2.0/24".to_owned()];
        assert!(features.require_network(&NetworkPolicy::AllowList { hosts }).is_err());
        assert!(features.require_isolation(Isolation::Trusted).is_err());
    }
}
