//! One run of a piece of code: what is asked, what happens meanwhile, what comes of it.
//!
//! ```text
//!  ExecutionRequest ──execute──▶ Execution ──Stream──▶ Started · Output* · Display* · InputRequest* · Finished | Failed
//!                                    └──.await──▶ ExecutionResult (the same events, collected)
//! ```

mod captured;
mod collector;
mod event;
mod input;
mod outcome;
mod request;
mod result;
mod stream;

pub use captured::{Captured, Cut};
pub use collector::Collector;
pub use event::{Display, Event, EventKind, OutputStream};
pub use input::{InputReply, InputToken};
pub use outcome::{
    CrashCause, Outcome, PythonError, RestoredFrom, StateAfter, Status, Timings, TraceFrame, Value,
};
pub use request::{ExecutionRequest, OutputLimits, Script, StdinPolicy, Timeout};
pub use result::ExecutionResult;
pub use stream::{Execution, ExecutionSource};
