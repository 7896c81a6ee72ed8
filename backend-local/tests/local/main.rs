//! What the local backend promises beyond the contract: which Python it takes, what a sandbox sees of the host, and that nothing of it is left.
//!
//! One binary, so that it is linked once. `host` is no promise but a program of its own, which other tests start, and kill.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly, and so may what tests share"
)]

mod cancel;
mod checkpoints;
mod directories;
mod ends;
mod environment;
mod guards;
mod host;
mod impostor;
mod pythons;
mod scene;
mod sessions;
mod stores;
