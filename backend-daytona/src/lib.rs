//! Hibernaculum's Daytona backend: Python sessions in sandboxes of a remote service that speaks Daytona's API.
//!
//! ```text
//!  DaytonaBackend::builder() ──build──▶ Arc<dyn Backend>     = Engine<DaytonaProvider>
//!                            └─provider──▶ DaytonaProvider ──start──▶ DaytonaPlace
//!
//!  host ── HTTP: make, start, upload, exec, delete ──▶ service ──▶ toolbox in the sandbox ──▶ tunnel ▶ keeper ▶ supervisor ▶ sessions
//!       ══ a WebSocket for each stream, through the port proxy or the preview URL ══════════▶ tunnel
//! ```
//!
//! | for | see |
//! |---|---|
//! | the calls, and what the answers mean | `api`, `trouble` |
//! | a spec in the service's terms | `order`, `labels`, `features` |
//! | how a sandbox is made, and the runner gets in | `provider`, `service`, `birth`, `entry` |
//! | how streams reach it, and outlive the network | [`Transport`], `place`, `tunnel` |
//! | how it is kept awake, how it ends, and why | `pulse`, `ending`, `inquiry` |
//!
//! What was checked, and against what, is told in `docs/daytona.md`: no server of the service's makers has been reached.

mod adoption;
mod api;
mod backend;
mod birth;
mod ending;
mod entry;
mod features;
mod inquiry;
mod labels;
mod order;
mod place;
mod provider;
mod pulse;
#[cfg(test)]
mod scripted;
mod service;
mod transport;
mod trouble;
mod tunnel;

pub use api::Volume;
pub use backend::{DaytonaBackend, DaytonaBackendBuilder};
pub use place::DaytonaPlace;
pub use provider::DaytonaProvider;
pub use transport::Transport;
