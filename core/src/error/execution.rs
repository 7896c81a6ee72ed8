//! What can befall a request to run code, beside Python's own exceptions.

use super::Retry;
use super::family::error_family;
use crate::{ExecutionId, InputToken};

error_family! {
    /// One execution, or an answer to its question. A Python exception is no error but an outcome.
    ExecutionError {
        /// The session knows no execution of that id.
        Unknown {
            /// The id that was asked for.
            execution: ExecutionId,
        } => {
            code: "execution.unknown",
            what: "the session knows no execution {execution}",
            why: "it was never started there, or ended so long ago that its record is gone",
            how: "use an id that `execute` gave; ended executions are kept until the next few have ended",
            retry: Retry::Never,
            test: "conformance: an_unknown_execution_is_told",
        }
        /// An execution of that id is known already.
        Exists {
            /// The id.
            execution: ExecutionId,
        } => {
            code: "execution.exists",
            what: "the session has an execution {execution} already",
            why: "an execution id names one run of code, so that a request sent twice runs once",
            how: "mint a new id, or attach to the execution that is there",
            retry: Retry::Never,
            test: "conformance: an_execution_id_runs_once",
        }
        /// Another stream took the execution up.
        Taken {
            /// The id.
            execution: ExecutionId,
        } => {
            code: "execution.taken",
            what: "another stream has taken up the execution {execution}",
            why: "an execution has one stream at a time; `attach` gave it to somebody else",
            how: "read on from the newer stream, or attach again",
            retry: Retry::Never,
            test: "conformance: a_newer_stream_takes_over",
        }
        /// The code is larger than a request may be.
        CodeTooLarge {
            /// Its size.
            bytes: u64,
            /// The largest that is taken.
            limit: u64,
        } => {
            code: "execution.code_too_large",
            what: "the code has {bytes} bytes",
            why: "at most {limit} are taken in one execution",
            how: "put the data into a file and read it from there, or split the code",
            retry: Retry::Never,
            test: "conformance: code_that_is_too_large_is_refused",
        }
        /// Nobody waits for that answer.
        NoSuchInput {
            /// The token that was given.
            token: InputToken,
        } => {
            code: "execution.no_such_input",
            what: "no execution waits for the answer {token}",
            why: "it was answered already, its execution has ended, or it was never asked",
            how: "answer each `InputRequest` once, with its own token, while its execution runs",
            retry: Retry::Never,
            test: "conformance: an_answer_that_nobody_waits_for_is_refused",
        }
    }
}
