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
//! | `daytona` | no | sandboxes of a remote service: `DaytonaBackend`, and the name `daytona`; an HTTP client and TLS come with it |
//! | `docker` | no | hardened containers: `DockerBackend`, and the name `docker` in the [`Registry`]; an HTTP client and TLS come with it |
//! | `host-paths` | yes | files and whole directories between this machine and a sandbox: `HostPaths` |
//! | `checkpoints` | no | portable checkpoints in memory or a directory: the module `checkpoint_store`; the local backend keeps them below its state directory |
//! | `s3` | no | checkpoints on S3: an HTTP client and TLS come with it |
//! | `mock` | no | for tests: the module `mock`, with scripts, cassettes, faults and mocks of every trait |
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
//! The examples `quickstart`, `try_and_undo`, `search_over_branches` and `choose_backend` are programs to read and run.

#[cfg(feature = "host-paths")]
mod host;
mod registry;

#[cfg(feature = "daytona")]
#[doc(inline)]
pub use hibernaculum_backend_daytona as daytona;
#[cfg(feature = "daytona")]
#[doc(inline)]
pub use hibernaculum_backend_daytona::{DaytonaBackend, DaytonaBackendBuilder};
#[cfg(feature = "docker")]
#[doc(inline)]
pub use hibernaculum_backend_docker as docker;
#[cfg(feature = "docker")]
#[doc(inline)]
pub use hibernaculum_backend_docker::{DockerBackend, DockerBackendBuilder};
#[cfg(feature = "local")]
#[doc(inline)]
pub use hibernaculum_backend_local::{LocalBackend, LocalBackendBuilder};
#[cfg(feature = "mock")]
#[doc(inline)]
pub use hibernaculum_backend_mock as mock;
#[cfg(feature = "checkpoints")]
#[doc(inline)]
pub use hibernaculum_checkpoint_store as checkpoint_store;
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
    #[doc = include_str!("../docs/state.md")]
    struct State;
    #[doc = include_str!("../docs/checkpoint-store.md")]
    struct CheckpointStores;
    #[doc = include_str!("../docs/files.md")]
    struct Files;
    #[doc = include_str!("../docs/backends.md")]
    struct Backends;
    #[doc = include_str!("../docs/docker.md")]
    struct Docker;
}
