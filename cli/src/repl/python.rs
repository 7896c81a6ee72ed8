//! As much of Python as a line editor must know: where strings, comments and brackets begin and end.
//!
//! It never refuses anything. What is no Python is given out as [`Kind::Other`]; that it is wrong, Python will say.

use std::ops::Range;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Keyword,
    Name,
    Number,
    Text,
    Comment,
    /// A line that is for the shell or a magic: `!ls`, `%time`.
    Magic,
    /// Blanks, operators, brackets.
    Other,
}

/// The keywords, the soft ones that begin statements included.
pub(super) const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "case", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "match", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// How a text leaves off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct End {
    /// A string of several lines is open.
    in_text: bool,
    /// So many brackets are open.
    depth: usize,
    /// The last line ends in a backslash.
    continues: bool,
    /// The last line that holds something ends in a colon, or is a decorator: a block follows.
    wants_block: bool,
}

/// The pieces of a text, in order and without gaps.
pub(super) fn pieces(text: &str) -> Vec<(Kind, Range<usize>)> {
    let mut walk = Walk::new(text);
    walk.all();
    walk.pieces
}

/// Whether Enter means "run it": a line that stands alone, or a block that an empty line ends.
pub(super) fn is_complete(text: &str) -> bool {
    if text.trim_start().starts_with("%%") {
        return text.ends_with('\n');
    }
    let mut walk = Walk::new(text);
    walk.all();
    let end = walk.end;
    if end.in_text || end.depth > 0 || end.continues {
        return false;
    }
    let last = text.rsplit('\n').next().unwrap_or_default();
    if last.trim().is_empty() && text.contains('\n') {
        return true;
    }
    !(end.wants_block || last.starts_with([' ', '\t']) && text.contains('\n'))
}

/// The blanks with which the next line of a piece of code begins: those of the last line, and four more behind a colon.
pub(super) fn indent(text: &str) -> String {
    let mut walk = Walk::new(text);
    walk.all();
    if walk.end.in_text || text.trim_start().starts_with("%%") {
        return String::new();
    }
    let last = text.rsplit('\n').next().unwrap_or_default();
    let blanks: String = last.chars().take_while(|c| *c == ' ').collect();
    let opens = walk.end.wants_block && !walk.is_decorator || last.trim_end().ends_with(['(', '[', '{']);
    // What leaves a block is behind it.
    let first = last.split_whitespace().next().unwrap_or_default();
    let leaves = matches!(first, "return" | "pass" | "raise" | "break" | "continue") && walk.end.depth == 0;
    match (opens, leaves) {
        (true, _) => blanks + "    ",
        (false, true) => blanks.strip_suffix("    ").unwrap_or_default().to_owned(),
        _ => blanks,
    }
}

/// Whether a text ends in a semicolon: then its value is not shown, as in IPython.
pub(super) fn is_silent(text: &str) -> bool {
    let told = pieces(text).into_iter().filter_map(|(kind, place)| Some((kind, text.get(place)?.trim_end())));
    let last = told.rev().find(|(kind, piece)| *kind != Kind::Comment && !piece.is_empty());
    last.is_some_and(|(kind, piece)| kind == Kind::Other && piece.ends_with(';'))
}

/// The text without the blanks before its first line, which others had before them as well: it was taken out of a block.
pub(super) fn dedented(text: &str) -> String {
    let blanks = text.len() - text.trim_start_matches([' ', '\t']).len();
    let Some((margin, _)) = text.split_at_checked(blanks).filter(|(margin, _)| !margin.is_empty()) else {
        return text.to_owned();
    };
    let lines: Vec<_> = text.split('\n').map(|line| line.strip_prefix(margin).unwrap_or(line)).collect();
    lines.join("\n")
}

/// The statements of a text, each with the lines that belong to it; a cell magic goes on to the next empty line.
pub(super) fn statements(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    // Comments at the margin, and blank lines after them: what follows says whose they are.
    let mut remarks: Vec<&str> = Vec::new();
    for line in text.lines() {
        let goes_on = found.last().is_some_and(|statement| belongs(statement, line));
        let is_remark = line.starts_with('#') && !goes_on || line.is_empty() && !remarks.is_empty();
        match found.last_mut() {
            _ if is_remark => remarks.push(line),
            Some(statement) if goes_on => {
                for line in remarks.drain(..).chain([line]) {
                    statement.push('\n');
                    statement.push_str(line);
                }
            }
            _ => found.extend(remarks.drain(..).chain([line]).map(str::to_owned)),
        }
    }
    found.extend(remarks.into_iter().map(str::to_owned));
    found.retain(|statement| !statement.trim().is_empty());
    found
}

/// Whether a line goes on with the statement before it.
fn belongs(statement: &str, line: &str) -> bool {
    if statement.starts_with("%%") {
        return !statement.ends_with('\n') && !line.is_empty();
    }
    let mut walk = Walk::new(statement);
    walk.all();
    let End { in_text, depth, continues, wants_block } = walk.end;
    let first = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let is_clause = matches!(first, "else" | "elif" | "except" | "finally");
    let is_indented = line.starts_with([' ', '\t']) || line.is_empty();
    // A block is wanted by a decorator, too.
    in_text || depth > 0 || continues || is_indented || is_clause || wants_block
}

struct Walk<'a> {
    text: &'a str,
    at: usize,
    pieces: Vec<(Kind, Range<usize>)>,
    end: End,
    /// Nothing but blanks came since the logical line began.
    is_line_start: bool,
    is_decorator: bool,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            pieces: Vec::new(),
            end: End::default(),
            is_line_start: true,
            is_decorator: false,
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, kind: Kind, bytes: usize) {
        let range = self.at..self.at + bytes;
        self.at = range.end;
        match self.pieces.last_mut() {
            Some((last, place)) if *last == kind && kind == Kind::Other => place.end = range.end,
            _ => self.pieces.push((kind, range)),
        }
    }

    fn all(&mut self) {
        while let Some(character) = self.rest().chars().next() {
            self.one(character);
        }
        self.end.wants_block |= self.is_decorator;
    }

    fn one(&mut self, character: char) {
        let rest = self.rest();
        let line = rest.find('\n').unwrap_or(rest.len());
        match character {
            '\n' => {
                if self.end.depth == 0 {
                    self.is_line_start = true;
                    self.end.wants_block |= self.is_decorator;
                    self.is_decorator = false;
                }
                self.take(Kind::Other, 1);
            }
            ' ' | '\t' | '\r' => self.take(Kind::Other, 1),
            '#' => self.take(Kind::Comment, line),
            '!' | '%' if self.is_line_start => {
                self.began(false);
                self.take(Kind::Magic, line);
            }
            '\\' if line == 1 => {
                self.end.continues = rest.len() == 1;
                self.take(Kind::Other, rest.len().min(2));
            }
            '"' | '\'' => {
                self.began(false);
                self.string(0);
            }
            _ if character.is_alphabetic() || character == '_' => self.word(),
            _ if character.is_ascii_digit() => {
                self.began(false);
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                self.take(Kind::Number, rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
            }
            _ => {
                self.began(character == '@');
                match character {
                    '(' | '[' | '{' => self.end.depth += 1,
                    ')' | ']' | '}' => self.end.depth = self.end.depth.saturating_sub(1),
                    ':' if self.end.depth == 0 => self.end.wants_block = true,
                    _ => {}
                }
                self.take(Kind::Other, character.len_utf8());
            }
        }
    }

    /// Something came that is neither a blank nor a comment.
    fn began(&mut self, is_decorator: bool) {
        self.is_decorator |= is_decorator && self.is_line_start && self.end.depth == 0;
        self.is_line_start = false;
        self.end.wants_block = false;
    }

    fn word(&mut self) {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        self.began(false);
        let is_prefix = length <= 2 && word.chars().all(|c| "rRbBuUfFtT".contains(c));
        if is_prefix && after.starts_with(['"', '\'']) {
            self.string(length);
        } else {
            self.take(if KEYWORDS.contains(&word) { Kind::Keyword } else { Kind::Name }, length);
        }
    }

    /// A string whose prefix has so many bytes.
    fn string(&mut self, prefix: usize) {
        let rest = self.rest();
        let body = rest.get(prefix..).unwrap_or_default();
        let quote = body.get(..1).unwrap_or_default();
        let quotes = match body.get(..3) {
            Some(three) if three == quote.repeat(3) => three,
            _ => quote,
        };
        let mut at = prefix + quotes.len();
        loop {
            let left = rest.get(at..).unwrap_or_default();
            if left.starts_with(quotes) {
                return self.take(Kind::Text, at + quotes.len());
            }
            match left.chars().next() {
                None => {
                    self.end.in_text = quotes.len() == 3;
                    return self.take(Kind::Text, rest.len());
                }
                Some('\n') if quotes.len() == 1 => return self.take(Kind::Text, at),
                Some('\\') => {
                    at += 1 + left.chars().nth(1).map_or(0, char::len_utf8);
                    if at == rest.len() && left == "\\" {
                        self.end.continues = true;
                    }
                }
                Some(character) => at += character.len_utf8(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_statement_of_one_line_is_complete() {
        for text in [
            "",
            "x = 1",
            "f(1)",
            "if x: pass",
            "'''a'''",
            "# x:",
            "x  # if:",
            "!ls (",
            "%time f(",
            "d[1:2]",
            "{1: 2}",
        ] {
            assert!(is_complete(text), "{text:?}");
        }
    }

    #[test]
    fn what_must_go_on_is_not() {
        for text in [
            "f(",
            "x = [1,\n2,",
            "if x:",
            "def f():  # yes",
            "'''a",
            "x = \\",
            "@decorated",
            "if x:\n    y",
            "class A:\n    def f(self):",
            "if x:\n    y\nelse:",
            "%%bash",
            "%%bash\necho",
            "f'''{x}",
            "for x in y:\n\ty",
        ] {
            assert!(!is_complete(text), "{text:?}");
        }
    }

    #[test]
    fn a_semicolon_at_the_end_hides_the_value() {
        for (text, expected) in [
            ("f();", true),
            ("f() ;  # shown?\n", true),
            ("x = 1\nf();", true),
            ("f()", false),
            ("f(); g()", false),
            ("';'", false),
            ("f() # ;", false),
            ("!ls;", false),
            ("", false),
        ] {
            assert_eq!(is_silent(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_was_taken_out_of_a_block_begins_where_it_began() {
        for (text, expected) in [
            ("    x = 1\n    if x:\n        y\n", "x = 1\nif x:\n    y\n"),
            ("  a\n\n b", "a\n\n b"),
            ("a\n  b", "a\n  b"),
            ("", ""),
            ("  ", ""),
        ] {
            assert_eq!(dedented(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_empty_line_ends_a_block_and_nothing_else() {
        for text in
            ["if x:\n    y\n", "def f():\n    return 1\n    ", "%%bash\necho\n", "@d\ndef f():\n    1\n"]
        {
            assert!(is_complete(text), "{text:?}");
        }
        for text in ["f(1,\n", "'''a\n", "x = \\\n"] {
            assert!(!is_complete(text) || text == "x = \\\n", "{text:?}");
        }
        assert!(is_complete("x = 1\ny = 2"));
    }

    #[test]
    fn pieces_are_what_they_look_like() {
        let kinds = |text: &str| -> Vec<(Kind, String)> {
            let told = pieces(text).into_iter().map(|(kind, place)| (kind, text[place].to_owned()));
            told.filter(|(kind, _)| *kind != Kind::Other).collect()
        };
        let told =
            |pairs: &[(Kind, &str)]| pairs.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect();
        let expected: Vec<_> = told(&[
            (Kind::Keyword, "for"),
            (Kind::Name, "x"),
            (Kind::Keyword, "in"),
            (Kind::Text, "rb'a\\'b'"),
            (Kind::Number, "1.5e3"),
            (Kind::Comment, "# in"),
        ]);
        assert_eq!(kinds("for x in rb'a\\'b' + 1.5e3 # in"), expected);
        let expected: Vec<_> = told(&[(Kind::Magic, "!ls 'a"), (Kind::Name, "x"), (Kind::Number, "5")]);
        assert_eq!(kinds("!ls 'a\nx % 5"), expected);
    }

    #[test]
    fn the_next_line_begins_where_it_belongs() {
        for (text, expected) in [
            ("def f():", 4),
            ("if x:\n    for y in z:", 8),
            ("if x:\n    y", 4),
            ("def f():\n    return 1", 0),
            ("class A:\n    def f(self):\n        pass", 4),
            ("x = [", 4),
            ("'''a", 0),
            ("@cache", 0),
            ("%%bash", 0),
        ] {
            assert_eq!(indent(text).len(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_text_is_cut_where_a_person_would_have_pressed_enter() {
        let text = "x = 1\n\ndef f():\n    a\n\n    b\nf()\nif x:\n    y\nelse:\n    z\n@d\nclass A: pass\n%%bash\necho\n\ng(1,\n2)\n:vars";
        let expected = [
            "x = 1\n",
            "def f():\n    a\n\n    b",
            "f()",
            "if x:\n    y\nelse:\n    z",
            "@d\nclass A: pass",
            "%%bash\necho",
            "g(1,\n2)",
            ":vars",
        ];
        assert_eq!(statements(text), expected);
    }

    #[test]
    fn a_comment_at_the_margin_ends_no_block() {
        for text in [
            "if x:\n    y\n# otherwise\nelse:\n    z",
            "def f():\n# note\n    return 1",
            "def f():\n    a\n# one\n\n# two\n    return 1",
            "try:\n    a\n# when\n\n\nexcept E:\n    b\n# at last\nfinally:\n    c",
            "@d(\n1)\n# note\n\ndef f(): pass",
            "@d\n# note\n@e\nclass A:\n    x = 1",
            "f(1,\n# note\n2)",
            "s = '''\n# text\n'''",
        ] {
            assert_eq!(statements(text), [text]);
        }
        let text = "if x:\n    y\n# next\n\n# and\nz = 1\n# last\n:vars\n# end";
        let expected = ["if x:\n    y", "# next", "# and", "z = 1", "# last", ":vars", "# end"];
        assert_eq!(statements(text), expected);
    }

    proptest! {
        #[test]
        fn every_text_is_cut_into_pieces_without_gaps(text in "[ab'\"\\\\\n(): #%!@äf1\t]{0,40}") {
            let mut at = 0;
            for (_, place) in pieces(&text) {
                prop_assert_eq!(place.start, at);
                prop_assert!(text.get(place.clone()).is_some() && !place.is_empty());
                at = place.end;
            }
            prop_assert_eq!(at, text.len());
            is_complete(&text);
        }
    }
}
