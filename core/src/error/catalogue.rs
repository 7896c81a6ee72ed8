//! The catalogue: every code there is, in one table.

use std::fmt::Write as _;

use super::{
    CheckpointError, ConfigError, ExecutionError, FilesError, SandboxError, SessionError, TransportError,
    Unsupported,
};

/// One code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogueRow {
    /// The stable code.
    pub code: &'static str,
    /// What happened; `{names}` stand for the particulars.
    pub what: &'static str,
    /// Why it happens.
    pub why: &'static str,
    /// What the caller can do about it.
    pub how: &'static str,
    /// The test that provokes it through the public API.
    pub test: &'static str,
}

/// Every code, by family.
///
/// ```
/// assert!(hibernaculum_core::error::catalogue().any(|row| row.code == "session.unknown"));
/// ```
pub fn catalogue() -> impl Iterator<Item = CatalogueRow> {
    [
        ConfigError::ROWS,
        Unsupported::ROWS,
        SandboxError::ROWS,
        SessionError::ROWS,
        ExecutionError::ROWS,
        CheckpointError::ROWS,
        FilesError::ROWS,
        TransportError::ROWS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The catalogue as the Markdown of `docs/errors.md`.
///
/// ```
/// let page = hibernaculum_core::error::catalogue_markdown();
/// assert!(page.contains("## `session.unknown`"));
/// ```
pub fn catalogue_markdown() -> String {
    let mut page = String::from(
        "# Errors\n\nEvery error has a stable code, says what, why and how, and keeps its source. This page is made from the code;\n\
         a test compares them (`UPDATE_DOCS=1 cargo test -p hibernaculum-core` writes it anew).\n",
    );
    for row in catalogue() {
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "\n## `{}`\n\n{}.\n\n- **Why**: {}.\n- **How**: {}.\n- **Provoked by**: `{}`\n",
            row.code, row.what, row.why, row.how, row.test
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_there_once_and_says_what_why_and_how() {
        let mut codes = BTreeSet::new();
        for row in catalogue() {
            assert!(codes.insert(row.code), "{} stands twice", row.code);
            for text in [row.what, row.why, row.how, row.test] {
                assert!(!text.is_empty(), "{} leaves something unsaid", row.code);
                assert!(!text.ends_with('.'), "{}: `{text}` ends with a full stop", row.code);
            }
        }
    }

    #[test]
    fn the_page_tells_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, catalogue_markdown()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap_or_default(),
            catalogue_markdown(),
            "run with UPDATE_DOCS=1"
        );
    }
}
