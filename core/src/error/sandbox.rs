//! What can befall a sandbox.

use super::Retry;
use super::family::error_family;
use crate::SandboxId;

error_family! {
    /// The sandbox could not be made, is not there, or is gone.
    SandboxError {
        /// Nothing of that id is here.
        Unknown {
            /// The id that was asked for.
            sandbox: SandboxId,
        } => {
            code: "sandbox.unknown",
            what: "there is no sandbox {sandbox} here",
            why: "it was never created by this backend, or it has been destroyed",
            how: "create one, or list the ones that exist",
            retry: Retry::Never,
            test: "conformance: an_unknown_sandbox_is_told",
        }
        /// No Python was found where one was looked for.
        NoPython {
            /// Where it was looked for, in order.
            tried: String,
        } source => {
            code: "sandbox.no_python",
            what: "no usable Python was found",
            why: "looked for {tried}",
            how: "install CPython 3.8 or newer, or name one with HIBERNACULUM_PYTHON or the backend's `python` setting",
            retry: Retry::Never,
            test: "local: a_missing_python_explains_itself",
        }
        /// A Python was found that the runner cannot run on.
        PythonTooOld {
            /// The executable.
            executable: String,
            /// What it says it is.
            found: String,
        } => {
            code: "sandbox.python_too_old",
            what: "{executable} is {found}",
            why: "the runner needs CPython 3.8 or newer",
            how: "install a newer CPython, or name one with HIBERNACULUM_PYTHON or the backend's `python` setting",
            retry: Retry::Never,
            test: "local: a_python_that_is_too_old_explains_itself",
        }
        /// A module that was to be preloaded could not be imported.
        Preload {
            /// What the runner said: the module and its exception.
            problem: String,
        } => {
            code: "sandbox.preload",
            what: "a module could not be preloaded: {problem}",
            why: "importing it in the sandbox's Python raised that exception",
            how: "install the module for that Python, or take it out of `preload`",
            retry: Retry::Never,
            test: "conformance: a_preload_that_fails_names_the_module",
        }
        /// The sandbox did not start.
        Start {
            /// What is known: the step, and the last lines that the process wrote.
            problem: String,
        } source => {
            code: "sandbox.start",
            what: "the sandbox did not start: {problem}",
            why: "its first process ended, or said that it could not go on, before it was ready",
            how: "read the message above; `hib run -c 1+1` in the same environment shows whether Python itself works",
            retry: Retry::Safe,
            test: "local: a_python_that_dies_at_start_is_told_with_its_stderr",
        }
        /// The sandbox did not start in time.
        StartTimeout {
            /// How long was waited, in milliseconds.
            after_ms: u64,
            /// The last lines that the process wrote.
            stderr: String,
        } => {
            code: "sandbox.start_timeout",
            what: "the sandbox was not ready within {after_ms} ms",
            why: "its Python or a preloaded module takes longer to start; last words: `{stderr}`",
            how: "raise `start_timeout` of the backend, or preload less",
            retry: Retry::Safe,
            test: "local: a_python_that_never_gets_ready_is_given_up",
        }
        /// The sandbox was there and is gone: its supervisor died, or the connection to it broke.
        Lost {
            /// The sandbox.
            sandbox: SandboxId,
            /// What is known.
            problem: String,
        } source => {
            code: "sandbox.lost",
            what: "the sandbox {sandbox} is gone: {problem}",
            why: "its supervisor ended or could not be reached any more; with it all its sessions ended",
            how: "create a new sandbox; what the sessions held is lost unless a portable checkpoint has it",
            retry: Retry::Never,
            test: "local: a_killed_supervisor_is_a_lost_sandbox",
        }
    }
}
