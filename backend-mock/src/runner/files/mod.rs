//! Files of a scripted sandbox: a tree in memory, and the worker that serves a connection from it.

mod tree;
mod worker;

pub(super) use tree::Tree;
pub(super) use worker::serve;
