//! Cells of a `.py`: split at lines that begin with `# %%`, as editors and jupytext do.
//!
//! ```text
//!  import os          ┐ cell, from line 1
//!                     ┘
//!  # %% load          ┐ cell, from line 3: the marker is a comment of its own cell
//!  data = load()      ┘
//!  # %% [markdown]    ┐ left out
//!  # Some *text*.     ┘
//! ```
//!
//! A marker inside a triple-quoted string is text and splits nothing.

/// A piece of a script.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The line of the script at which it begins, from 1.
    pub(super) first_line: u32,
    pub(super) code: &'a str,
}

/// Splits a script into its cells, without blank ones and those that are prose.
pub(super) fn split(script: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut quotes = Quotes::default();
    let (mut start, mut first_line, mut prose) = (0, 1, false);
    let (mut at, mut number) = (0, 1_u32);
    for line in script.split_inclusive('\n') {
        if let Some(title) = marker(line).filter(|_| !quotes.are_open()) {
            keep(&mut pieces, prose, first_line, script.get(start..at));
            (start, first_line, prose) = (at, number, is_prose(title));
        }
        quotes.read(line);
        at += line.len();
        number = number.saturating_add(1);
    }
    keep(&mut pieces, prose, first_line, script.get(start..));
    pieces
}

fn keep<'a>(pieces: &mut Vec<Piece<'a>>, prose: bool, first_line: u32, code: Option<&'a str>) {
    if let Some(code) = code.filter(|code| !prose && !code.trim().is_empty()) {
        pieces.push(Piece { first_line, code });
    }
}

/// What stands behind the `# %%` of a line that begins with one.
fn marker(line: &str) -> Option<&str> {
    line.strip_prefix('#')?.trim_start_matches([' ', '\t']).strip_prefix("%%").filter(|title| {
        // `# %%time` is a magic that somebody commented out.
        title.is_empty() || title.starts_with(|c: char| c.is_whitespace() || c == '%')
    })
}

/// Whether a cell of that title is no code.
fn is_prose(title: &str) -> bool {
    ["[markdown]", "[md]", "[raw]"].iter().any(|kind| title.contains(kind))
}

/// Follows triple-quoted strings over lines. Other strings end with their line, so that nothing else has to be known of Python.
#[derive(Debug, Default)]
struct Quotes {
    /// The quotes that end the open string.
    open: Option<&'static str>,
}

impl Quotes {
    const TRIPLE: [&'static str; 2] = ["\"\"\"", "'''"];

    fn are_open(&self) -> bool {
        self.open.is_some()
    }

    fn read(&mut self, line: &str) {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            rest = match (self.open, first) {
                // An escaped quote ends nothing. (Nor does it in a raw string.)
                (Some(_), '\\') => skip(rest, 2),
                (Some(end), _) => match rest.strip_prefix(end) {
                    Some(after) => {
                        self.open = None;
                        after
                    }
                    None => skip(rest, 1),
                },
                (None, '#') => return,
                (None, '"' | '\'') => {
                    self.open = Self::TRIPLE.into_iter().find(|quotes| rest.starts_with(quotes));
                    if self.open.is_some() { skip(rest, 3) } else { after_string(rest, first) }
                }
                (None, _) => skip(rest, 1),
            };
        }
    }
}

/// What follows a string that begins with `text` and ends on its line.
fn after_string(text: &str, quote: char) -> &str {
    let mut rest = skip(text, 1);
    while let Some(next) = rest.chars().next() {
        match next {
            '\\' => rest = skip(rest, 2),
            _ if next == quote => return skip(rest, 1),
            _ => rest = skip(rest, 1),
        }
    }
    rest
}

/// The text without its first characters.
fn skip(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or("", |(at, _)| text.get(at..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(script: &str) -> Vec<(u32, &str)> {
        split(script).into_iter().map(|piece| (piece.first_line, piece.code)).collect()
    }

    #[test]
    fn a_script_without_markers_is_one_cell() {
        assert_eq!(cells("a = 1\nb = 2"), [(1, "a = 1\nb = 2")]);
    }

    #[test]
    fn cells_know_the_line_at_which_they_begin() {
        assert_eq!(
            cells("import os\n\n# %% load\na = 1\n#%%\nb = 2\n"),
            [(1, "import os\n\n"), (3, "# %% load\na = 1\n"), (5, "#%%\nb = 2\n")]
        );
        assert_eq!(cells("# %%\r\na\r\n# %%\r\nb\r\n"), [(1, "# %%\r\na\r\n"), (3, "# %%\r\nb\r\n")]);
    }

    #[test]
    fn blank_cells_and_prose_are_left_out() {
        assert!(cells("").is_empty());
        assert!(cells(" \n\t\n").is_empty());
        assert_eq!(cells("\n\n# %%\na\n"), [(3, "# %%\na\n")]);
        assert_eq!(
            cells("# %% [markdown]\n\"\"\"\n# Title\n\"\"\"\n# %% [raw]\nx\n# %% a [md]\ny\n# %%\nz\n"),
            [(9, "# %%\nz\n")]
        );
    }

    #[test]
    fn only_a_marker_at_the_beginning_of_a_line_splits() {
        for script in [
            "x = 1  # %% no\n",
            "if x:\n    # %% no\n    y\n",
            "# %%time\nx\n",
            "## %%\nx\n",
            "%%time\nx\n",
            "print('# %%')\n",
        ] {
            assert_eq!(cells(script), [(1, script)]);
        }
    }

    #[test]
    fn deeper_markers_split_too() {
        assert_eq!(cells("a\n# %%%% deeper\nb\n"), [(1, "a\n"), (2, "# %%%% deeper\nb\n")]);
    }

    #[test]
    fn a_marker_in_a_triple_quoted_string_is_text() {
        for script in [
            "t = '''\n# %%\n'''\n",
            "t = f\"\"\"{x}\n# %%\n\\\"\"\"\n# %%\n\"\"\"\n",
            "a = 'it\\'s' + \"\"\"'\n# %%\n\"\"\"\n",
        ] {
            assert_eq!(cells(script), [(1, script)]);
        }
    }

    #[test]
    fn what_only_looks_like_an_open_string_does_not_hide_a_marker() {
        for first in [
            "a = '\"\"\"'\n",
            "a = \"'''\"\n",
            "# it's \"\"\" fine\n",
            "a = ''\n",
            "a = \"\"\"x\"\"\"\n",
            "a = 'é\\\\'\n",
            "broken = 'no end\n",
        ] {
            let script = format!("{first}# %%\nb\n");
            assert_eq!(cells(&script), [(1, first), (2, "# %%\nb\n")]);
        }
    }
}
