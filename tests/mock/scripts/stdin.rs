//! Questions and answers.

use super::prelude::*;

fn answered(code: &str, prompt: &str) -> Rule {
    when(code).asks(prompt).computes(|scene| Ending::Value(scene.answers()[0].as_str().into()))
}

pub(crate) fn script(case: &str) -> Option<Script> {
    let rules = match case {
        "input_asks_and_gets_its_answer" => vec![
            when("name = input('Your name? ')\nf'Hello {name}'")
                .asks("Your name? ")
                .computes(|scene| Ending::Value(format!("Hello {}", scene.answers()[0]).into())),
        ],
        "getpass_asks_without_showing" => vec![
            when("import getpass; getpass.getpass('Secret: ')")
                .asks_secretly("Secret: ")
                .computes(|scene| Ending::Value(scene.answers()[0].as_str().into())),
        ],
        "an_answer_may_be_long_and_of_any_characters" => {
            vec![when("a = input()\nb = input()\nlen(a), a[-1], b").asks("").asks("").computes(|scene| {
                let [a, b] = scene.answers() else { return Ending::Nothing };
                let (length, last, b) =
                    (a.chars().count(), a.chars().last().unwrap(), ScriptedValue::from(b.as_str()));
                Ending::Value(ScriptedValue::object(format!("({length}, '{last}', {})", b.repr), "tuple"))
            })]
        }
        "questions_are_answered_one_by_one" => vec![
            when("[input(f'{i}? ') for i in range(3)]")
                .asks("0? ")
                .asks("1? ")
                .asks("2? ")
                .computes(|scene| Ending::Value(scene.answers().to_vec().into())),
        ],
        "what_was_printed_comes_before_the_question" => vec![
            when(Matcher::contains("os.write(1, b'raw\\n')\ninput()"))
                .prints("text\n")
                .writes("raw\n")
                .asks("")
                .value(""),
        ],
        "input_does_not_eat_the_next_command" => {
            vec![answered("input('? ')", "? "), is("'the next command'", "the next command")]
        }
        "an_answer_that_nobody_waits_for_is_refused" => vec![answered("input()", "")],
        "an_answer_counts_once" => vec![when("input(), input()").asks("").asks("").computes(|scene| {
            let [a, b] = scene.answers() else { return Ending::Nothing };
            Ending::Value(ScriptedValue::object(format!("('{a}', '{b}')"), "tuple"))
        })],
        "a_question_can_be_interrupted" => {
            vec![when("x = 1\ninput('? ')").binds("x", 1).asks("? "), when("x").value_of("x")]
        }
        "a_question_meets_its_deadline" => vec![when("input('? ')").asks("? "), is("'next'", "next")],
        "denied_input_raises_an_eof_error_that_says_why" => vec![
            when("input('? ')").asks("? "),
            when("import getpass; getpass.getpass()").asks_secretly("Password: "),
            when("import sys; sys.stdin.readline()").asks(""),
        ],
        _ => return None,
    };
    Some(Script::in_order(rules))
}
