//! The mock backend's own promises.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test cannot have fails it")]

mod cancel;
mod cassettes;
mod checkpoints;
mod faults_above;
mod faults_below;
mod figures;
mod foreign;
mod scene;

mod strictness;
mod time;
mod wire;
mod yaml;
