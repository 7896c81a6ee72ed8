//! Cells of an `.ipynb` (nbformat 4): its code cells, in order. Prose is left out, magics pass through: the session knows them.

use std::fmt;

use serde::Deserialize;

/// Why a text is no notebook that can be run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not the JSON of a notebook.
    NotANotebook(String),
    /// It is of an older format.
    Format(u64),
    /// Its kernel does not speak Python.
    Language(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANotebook(problem) => write!(f, "it is not the JSON of a notebook: {problem}"),
            Self::Format(version) => {
                write!(f, "it is of nbformat {version}, and nbformat 4 is what can be read")
            }
            Self::Language(language) => write!(f, "its language is {language}"),
        }
    }
}

impl Refusal {
    /// What to do about it.
    pub(super) fn how(&self) -> &'static str {
        match self {
            Self::NotANotebook(_) => {
                "open it in Jupyter to see whether it is whole; a Python script is run under another name than *.ipynb"
            }
            Self::Format(_) => "convert it: `jupyter nbconvert --to notebook --nbformat 4 FILE`",
            Self::Language(_) => "run it with a kernel of that language; `hib` runs Python",
        }
    }
}

/// The code of each code cell, blank ones too, so that their places can be counted.
pub(super) fn code_cells(text: &str) -> Result<Vec<String>, Refusal> {
    let notebook: Notebook =
        serde_json::from_str(text).map_err(|error| Refusal::NotANotebook(error.to_string()))?;
    if notebook.nbformat < 4 {
        return Err(Refusal::Format(notebook.nbformat));
    }
    if let Some(language) = notebook.metadata.language().filter(|name| !is_python(name)) {
        return Err(Refusal::Language(language.chars().take(40).flat_map(char::escape_debug).collect()));
    }
    let cells = notebook.cells.ok_or_else(|| Refusal::NotANotebook("it has no `cells`".to_owned()))?;
    let code = cells.into_iter().filter(|cell| cell.cell_type == "code");
    Ok(code.map(|cell| cell.source.join()).collect())
}

/// `python`, `python3`, `ipython` …
fn is_python(language: &str) -> bool {
    language.to_ascii_lowercase().contains("python")
}

#[derive(Debug, Deserialize)]
struct Notebook {
    nbformat: u64,
    #[serde(default)]
    metadata: Metadata,
    cells: Option<Vec<NotebookCell>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    kernelspec: KernelSpec,
    language_info: LanguageInfo,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct KernelSpec {
    language: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LanguageInfo {
    name: Option<String>,
}

impl Metadata {
    fn language(&self) -> Option<&str> {
        self.language_info.name.as_deref().or(self.kernelspec.language.as_deref())
    }
}

#[derive(Debug, Deserialize)]
struct NotebookCell {
    cell_type: String,
    #[serde(default)]
    source: Source,
}

/// Text, whole or in pieces that keep their line ends.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Source {
    Whole(String),
    Pieces(Vec<String>),
}

impl Default for Source {
    fn default() -> Self {
        Self::Pieces(Vec::new())
    }
}

impl Source {
    fn join(self) -> String {
        match self {
            Self::Whole(text) => text,
            Self::Pieces(pieces) => pieces.concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_cells_are_taken_whole_or_in_pieces_and_prose_is_left_out() {
        let text = r##"{"nbformat": 4, "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": "python3", "language": "python"}, "language_info": {"name": "python"}},
            "cells": [
                {"cell_type": "markdown", "source": "# Title"},
                {"cell_type": "code", "source": ["a = 1\n", "a"], "outputs": [], "execution_count": 7},
                {"cell_type": "raw", "source": "raw"},
                {"cell_type": "code", "source": "%time b = 2"},
                {"cell_type": "code", "source": []}
            ]}"##;
        assert_eq!(code_cells(text).unwrap(), ["a = 1\na", "%time b = 2", ""]);
    }

    #[test]
    fn a_notebook_that_says_little_is_taken_for_python() {
        let text = r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": "1"}]}"#;
        assert_eq!(code_cells(text).unwrap(), ["1"]);
    }

    #[test]
    fn what_is_no_notebook_says_where() {
        for (text, problem) in [
            ("print(1)", "expected value at line 1 column 1"),
            ("{}", "missing field `nbformat`"),
            (r#"{"nbformat": 4}"#, "it has no `cells`"),
            (r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": 7}]}"#, "data did not match"),
            (r#"{"nbformat": 4, "cells": ["#, "EOF while parsing"),
            ("[]", "invalid length 0"),
        ] {
            let refusal = code_cells(text).expect_err(text).to_string();
            assert!(
                refusal.starts_with("it is not the JSON of a notebook: ") && refusal.contains(problem),
                "{refusal}"
            );
        }
    }

    #[test]
    fn older_formats_and_other_languages_are_told() {
        let old = r#"{"nbformat": 3, "worksheets": []}"#;
        assert_eq!(code_cells(old), Err(Refusal::Format(3)));
        let other = r#"{"nbformat": 4, "metadata": {"language_info": {"name": "R"}}, "cells": []}"#;
        assert_eq!(code_cells(other), Err(Refusal::Language("R".to_owned())));
    }
}
