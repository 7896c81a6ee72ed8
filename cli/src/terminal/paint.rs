//! Colours, where somebody sees them.

use std::fmt::Display;
use std::io::IsTerminal as _;

use super::manner::{self, ColourWhen};

/// What a word looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Bold,
    Green,
    Yellow,
    Red,
}

impl Colour {
    /// The parameter of the control sequence "select graphic rendition".
    fn code(self) -> u8 {
        match self {
            Self::Bold => 1,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Red => 31,
        }
    }
}

/// The text for stdout: in this colour where colours are wanted, and else as it is.
pub(crate) fn paint(colour: Colour, text: &str) -> String {
    let variable = |name: &str| std::env::var(name).ok();
    with(wanted(manner::colour(), std::io::stdout().is_terminal(), variable), colour, text)
}

/// The same for stderr.
pub(crate) fn paint_error(colour: Colour, text: &str) -> String {
    let variable = |name: &str| std::env::var(name).ok();
    with(wanted(manner::colour(), std::io::stderr().is_terminal(), variable), colour, text)
}

/// Whether stdout shows colours.
pub(crate) fn is_coloured() -> bool {
    wanted(manner::colour(), std::io::stdout().is_terminal(), |name| std::env::var(name).ok())
}

fn with(is_wanted: bool, colour: Colour, text: impl Display) -> String {
    if is_wanted { format!("\x1b[{}m{text}\x1b[0m", colour.code()) } else { text.to_string() }
}

/// Whether colours are wanted: what was said decides, else a terminal that can show them and <https://no-color.org>.
pub(super) fn wanted(when: ColourWhen, is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    match when {
        ColourWhen::Always => true,
        ColourWhen::Never => false,
        ColourWhen::Auto => {
            let is_refused = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
            is_terminal && !is_refused && variable("TERM").is_none_or(|terminal| terminal != "dumb")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_unless_somebody_says_otherwise() {
        let none = |_: &str| None;
        let refused = |name: &str| (name == "NO_COLOR").then(|| "1".to_owned());
        let empty = |name: &str| (name == "NO_COLOR").then(String::new);
        let dumb = |name: &str| (name == "TERM").then(|| "dumb".to_owned());
        assert!(wanted(ColourWhen::Auto, true, none) && wanted(ColourWhen::Auto, true, empty));
        assert!(!wanted(ColourWhen::Auto, false, none));
        assert!(!wanted(ColourWhen::Auto, true, refused) && !wanted(ColourWhen::Auto, true, dumb));
        assert!(wanted(ColourWhen::Always, false, refused) && !wanted(ColourWhen::Never, true, none));
    }

    #[test]
    fn a_colour_ends_where_the_word_ends() {
        assert_eq!(with(true, Colour::Red, "no"), "\x1b[31mno\x1b[0m");
        assert_eq!(with(false, Colour::Red, "no"), "no");
    }
}
