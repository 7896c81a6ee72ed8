//! Handles: the contract, made short to use. They own what they name and give it up when dropped.

mod files;
mod namespace;
mod sandbox;
mod session;
mod survive;
mod undo;

pub use files::Files;
pub use namespace::Namespace;
pub use sandbox::Sandbox;
pub use session::Session;
