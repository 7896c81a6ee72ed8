//! Hibernaculum's local backend: Python sessions in subprocesses of this machine (Linux).
//!
//! Isolation level `trusted`: a process group, limits for each process, and an environment from an allow-list. For code that you would run yourself;
//! it can do whatever you can. Nothing of it survives its sandbox, however that ends.
//!
//! ```text
//!  LocalBackend::builder() ──build──▶ Arc<dyn Backend>    = Engine<LocalProvider>
//!                          └─provider──▶ LocalProvider ──start──▶ LocalPlace
//!
//!  host ──stdin pipe, the lifeline──▶ keeper ──▶ supervisor ──▶ sessions
//!       ══unix sockets, below a directory of 0700══▶ supervisor
//! ```
//!
//! | for | see |
//! |---|---|
//! | which Python is used | `python`, `probe` |
//! | what a sandbox sees of the environment | `environment` |
//! | where things lie, and who may touch them | `directory`, `runner_files` |
//! | how a sandbox starts | `provider`, `launch` |
//! | how it ends, to the last process and file | `place`, `ending`, `strays`, `removal`, `home` |

mod backend;
mod directory;
mod ending;
mod environment;
mod features;
mod home;
mod launch;
mod place;
mod probe;
mod provider;
mod python;
mod removal;
mod runner_files;
mod strays;

pub use backend::{LocalBackend, LocalBackendBuilder};
pub use place::LocalPlace;
pub use provider::LocalProvider;
