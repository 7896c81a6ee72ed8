//! Hibernaculum's Docker backend: Python sessions in hardened containers, one for each sandbox.
//!
//! ```text
//!  DockerBackend::builder() ──build──▶ Arc<dyn Backend>     = Engine<DockerProvider>
//!                           └─provider──▶ DockerProvider ──start──▶ DockerPlace
//!
//!  host ──attach: stdin, the lifeline──▶ docker-init ▶ keeper ▶ supervisor ▶ sessions
//!       ══a socket in a mounted directory, or an exec of the relay for each stream══▶ supervisor
//! ```
//!
//! | for | see |
//! |---|---|
//! | which engine is used, and whether it will do | [`Endpoint`], `daemon`, `trouble` |
//! | which image, how one is made, and the runner beside it | `image`, [`ImageBuild`], `prepare` |
//! | what a container may do and use | `container`, [`Hardening`], `seccomp`, `room`, `cpuset` |
//! | how a sandbox starts | `provider`, `attached` |
//! | how streams reach it | [`Transport`], `place`, `relay`, `socket`, `state`, `streams` |
//! | what its figures are measured against | [`floor`] |
//! | how it ends, why, what is left over, and what goes on without its host | `adoption`, `ending`, `fates`, `owner`, `removal`, [`reap`] |

mod adoption;
mod attached;
mod backend;
mod build;
mod container;
mod cpuset;
mod daemon;
mod ending;
mod endpoint;
mod fates;
mod features;
pub mod floor;
mod hardening;
mod image;
mod owner;
mod place;
mod prepare;
mod provider;
mod pull;
mod reap;
mod relay;
mod removal;
mod room;
mod seccomp;
mod socket;
mod state;
mod streams;
mod transport;
mod trouble;

pub use backend::{DockerBackend, DockerBackendBuilder};
pub use build::{BuiltImage, ImageBuild};
pub use daemon::EngineVersion;
pub use endpoint::Endpoint;
pub use hardening::{Hardening, Seccomp};
pub use place::DockerPlace;
pub use provider::DockerProvider;
pub use reap::{Reaped, reap};
pub use transport::Transport;
