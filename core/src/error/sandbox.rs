//! What can befall a sandbox.

use std::time::Duration;

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
        /// There is no engine that runs containers, or it does not let this program use it.
        Engine {
            /// What is the matter, with the engine's address.
            problem: String,
            /// Why that may be.
            reason: String,
            /// What mends it.
            advice: String,
        } source => {
            code: "sandbox.engine",
            what: "the container engine cannot be used: {problem}",
            why: "{reason}",
            how: "{advice}",
            retry: Retry::Safe,
            test: "docker: an_engine_that_is_not_there_explains_itself",
        }
        /// No image was named that is there.
        NoImage {
            /// Which were looked for, and who named them.
            tried: String,
        } source => {
            code: "sandbox.no_image",
            what: "there is no image to make a sandbox of",
            why: "looked for {tried}",
            how: "make one with `hib image build`, or name one that the engine has: `--image`, HIBERNACULUM_IMAGE, or the backend's `image` setting",
            retry: Retry::Never,
            test: "docker: an_image_that_is_not_there_names_the_command_that_makes_one",
        }
        /// An image was found in which the runner cannot run.
        ImageUnfit {
            /// The image.
            image: String,
            /// What was found in it.
            found: String,
        } => {
            code: "sandbox.image_unfit",
            what: "sandboxes cannot be made of the image {image}",
            why: "found {found}; the runner needs `python3` along PATH to be CPython 3.8 or newer, with its standard library",
            how: "name another image, make one with `hib image build`, or install the whole of Python in this one (of Debian and Ubuntu: `python3`, not `python3-minimal` alone)",
            retry: Retry::Never,
            test: "docker: an_image_without_a_usable_python_says_what_was_found",
        }
        /// An image could not be made.
        ImageBuild {
            /// The image that it was to be based on.
            base: String,
            /// The step that failed, and its last words.
            problem: String,
        } source => {
            code: "sandbox.image_build",
            what: "no image could be made of {base}: {problem}",
            why: "pulling the base, installing the requirements or keeping the result failed",
            how: "read the message above; `docker pull {base}` and `docker run --rm -it {base} python3 -m pip install …` show the same by hand",
            retry: Retry::Safe,
            test: "docker: a_requirement_that_cannot_be_had_is_told_in_pips_words",
        }
        /// The service that has the sandboxes cannot be reached, or answers what makes no sense.
        Service {
            /// What was being done, and what is the matter.
            problem: String,
            /// The service's own words; empty where it said nothing.
            said: String,
        } source => {
            code: "sandbox.service",
            what: "the sandbox service cannot be used: {problem}",
            why: "it is not there, the way to it is cut, or something before it answered in its place; its words: `{said}`",
            how: "see whether the address is right and the service is up: `hib doctor --backend daytona` goes through the steps",
            retry: Retry::Safe,
            test: "daytona: a_service_that_is_not_there_explains_itself",
        }
        /// The service understood, and said no.
        ServiceRefused {
            /// What was being done.
            doing: String,
            /// The service's own words.
            said: String,
            /// What mends it.
            advice: String,
        } source => {
            code: "sandbox.service_refused",
            what: "the sandbox service refused {doing}",
            why: "it said: {said}",
            how: "{advice}",
            retry: Retry::Never,
            test: "daytona: a_key_that_is_not_taken_is_told_without_the_key",
        }
        /// The service wants no more requests for a while.
        ServiceBusy {
            /// What was being done.
            doing: String,
            /// The service's own words.
            said: String,
            /// After how many milliseconds it wants to be asked again.
            after_ms: u64,
        } source => {
            code: "sandbox.service_busy",
            what: "the sandbox service has had too many requests; the last was for {doing}",
            why: "it limits how often it is asked, and said: {said}",
            how: "try again in {after_ms} ms, with fewer sandboxes at once; the service's limits can often be raised",
            retry: Retry::After(Duration::from_millis(*after_ms)),
            test: "daytona: too_many_requests_are_told_with_the_time_to_wait",
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
