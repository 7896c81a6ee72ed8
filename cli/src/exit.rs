//! Exit codes: how it went, for those who do not read.

use std::process::ExitCode;

use hibernaculum::{CrashCause, Error, Outcome, SandboxError, Status};

/// The table of `hib help run` and of `docs/exit-codes.md`.
pub(crate) const TABLE: &str = "\
Exit codes:
  0         everything ran to its end
  1         a Python exception ended it
  N         sys.exit(N) did
  2         what was typed, or configured, makes no sense
  65        the input is no UTF-8, or no notebook
  66        the input cannot be read
  69        no session to be had: no Python, or a backend that lacks what was asked for
  70        the sandbox, the way to it, or `hib` itself broke
  74        the output cannot be written
  124       --timeout ran out
  130       interrupted by Ctrl-C; 129 by SIGHUP, 143 by SIGTERM
  134       the session's process ended by itself, os._exit() for one
  128+N     signal N ended it: 139 is a segmentation fault, 137 a kill
  141       nobody reads the output any more";

/// An exit code of `hib`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exit(u8);

impl Exit {
    pub(crate) const OK: Self = Self(0);
    pub(crate) const EXCEPTION: Self = Self(1);
    pub(crate) const USAGE: Self = Self(2);
    pub(crate) const BAD_INPUT: Self = Self(65);
    pub(crate) const NO_INPUT: Self = Self(66);
    pub(crate) const NO_SESSION: Self = Self(69);
    pub(crate) const BROKEN: Self = Self(70);
    pub(crate) const NO_OUTPUT: Self = Self(74);
    pub(crate) const TIMED_OUT: Self = Self(124);
    pub(crate) const HUNG_UP: Self = Self(129);
    pub(crate) const INTERRUPTED: Self = Self(130);
    pub(crate) const CRASHED: Self = Self(134);
    pub(crate) const NOBODY_READS: Self = Self(141);
    pub(crate) const TERMINATED: Self = Self(143);

    /// The number.
    pub(crate) fn code(self) -> u8 {
        self.0
    }

    /// What an execution's end means.
    pub(crate) fn of_outcome(outcome: &Outcome) -> Self {
        match (outcome.status, &outcome.crash) {
            (Status::Completed, _) => Self::OK,
            (Status::Failed, _) => {
                let code = outcome.error.as_ref().and_then(|error| error.exit_code);
                code.map_or(Self::EXCEPTION, Self::of_sys_exit)
            }
            (Status::Interrupted, _) => Self::INTERRUPTED,
            (Status::TimedOut, _) => Self::TIMED_OUT,
            (Status::Crashed, Some(CrashCause::Signal { signal, .. })) => Self::of_signal(*signal),
            (Status::Crashed, Some(CrashCause::OutOfMemory)) => Self::of_signal(9),
            // A status of a later version is a crash as well: it is none of those that are known to be better.
            _ => Self::CRASHED,
        }
    }

    /// What an error means.
    pub(crate) fn of_error(error: &Error) -> Self {
        match error {
            Error::Config(_) => Self::USAGE,
            Error::Sandbox(SandboxError::Lost { .. }) => Self::BROKEN,
            Error::Unsupported(_) | Error::Sandbox(_) => Self::NO_SESSION,
            _ => Self::BROKEN,
        }
    }

    /// The low byte, as the system takes it.
    fn of_sys_exit(code: i32) -> Self {
        let [low, ..] = code.to_le_bytes();
        Self(low)
    }

    /// As a shell tells of a signal.
    fn of_signal(signal: i32) -> Self {
        u8::try_from(signal).ok().and_then(|signal| signal.checked_add(128)).map_or(Self::CRASHED, Self)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

#[cfg(test)]
mod tests {
    use hibernaculum::{ConfigError, Feature, PythonError, SandboxId, StateAfter, Unsupported};

    use super::*;

    fn ended(status: Status) -> Outcome {
        Outcome::new(status, StateAfter::Kept)
    }

    fn exited(exit_code: Option<i32>) -> Exit {
        let error = Some(PythonError { exit_code, ..PythonError::default() });
        let mut outcome = ended(Status::Failed);
        outcome.error = error;
        Exit::of_outcome(&outcome)
    }

    fn crashed(cause: Option<CrashCause>) -> Exit {
        let mut outcome = ended(Status::Crashed);
        outcome.crash = cause;
        Exit::of_outcome(&outcome)
    }

    #[test]
    fn an_outcome_has_its_code() {
        for (status, code) in [
            (Status::Completed, 0),
            (Status::Failed, 1),
            (Status::Interrupted, 130),
            (Status::TimedOut, 124),
            (Status::Crashed, 134),
        ] {
            assert_eq!(Exit::of_outcome(&ended(status)), Exit(code), "{status}");
        }
    }

    #[test]
    fn sys_exit_chooses_the_code_as_the_system_takes_it() {
        let codes = [None, Some(0), Some(3), Some(256), Some(-1)].map(exited);
        assert_eq!(codes, [Exit(1), Exit(0), Exit(3), Exit(0), Exit(255)]);
    }

    #[test]
    fn a_crash_is_told_as_a_shell_tells_it_and_never_as_success() {
        let signal = |signal| Some(CrashCause::Signal { signal, name: String::new() });
        assert_eq!(crashed(signal(11)), Exit(139));
        assert_eq!(crashed(signal(-7)), Exit(134));
        assert_eq!(crashed(signal(1000)), Exit(134));
        assert_eq!(crashed(Some(CrashCause::OutOfMemory)), Exit(137));
        assert_eq!(crashed(Some(CrashCause::Exit { code: 0 })), Exit(134));
        assert_eq!(crashed(Some(CrashCause::Unknown)), Exit(134));
    }

    #[test]
    fn a_kill_at_the_deadline_is_a_timeout() {
        let mut outcome = ended(Status::TimedOut);
        outcome.crash = Some(CrashCause::Killed { reason: "deadline".to_owned() });
        assert_eq!(Exit::of_outcome(&outcome), Exit::TIMED_OUT);
    }

    #[test]
    fn an_error_has_the_code_of_what_can_be_done_about_it() {
        let invalid = ConfigError::UnknownBackend { name: String::new(), known: String::new() };
        let no_python = SandboxError::NoPython { tried: String::new(), source: None };
        let lost = SandboxError::Lost { sandbox: SandboxId::new(), problem: String::new(), source: None };
        for (error, exit) in [
            (Error::from(invalid), Exit::USAGE),
            (Unsupported::feature("local", Feature::Files).into(), Exit::NO_SESSION),
            (no_python.into(), Exit::NO_SESSION),
            (lost.into(), Exit::BROKEN),
        ] {
            assert_eq!(Exit::of_error(&error), exit, "{error}");
        }
    }

    /// The page, made of the table.
    fn page() -> String {
        let rows = TABLE.lines().skip(1).map(|line| {
            let (code, meaning) = line.trim().split_once(' ').unwrap();
            format!("| `{code}` | {} |\n", meaning.trim())
        });
        let rows: String = rows.collect();
        format!(
            "# Exit codes of `hib`\n\n\
             How it went, for those who do not read. This page is made from the code; a test compares them\n\
             (`UPDATE_DOCS=1 cargo test -p hibernaculum-cli --bin hib` writes it anew).\n\n\
             | code | meaning |\n|---|---|\n{rows}\n\
             `N` may be any number, so a script's `sys.exit(70)` looks like a broken sandbox; but what `hib` itself has to say\n\
             stands on stderr, and begins with `hib: `. The numbers from 65 to 74 are those of `sysexits.h`, 124 is that of `timeout`,\n\
             and 128+N is how a shell tells of a signal. `hib doctor` ends with 0 where a session answers, and else with the code of the error.\n"
        )
    }

    #[test]
    fn the_page_tells_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/exit-codes.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), page(), "run with UPDATE_DOCS=1");
    }

    #[test]
    fn the_table_tells_every_code() {
        for exit in [
            Exit::OK,
            Exit::EXCEPTION,
            Exit::USAGE,
            Exit::BAD_INPUT,
            Exit::NO_INPUT,
            Exit::NO_SESSION,
            Exit::BROKEN,
            Exit::NO_OUTPUT,
            Exit::TIMED_OUT,
            Exit::HUNG_UP,
            Exit::INTERRUPTED,
            Exit::CRASHED,
            Exit::NOBODY_READS,
            Exit::TERMINATED,
        ] {
            let code = exit.0.to_string();
            let told = TABLE.split(|c: char| !c.is_ascii_digit()).any(|number| number == code);
            assert!(told, "{code} is not in the table");
        }
    }
}
