//! Displays.

use hibernaculum::Display;

use super::prelude::*;

fn plain(text: &str) -> Display {
    Display { data: [("text/plain".to_owned(), text.to_owned())].into(), ..Display::default() }
}

fn named(text: &str, update: bool) -> Display {
    Display { display_id: Some("bar".to_owned()), update, ..plain(text) }
}

pub(crate) fn script(case: &str) -> Option<Script> {
    let rules = match case {
        "a_display_comes_in_all_its_forms" => {
            let forms = [("text/plain", "plain"), ("text/html", "<b>rich</b>"), ("image/png", "iVBORw==")];
            let data = forms.map(|(kind, form)| (kind.to_owned(), form.to_owned())).into();
            vec![when(Matcher::contains("display(Rich())")).displays(Display { data, ..Display::default() })]
        }
        "displays_keep_their_place_among_the_output" => vec![
            when(Matcher::contains("display('b')"))
                .writes("1\n")
                .displays(plain("'a'"))
                .prints("2\n")
                .displays(plain("'b'"))
                .prints("3\n"),
        ],
        "a_display_can_be_replaced" => vec![
            when(Matcher::contains("display_id='bar', update=True"))
                .displays(named("'half'", false))
                .displays(plain("'other'"))
                .displays(named("'whole'", true)),
        ],
        "displays_beyond_their_limit_are_counted" => {
            let sizes = [1000, 2_000_000, 1000];
            let rule = when(Matcher::contains("display('x' * size)"));
            vec![sizes.iter().fold(rule, |rule, size| rule.displays(plain(&"x".repeat(*size))))]
        }
        "a_display_says_whether_it_is_the_value" => {
            let value = |text: &str| Display { result: true, ..plain(text) };
            let of = |name: &str| ScriptedValue::object(format!("{name}()"), name);
            vec![
                when(Matcher::contains("display(Snake())\nSnake()"))
                    .displays(plain("a snake"))
                    .displays(value("a snake"))
                    .value(of("Snake")),
                when("display(Snake())").displays(plain("a snake")),
                when(Matcher::contains("Worm()")).displays(value("a worm")).value(of("Worm")),
            ]
        }
        _ => return None,
    };
    Some(Script::in_order(rules))
}
