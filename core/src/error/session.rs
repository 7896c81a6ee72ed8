//! What can befall a session.

use super::Retry;
use super::family::error_family;
use crate::{ExecutionId, SessionId};

error_family! {
    /// The session is not there, is not able, or has too much to do.
    SessionError {
        /// Nothing of that id is here.
        Unknown {
            /// The id that was asked for.
            session: SessionId,
        } => {
            code: "session.unknown",
            what: "there is no session {session} here",
            why: "it was never opened on this backend, or it was closed long ago",
            how: "open a session, or list those of the sandbox",
            retry: Retry::Never,
            test: "conformance: an_unknown_session_is_told",
        }
        /// The session has been closed.
        Closed {
            /// The session.
            session: SessionId,
        } => {
            code: "session.closed",
            what: "the session {session} is closed",
            why: "it was closed, or its sandbox was ended, and with it everything that it held",
            how: "open a new session",
            retry: Retry::Never,
            test: "conformance: a_closed_session_says_so",
        }
        /// An open session has that id.
        Exists {
            /// The session.
            session: SessionId,
        } => {
            code: "session.exists",
            what: "a session {session} is open already",
            why: "an id names one session at a time",
            how: "close that session first, or leave the id unset",
            retry: Retry::Never,
            test: "conformance: an_id_names_one_session",
        }
        /// The session's process ended and its policy is not to go on.
        Crashed {
            /// The session.
            session: SessionId,
            /// What ended it.
            cause: String,
        } => {
            code: "session.crashed",
            what: "the session {session} has crashed: {cause}",
            why: "its process ended, and its recovery policy is `none`",
            how: "close it and open a new one, or branch off from a checkpoint of it; with `RecoveryPolicy::FreshOnCrash` it would have gone on by itself",
            retry: Retry::Never,
            test: "conformance: without_recovery_a_crashed_session_stays_crashed",
        }
        /// An explicit transaction waits, and what was asked would mix with it.
        TransactionPending {
            /// The session.
            session: SessionId,
            /// The execution whose effects wait.
            execution: ExecutionId,
        } => {
            code: "session.transaction_pending",
            what: "the session {session} has a transaction that waits: that of the execution {execution}",
            why: "its policy was `explicit`, and it was neither committed nor rolled back yet",
            how: "commit or roll back that execution first",
            retry: Retry::Never,
            test: "conformance: a_pending_transaction_lets_nothing_else_run",
        }
        /// No transaction of that execution waits.
        NoTransaction {
            /// The session.
            session: SessionId,
            /// The execution that was named.
            execution: ExecutionId,
            /// What became of it, as far as it is known.
            problem: String,
        } => {
            code: "session.no_transaction",
            what: "no transaction of the execution {execution} waits in the session {session}",
            why: "{problem}",
            how: "commit or roll back an execution once, after it ended, and only one whose policy was `explicit`",
            retry: Retry::Never,
            test: "conformance: a_transaction_is_settled_once",
        }
        /// The queue of the session is full.
        Busy {
            /// The session.
            session: SessionId,
            /// How many executions may wait.
            limit: usize,
        } => {
            code: "session.busy",
            what: "the session {session} has {limit} executions waiting",
            why: "a session runs one execution at a time, and its queue is bounded",
            how: "wait for an execution to end, raise `queue_limit`, or use more sessions",
            retry: Retry::Safe,
            test: "conformance: a_full_queue_says_busy",
        }
        /// The name is not bound.
        NoSuchName {
            /// The session.
            session: SessionId,
            /// The name that was asked for.
            name: String,
        } => {
            code: "session.no_such_name",
            what: "the session {session} has no name `{name}`",
            why: "it was never bound there, or it was deleted",
            how: "list the session's names, or bind it first",
            retry: Retry::Never,
            test: "conformance: a_name_that_is_not_bound_is_told",
        }
        /// The value has no exact JSON form.
        NotJson {
            /// Its name.
            name: String,
            /// The name of its type.
            type_name: String,
            /// Why it has none.
            problem: String,
        } => {
            code: "session.not_json",
            what: "the value of `{name}`, a `{type_name}`, has no exact JSON form",
            why: "{problem}",
            how: "ask for its `repr`, or bind a list, dict or string made of it and read that",
            retry: Retry::Never,
            test: "conformance: what_json_cannot_say_exactly_is_told",
        }
        /// A question about the session's names was not answered.
        NotServed {
            /// The session.
            session: SessionId,
            /// What was asked: `list its names`.
            doing: String,
            /// What happened instead.
            problem: String,
        } => {
            code: "session.not_served",
            what: "the session {session} did not {doing}: {problem}",
            why: "it takes its turn among the session's executions, and code of the user may run for it",
            how: "interrupt what runs, allow more time, or ask again",
            retry: Retry::Safe,
            test: "conformance: a_repr_of_a_name_that_never_ends_meets_its_time",
        }
        /// The session's process could not be started.
        Start {
            /// What is known.
            problem: String,
        } source => {
            code: "session.start",
            what: "the session did not start: {problem}",
            why: "the sandbox refused it, or its process ended before it was ready",
            how: "read the message above; a sandbox at its limits has room again when sessions are closed",
            retry: Retry::Safe,
            test: "local: a_session_that_cannot_start_says_why",
        }
    }
}
