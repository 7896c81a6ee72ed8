//! What the runner does by itself, wherever it runs.

use hibernaculum_core::Feature;

/// For [`Provider::features`](crate::Provider::features): what every place can offer in which the runner runs, whatever the place is.
///
/// ```
/// use hibernaculum_core::{Feature, Features, NetworkPolicy};
///
/// let features = Features::new("mine", NetworkPolicy::Full).with(hibernaculum_engine::RUNNER_FEATURES);
/// assert!(features.supports(Feature::LiveCheckpoints));
/// ```
pub const RUNNER_FEATURES: [Feature; 11] = [
    Feature::Interrupt,
    Feature::Input,
    Feature::Attach,
    Feature::Preload,
    Feature::Namespace,
    Feature::Files,
    Feature::BindingTransactions,
    Feature::MemoryTransactions,
    Feature::Guard,
    Feature::LiveCheckpoints,
    Feature::Branches,
];
