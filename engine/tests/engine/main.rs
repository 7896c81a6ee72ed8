//! The engine over streams that a test made itself: no Python, no process, and time that only passes when nothing else can happen.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by a panic"
)]

mod cancel;
mod lingering;
mod lying;
mod revived;
mod scripted;
mod sessions;
