//! A rich value comes twice: as a display, and as the value of the execution. A terminal shows it once, as IPython does.

use hibernaculum::{Display, Outcome};

/// The text of the display that came last in an execution, if it may be the value's.
#[derive(Debug, Default)]
pub(crate) struct Before(Option<String>);

impl Before {
    /// A display is shown.
    pub(crate) fn shows(&mut self, display: &Display) {
        self.0 = text_of(display).map(str::to_owned);
    }

    /// Whether the value of this end was shown by that.
    pub(crate) fn was(&self, outcome: &Outcome) -> bool {
        self.0.as_ref().is_some_and(|text| is_value(text, outcome))
    }
}

/// Whether this may be the value with which its execution will end, in its richer forms.
pub(crate) fn may_be_value(display: &Display) -> bool {
    text_of(display).is_some()
}

/// Whether this is the value with which an execution ends, in its richer forms.
pub(crate) fn is_value_of(display: &Display, outcome: &Outcome) -> bool {
    text_of(display).is_some_and(|text| is_value(text, outcome))
}

/// The plain form of what has others; what has none was displayed because somebody called `display()`.
fn text_of(display: &Display) -> Option<&str> {
    let text = display.data.get("text/plain")?;
    (display.data.len() > 1 && !display.update).then_some(text)
}

/// Of a repr that was cut, the beginning tells.
fn is_value(text: &str, outcome: &Outcome) -> bool {
    outcome
        .value
        .as_ref()
        .is_some_and(|value| if value.cut == 0 { text == value.repr } else { text.starts_with(&value.repr) })
}

#[cfg(test)]
mod tests {
    use hibernaculum::{StateAfter, Status, Value};

    use super::*;

    #[test]
    fn a_display_is_the_value_where_its_plain_form_is() {
        let display = |forms: &[(&str, &str)]| Display {
            data: forms.iter().map(|(kind, form)| ((*kind).to_owned(), (*form).to_owned())).collect(),
            ..Display::default()
        };
        let outcome = |repr: &str, cut| {
            let mut outcome = Outcome::new(Status::Completed, StateAfter::Kept);
            outcome.value = Some(Value { repr: repr.to_owned(), cut, ..Value::default() });
            outcome
        };
        let rich = display(&[("text/html", "<i>"), ("text/plain", "a snake")]);
        let mut before = Before::default();
        assert!(!before.was(&outcome("a snake", 0)));
        before.shows(&rich);
        for (repr, cut, is) in
            [("a snake", 0, true), ("a sn", 3, true), ("a sn", 0, false), ("another", 0, false)]
        {
            assert_eq!((before.was(&outcome(repr, cut)), is_value_of(&rich, &outcome(repr, cut))), (is, is));
        }
        assert!(!before.was(&Outcome::new(Status::Completed, StateAfter::Kept)));
        for other in
            [display(&[("text/plain", "a snake")]), display(&[("text/html", "<i>"), ("text/x", "a")])]
        {
            assert!(!is_value_of(&other, &outcome("a snake", 0)));
        }
    }
}
