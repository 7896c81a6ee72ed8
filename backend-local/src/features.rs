//! What the local backend can do, as data.

use hibernaculum_core::{Features, Isolation, LimitKind, NetworkPolicy};
use hibernaculum_engine::RUNNER_FEATURES;

/// The backend's name, in the registry and in refusals.
pub(crate) const NAME: &str = "local";

/// At the level `trusted` nothing but the process itself can be bounded: sandbox-wide limits and a closed network are for other backends.
pub(crate) fn features() -> Features {
    Features::new(NAME, NetworkPolicy::Full)
        .with(RUNNER_FEATURES)
        .with_limits([
            LimitKind::ProcessMemory,
            LimitKind::ProcessCpuTime,
            LimitKind::ProcessOpenFiles,
            LimitKind::ProcessFileSize,
        ])
        .with_isolation([Isolation::Trusted])
}

#[cfg(test)]
mod tests {
    use hibernaculum_core::Feature;

    use super::*;

    #[test]
    fn what_cannot_be_kept_is_not_offered() {
        let features = features();
        assert_eq!(features.backend, "local");
        assert!(features.require_isolation(Isolation::Trusted).is_ok());
        assert!(features.require_isolation(Isolation::Confined).is_err());
        assert!(features.require_network(&NetworkPolicy::Full).is_ok());
        assert!(features.require_network(&NetworkPolicy::None).is_err());
        assert!(features.require(Feature::Linger).is_err());
        assert!(!features.limits.contains(&LimitKind::Memory));
    }
}
