//! Handles: the contract, made short to use. They own what they name and give it up when dropped.

mod sandbox;
mod session;

pub use sandbox::Sandbox;
pub use session::Session;
