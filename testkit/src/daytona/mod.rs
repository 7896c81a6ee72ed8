//! A stand-in for Daytona's service, on loopback: what the Daytona backend is tested against where no account can be had.
//!
//! It is **not** Daytona. It is an HTTP server that answers as the published specs and the recorded wire facts say, whose sandboxes are process
//! trees of this machine, each in a directory of its own. Every answer carries the header [`LABEL`], so that no record of a test can be taken for
//! one of the service.
//!
//! ```text
//!  client ──▶ network ──▶ gate ─────────────▶ api      control plane: sandboxes, snapshots, volumes
//!             cut, held   key · log · faults ▶ toolbox  inside a sandbox: files, process sessions
//!                         contract            ▶ proxy    a port of the sandbox's loopback: HTTP and WebSocket
//!             previews ──▶ (the same) ────────▶ proxy
//!                                                │
//!                    world: sandboxes, their clocks ──▶ processes, directories
//! ```
//!
//! | for | see |
//! |---|---|
//! | starting one, and where it listens | [`StandIn`], [`StandInConfig`] |
//! | what goes wrong, by count or by chance, the same for the same seed | [`Fault`], [`Faults`] |
//! | a network that is cut and comes back | [`Cut`], [`StandIn::cut`] |
//! | what was asked, and comparing two clients | [`StandIn::requests`], [`Recorded`], [`Shape`], [`differences`] |
//! | what broke the published specs | [`StandIn::violations`], [`exceptions`] |
//! | which of their operations are served | [`SERVED`] |
//!
//! # What it is not
//!
//! - Its sandboxes are not isolated: paths, ports and limits are those of this machine. Two sandboxes cannot listen on one port.
//! - A fork and a snapshot copy files. Memory is never copied: `includeMemory` is answered 422.
//! - Network policies, resources and images are kept and told, not enforced.

mod api;
mod clockwork;
mod config;
mod faults;
mod gate;
mod journal;
mod network;
mod processes;
mod proxy;
mod refusal;
mod sandbox;
mod shape;
mod spec;
mod stand_in;
#[cfg(test)]
mod tests;
mod toolbox;
mod world;

pub use config::StandInConfig;
pub use faults::{ErrorShape, Fault, Faults, On, When};
pub use gate::LABEL;
pub use journal::Recorded;
pub use network::{Cut, Manner};
pub use shape::{NoShape, Shape, differences};
pub use spec::{Exception, SERVED, Violation, exceptions};
pub use stand_in::StandIn;
