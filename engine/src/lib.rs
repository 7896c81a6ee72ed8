//! Python sessions over a byte stream: the one implementation of the contract's logic.
//!
//! ```text
//!   Engine<P: Provider>      the contract: sandboxes by id, sessions by id
//!     └─ sandbox             one control connection, one task: deaths, raw output, orders
//!          └─ session        one connection, one actor: queue, deadlines, the ladder, events in one order
//!               └─ wire      frames and messages, pure
//! ```
//!
//! A backend writes a [`Provider`]: how to start a place, and how to open a byte stream into it. [`Engine`] makes a
//! [`hibernaculum_core::Backend`] of it.

pub mod boot;
mod config;
mod connection;
mod engine;
mod failure;
mod features;
mod files;
mod provider;
mod sandbox;
mod session;
mod socket;
mod tail;
pub mod wire;

pub use boot::{Boot, BootPlace, BootTunnel, Ready, STAGE0};
pub use config::{EngineConfig, OwnerKey};
pub use engine::Engine;
pub use features::RUNNER_FEATURES;
pub use provider::{ByteStream, Fate, Place, Provider, Role};
pub use socket::SocketStream;
pub use tail::Tail;
