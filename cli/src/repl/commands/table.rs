//! A table at the terminal.

use std::fmt::Write as _;

use crate::terminal::paint::{Colour, paint};

/// Columns as wide as what stands in them, below their titles. What stands in them comes from the sandbox, and must not command the terminal.
pub(super) fn table(titles: [&str; 4], rows: &[[String; 4]]) -> String {
    let printable = |cell: &String| cell.replace(char::is_control, "\u{fffd}");
    let rows: Vec<[String; 4]> = rows.iter().map(|row| row.each_ref().map(printable)).collect();
    let mut widths = titles.map(|title| title.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; 4]| {
        let padded: Vec<_> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut text = String::new();
    if titles.iter().any(|title| !title.is_empty()) {
        let _ = writeln!(text, "{}", paint(Colour::Bold, &line(titles)));
    }
    for row in &rows {
        let _ = writeln!(text, "{}", line(row.each_ref().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned(), String::new(), String::new()];
        let text = table(["n", "type", "", ""], &[row("größe", "int"), row("x", "ndarray(3)")]);
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines, ["größe  int", "x      ndarray(3)"]);
    }

    #[test]
    fn what_a_sandbox_names_its_things_does_not_command_the_terminal() {
        let row = ["a\u{1b}[2J".to_owned(), "b\r\u{9b}c".to_owned(), String::new(), String::new()];
        let text = table(["", "", "", ""], &[row]);
        assert_eq!(text, "a\u{fffd}[2J  b\u{fffd}\u{fffd}c\n");
    }
}
