//! The Daytona backend against a stand-in for the service: what the conformance suite cannot ask of every backend. It is the stand-in of
//! `hibernaculum-testkit`, on loopback, and never the service itself. What is asked and answered is held to the published specifications.
//!
//! A real service is spoken to by the conformance suite (`daytona-live`), where `DAYTONA_API_KEY` is set.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod adoption;
mod births;
mod cuts;
mod ends;
mod given_up;
mod preflight;
mod revivals;
mod scene;
mod service;
mod starts;
mod toolbox;
mod ways;
mod wire;
