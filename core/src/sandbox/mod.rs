//! Sandboxes: what is asked of one, and what is known of one.

mod info;
mod live;
mod spec;

pub use info::{SandboxInfo, SandboxState};
pub use live::LiveLimits;
pub use spec::{HostLoss, Isolation, SandboxSpec, SandboxSpecBuilder};
