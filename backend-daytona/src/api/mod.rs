//! The service's API: a small typed client, tolerant of what it does not know.
//!
//! ```text
//!  control.rs, toolbox.rs   one method for each call that is needed
//!        └─ client.rs       one request: key, deadline, tries within a budget
//!              └─ answer.rs what came instead of a success, and what it means
//!  model.rs                 what is sent and received
//! ```
//!
//! Every field of an answer has a default, unknown fields are ignored, unknown states are kept by name. No call is made again unless what it asks for
//! is the same when it is done twice, or the service said that it did nothing.

mod answer;
mod client;
mod control;
mod key;
mod model;
mod toolbox;

pub(crate) use answer::{Meaning, Refusal, Speaker};
pub(crate) use client::{Api, ApiError, Repeat};
pub(crate) use key::Key;
pub use model::Volume;
pub(crate) use model::{BuildInfo, CreateSandbox, PreviewUrl, Sandbox, State};
pub(crate) use toolbox::{Command, Toolbox};
