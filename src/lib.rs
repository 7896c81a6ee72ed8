//! Live Python interpreters in sandboxes, for programs: agents, notebooks, graders, RL environments.
//!
//! A program gets a *session* (a persistent Python interpreter) inside a *sandbox* (a place that may run code), on a *backend* of its choice,
//! behind one trait. A session keeps its state between executions; it can be streamed from, interrupted and asked, and it asks back.
//!
#![cfg_attr(feature = "local", doc = "```no_run")]
#![cfg_attr(not(feature = "local"), doc = "```ignore")]
//! use hibernaculum::{LocalBackend, Sandbox, SandboxSpec};
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     let backend = LocalBackend::builder().build()?;
//!     let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
//!     let session = sandbox.session().await?;
//!
//!     session.execute("x = 41").await?;
//!     let result = session.execute("x + 1").await?;
//!     println!("{}", result.value().map_or("no value", |value| &value.repr)); // 42
//!
//!     sandbox.close().await?;
//!     Ok(())
//! }
//! ```
//!
//! # Features of the crate
//!
//! | feature | default | gives |
//! |---|---|---|
//! | `local` | yes | subprocesses of this machine: `LocalBackend`, and the name `local` in the [`Registry`] |
//! | `host-paths` | yes | files and whole directories between this machine and a sandbox: `HostPaths` |
//! | `engine` | with `local` | the modules `engine` and `runner`: what a backend of your own is made with |
//!
//! Without any of them the crate is the contract alone: no async runtime, no backend, and a [`Registry`] to fill with backends of your own.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | the short program, explained | [`Sandbox`], [`Session`] |
//! | output as it comes, questions, interrupts | [`Execution`], [`Event`] |
//! | what to ask for | [`SandboxSpec`], [`SessionSpec`], [`ExecutionRequest`] |
//! | what comes back | [`ExecutionResult`], [`Outcome`] |
//! | what can go wrong | [`Error`], [`error`] |
//! | a backend by its name, from a configuration | [`backend()`], [`Registry`], [`Settings`] |
//! | what a backend can do | [`Backend`], [`Features`] |
//!
//! The examples `quickstart` and `choose_backend` are programs to read and run.

#[cfg(feature = "host-paths")]
mod host;
mod registry;

#[cfg(feature = "local")]
#[doc(inline)]
pub use hibernaculum_backend_local::{LocalBackend, LocalBackendBuilder};
#[doc(inline)]
pub use hibernaculum_core::*;
#[cfg(feature = "engine")]
#[doc(inline)]
pub use hibernaculum_engine as engine;
#[cfg(feature = "engine")]
#[doc(inline)]
pub use hibernaculum_runner as runner;
#[cfg(feature = "host-paths")]
#[doc(inline)]
pub use host::{HostPaths, Progress, Skipped, Transfer, Transferred};
pub use registry::{Registry, Settings, SettingsReader, backend};

/// The version of this crate, by the rules of semantic versions. What it speaks with a runner has a version of its own:
/// `runner::PROTOCOL_VERSION`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The programs of the README and of the pages for users, compiled and run.
#[cfg(all(doctest, feature = "local", feature = "host-paths"))]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/tour.md")]
    struct Tour;
    #[doc = include_str!("../docs/files.md")]
    struct Files;
    #[doc = include_str!("../docs/backends.md")]
    struct Backends;
}
