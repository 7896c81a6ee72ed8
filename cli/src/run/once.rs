//! A rich value comes twice: as a display that says so, and as the value of the execution. A terminal shows it once, as `IPython` does, and by the
//! text that the object tells of itself, which need not be its `repr`.

use hibernaculum::Display;

/// Whether the value of an execution has been shown, as a display.
#[derive(Debug, Default)]
pub(crate) struct Before(bool);

impl Before {
    /// A display is about to be shown. Gives whether it is to be: the value without a text of its own is shown as its `repr`, at the end.
    pub(crate) fn shows(&mut self, display: &Display) -> bool {
        let is_value = display.result && text_of(display).is_some();
        self.0 |= is_value;
        is_value || !display.result
    }

    /// Whether the value was shown.
    pub(crate) fn was(&self) -> bool {
        self.0
    }
}

/// The text of a display.
pub(crate) fn text_of(display: &Display) -> Option<&str> {
    display.data.get("text/plain").map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_is_the_value_where_it_says_so() {
        let display = |form: &str, result| Display {
            data: [(form.to_owned(), "a snake".to_owned())].into(),
            result,
            ..Display::default()
        };
        for (form, result, is_shown, was_value) in [
            ("text/plain", false, true, false),
            ("text/html", false, true, false),
            ("text/plain", true, true, true),
            ("text/html", true, false, false),
        ] {
            let mut before = Before::default();
            assert_eq!((before.shows(&display(form, result)), before.was()), (is_shown, was_value), "{form}");
        }
    }

    #[test]
    fn what_is_displayed_after_the_value_takes_nothing_from_it() {
        let mut before = Before::default();
        let value = Display {
            data: [("text/plain".to_owned(), "v".to_owned())].into(),
            result: true,
            ..Display::default()
        };
        assert!(before.shows(&value) && before.shows(&Display::default()) && before.was());
    }
}
