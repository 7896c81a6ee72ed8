//! What can befall the way to a sandbox.

use super::Retry;
use super::family::error_family;

error_family! {
    /// A connection broke, said what it must not, or proved to be the wrong one.
    TransportError {
        /// A connection could not be made, or broke.
        Broken {
            /// What was being done: "connecting to the supervisor".
            doing: String,
        } source => {
            code: "transport.broken",
            what: "the connection broke while {doing}",
            why: "the other side ended it, or the way to it is cut",
            how: "see whether the sandbox still runs; calls that change nothing may be made again",
            retry: Retry::Never,
            test: "local: an_impostor_that_hangs_up_is_a_broken_connection",
        }
        /// The other side did not answer in time.
        Timeout {
            /// What was being done.
            doing: String,
            /// How long was waited, in milliseconds.
            after_ms: u64,
        } => {
            code: "transport.timeout",
            what: "no answer within {after_ms} ms while {doing}",
            why: "the sandbox is overloaded, stopped or unreachable",
            how: "see whether the machine is overloaded; destroy the sandbox if it stays silent",
            retry: Retry::Never,
            test: "local: an_impostor_that_says_nothing_is_given_up",
        }
        /// The other side broke the protocol.
        Protocol {
            /// What it did.
            violation: String,
        } source => {
            code: "transport.protocol",
            what: "the runner broke the protocol: {violation}",
            why: "something other than the runner spoke, or code in the sandbox tampered with its connection",
            how: "open a new session; if it happens again, report it with the message above",
            retry: Retry::Never,
            test: "local: an_impostor_that_speaks_something_else_breaks_the_protocol",
        }
        /// Host and runner are of different versions.
        Version {
            /// What the host speaks and what the runner says.
            mismatch: String,
        } => {
            code: "transport.version",
            what: "host and runner do not fit together: {mismatch}",
            why: "the runner in the sandbox was not put there by this version of the host",
            how: "destroy the sandbox and create it again, so that it gets this host's runner",
            retry: Retry::Never,
            test: "local: an_impostor_of_another_version_is_refused",
        }
        /// One side could not prove that it knows the sandbox's secret.
        Secret {
            /// Which side, and what is known.
            problem: String,
        } => {
            code: "transport.secret",
            what: "the handshake failed: {problem}",
            why: "whoever answered does not know this sandbox's secret",
            how: "see that the host's key is the one that the sandbox was created with",
            retry: Retry::Never,
            test: "local: an_impostor_without_the_secret_is_refused",
        }
    }
}
