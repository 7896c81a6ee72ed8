//! What only the backend `docker` has: images to make, and containers that may have been left behind.

pub(crate) mod image;
pub(crate) mod reap;
