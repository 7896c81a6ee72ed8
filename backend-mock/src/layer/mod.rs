//! What can stand between a caller and a backend: every method of the contract becomes one [`Call`], and passes a [`Layer`].
//!
//! ```text
//!  caller ──▶ Layered: the contract's methods ──Call──▶ Layer: faults · recorder · player ──next──▶ the backend behind it
//! ```

mod backend;
mod call;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;

use hibernaculum_core::{Error, Execution, ExecutionId, FileBody, FileInfo, OutputLimits, SessionId};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use backend::Layered;
pub(crate) use call::{CALLS, Call};
pub(crate) use source::{Relay, Relayed};

/// An answer that is data.
pub(crate) trait Answer: Serialize + DeserializeOwned + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Send + 'static> Answer for T {}

/// What makes the stream of an execution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) execution: ExecutionId,
    pub(crate) session: SessionId,
    pub(crate) limits: OutputLimits,
}

/// What is done with each call. `next` is the call itself; a layer that answers by itself drops it.
pub(crate) trait Layer: fmt::Debug + Send + Sync + 'static {
    /// A call whose answer is data.
    fn call<T: Answer>(
        &self,
        call: Call,
        next: impl Future<Output = Result<T, Error>> + Send,
    ) -> impl Future<Output = Result<T, Error>> + Send;

    /// A call whose answer is an execution.
    fn run(
        &self,
        call: Call,
        run: Run,
        next: impl Future<Output = Result<Execution, Error>> + Send,
    ) -> impl Future<Output = Result<Execution, Error>> + Send;

    /// A call without an answer, out of a `drop`.
    fn tell(&self, call: Call, next: impl FnOnce() + Send);

    /// A file goes in.
    fn upload<F: Future<Output = Result<FileInfo, Error>> + Send>(
        &self,
        call: Call,
        body: FileBody,
        next: impl FnOnce(FileBody) -> F + Send,
    ) -> impl Future<Output = Result<FileInfo, Error>> + Send;

    /// A file comes out.
    fn download(
        &self,
        call: Call,
        next: impl Future<Output = Result<(FileInfo, FileBody), Error>> + Send,
    ) -> impl Future<Output = Result<(FileInfo, FileBody), Error>> + Send;
}
