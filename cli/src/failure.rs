//! How a subcommand fails: what, why and how on stderr, and an exit code.
//!
//! ```text
//!  hib: there is no file `x.py` [input.missing]
//!    why: …
//!    how: …
//!    beneath: No such file or directory (os error 2)
//! ```

use std::error::Error as _;
use std::io::{self, Write as _};

use hibernaculum::{Error, Explanation};

use crate::exit::Exit;
use crate::terminal::is_quiet;

/// Why a subcommand ended before its work was done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Somebody should read why.
    Told(Box<Told>),
    /// Whoever watches knows why, or nobody watches any more.
    Quiet(Exit),
}

/// A failure to be read.
#[derive(Debug)]
pub(crate) struct Told {
    explanation: Explanation,
    /// What lay beneath, from above.
    beneath: Vec<String>,
    exit: Exit,
}

impl Failure {
    /// A failure of `hib` itself. `code` is stable, as those of the library are.
    pub(crate) fn new(
        exit: Exit,
        code: &str,
        what: impl Into<String>,
        why: impl Into<String>,
        how: impl Into<String>,
    ) -> Self {
        let explanation = Explanation::new(code, what, why, how);
        Self::Told(Box::new(Told { explanation, beneath: Vec::new(), exit }))
    }

    /// Keeps what lay beneath.
    pub(crate) fn because(mut self, beneath: &dyn std::error::Error) -> Self {
        if let Self::Told(told) = &mut self {
            told.beneath.push(beneath.to_string());
        }
        self
    }

    /// The exit code that it ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Quiet(exit) => *exit,
            Self::Told(told) => told.exit,
        }
    }

    /// It in one line, for a report.
    pub(crate) fn in_short(&self) -> String {
        match self {
            Self::Quiet(_) => String::new(),
            Self::Told(told) => {
                let Explanation { code, what, why, .. } = &told.explanation;
                format!("{what} [{code}]: {why}").replace('\n', " ")
            }
        }
    }

    /// Says it on stderr, and gives the exit code.
    pub(crate) fn tell(self) -> Exit {
        match self {
            Self::Quiet(exit) => exit,
            // What ended well is no error, but a remark.
            Self::Told(told) if told.exit == Exit::OK && is_quiet() => told.exit,
            Self::Told(told) => {
                // Where stderr is gone, the exit code has to do.
                let _ = io::stderr().write_all(told.text().as_bytes());
                told.exit
            }
        }
    }
}

impl Told {
    fn text(&self) -> String {
        let mut text = format!("hib: {}\n", self.explanation);
        for beneath in &self.beneath {
            text.push_str("  beneath: ");
            text.push_str(&beneath.replace('\n', "\n    "));
            text.push('\n');
        }
        text
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut beneath = Vec::new();
        let mut source = error.source();
        while let Some(error) = source {
            beneath.push(error.to_string());
            source = error.source();
        }
        Self::Told(Box::new(Told { explanation: error.explain(), beneath, exit: Exit::of_error(&error) }))
    }
}

#[cfg(test)]
mod tests {
    use hibernaculum::SandboxError;
    use hibernaculum::error::Source;

    use super::*;

    #[test]
    fn an_error_of_the_library_is_told_with_all_that_lay_beneath() {
        let source = Source::new(io::Error::other("no such thing\nat all"));
        let error = Error::from(SandboxError::NoPython { tried: "`PATH`".to_owned(), source: Some(source) });
        let Failure::Told(told) = Failure::from(error) else { panic!("it is to be read") };
        assert_eq!(
            told.text(),
            "hib: no usable Python was found [sandbox.no_python]\n  \
             why: looked for `PATH`\n  \
             how: install CPython 3.8 or newer, or name one with HIBERNACULUM_PYTHON or the backend's `python` setting\n  \
             beneath: no such thing\n    at all\n"
        );
        assert_eq!(told.exit, Exit::NO_SESSION);
    }

    #[test]
    fn a_failure_of_its_own_is_told_alike() {
        let failure = Failure::new(Exit::NO_INPUT, "input.missing", "there is no file `x`", "w", "h");
        let Failure::Told(told) = failure.because(&io::Error::other("gone")) else {
            panic!("it is to be read")
        };
        assert_eq!(
            told.text(),
            "hib: there is no file `x` [input.missing]\n  why: w\n  how: h\n  beneath: gone\n"
        );
    }
}
