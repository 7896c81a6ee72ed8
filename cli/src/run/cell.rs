//! What is to be run.

use hibernaculum::Script;
use serde_json::Value;

/// Everything that one `hib run` is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// Where it came from, as people call it.
    pub(crate) name: String,
    /// Code to run unseen before the first cell, where something has to be set that no request can say.
    pub(crate) prelude: Option<String>,
    /// In order; none of them blank.
    pub(crate) cells: Vec<Cell>,
    /// Whether stdin was read for the code, so that nobody can answer `input()`.
    pub(crate) stdin_taken: bool,
}

/// A piece of code that is run as one execution.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) code: String,
    /// Where it comes from, where it comes from a file.
    pub(crate) script: Option<Script>,
}

impl Cell {
    /// Whether there is nothing in it to run.
    pub(super) fn is_blank(&self) -> bool {
        self.code.trim().is_empty()
    }
}

/// Python that sets `sys.argv`, and puts a folder first on `sys.path`: for what is no script and has no `__file__`.
///
/// It binds no name. JSON's strings are Python's.
pub(super) fn prelude(argv: &[String], folder: Option<&str>) -> String {
    let argv = format!("__import__('sys').argv[:] = {}\n", Value::from(argv));
    let path = folder.map(|folder| format!("__import__('sys').path.insert(0, {})\n", Value::from(folder)));
    argv + path.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prelude_is_python_whatever_the_arguments_hold() {
        let argv = ["-c", "it's \"quoted\"\n", "\\", "é"].map(str::to_owned);
        assert_eq!(
            prelude(&argv, Some("/a b")),
            "__import__('sys').argv[:] = [\"-c\",\"it's \\\"quoted\\\"\\n\",\"\\\\\",\"é\"]\n\
             __import__('sys').path.insert(0, \"/a b\")\n"
        );
    }
}
