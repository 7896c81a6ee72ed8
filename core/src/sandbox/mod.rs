//! Sandboxes: what is asked of one, and what is known of one.

mod info;
mod spec;

pub use info::{SandboxInfo, SandboxState};
pub use spec::{HostLoss, Isolation, SandboxSpec, SandboxSpecBuilder};
