//! What holds where nobody types a flag: the environment, the configuration file, and `hib`'s own defaults.
//!
//! ```text
//!  what was typed ──────────────┐
//!  HIBERNACULUM_… ── variable ──┤   layers: for each key of the schema the first that says something
//!  config.toml ───── file ──────┤      ├─▶ defaults of the flags, for the subcommand that runs
//!  schema ── its own defaults ──┘      └─▶ show: `hib config`
//! ```
//!
//! The schema is one table: flags, variables, the file's keys and `docs/config.md` all follow it.

mod file;
mod kind;
mod layers;
mod schema;
mod show;

pub(crate) use layers::Config;
pub(crate) use show::{ConfigArgs, config};
