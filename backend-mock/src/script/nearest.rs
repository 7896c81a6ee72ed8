//! What a report shows beside code that no rule is for: the rule that comes nearest.

use similar::{ChangeTag, TextDiff};

use super::Rule;
use super::matcher::{Kind, trimmed};

/// How much of a piece of code is shown.
const SHOWN_LINES: usize = 12;

/// The index of the rule whose text is most like the code, and how they differ.
pub(super) fn nearest(rules: &[Rule], code: &str) -> Option<(usize, String)> {
    let texts = rules.iter().enumerate().filter_map(|(index, rule)| match &rule.matcher.0 {
        Kind::Text(text) | Kind::Contains(text) => Some((index, trimmed(text))),
        _ => None,
    });
    let likeness = |text: &str| strsim::normalized_damerau_levenshtein(head(text), head(code));
    let best = texts.map(|(index, text)| (index, text, likeness(text))).max_by(|a, b| a.2.total_cmp(&b.2))?;
    Some((best.0, difference(best.1, trimmed(code))))
}

/// The part of a text that is compared: the measure takes the product of both lengths.
fn head(text: &str) -> &str {
    const MOST: usize = 400;
    let end = (0..=MOST.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Both texts, line by line.
pub(crate) fn difference(old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut lines: Vec<String> = Vec::new();
    for change in diff.iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        lines.push(format!("    {sign} {}", change.value().trim_end_matches('\n')));
    }
    shortened(lines)
}

/// Code, indented, as far as it is worth showing.
pub(crate) fn shown(code: &str) -> String {
    shortened(trimmed(code).lines().map(|line| format!("    {line}")).collect())
}

/// As many lines as are worth showing, and as much of each.
pub(super) fn shortened(mut lines: Vec<String>) -> String {
    let all = lines.len();
    if all > SHOWN_LINES {
        lines.truncate(SHOWN_LINES);
        lines.push(format!("    … {} more lines", all - SHOWN_LINES));
    }
    for line in &mut lines {
        if line.chars().nth(160).is_some() {
            *line = line.chars().take(159).chain(['…']).collect();
        }
    }
    lines.join("\n")
}
