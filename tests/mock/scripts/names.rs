//! Names of a session.

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let binds_x = || binds("x = 1", "x", 1);
    let x = || when("x").value_of("x");
    let rules = match case {
        "names_are_chosen_by_prefix_and_kind" => vec![
            when(Matcher::contains("df_1 = 1"))
                .binds("math", ScriptedValue::object("<module 'math'>", "module"))
                .binds("df_1", 1)
                .binds("df_2", 2)
                .binds("other", 3)
                .binds("__hidden__", 4)
                .binds("df_f", ScriptedValue::object("<function df_f>", "function"))
                .value(5),
        ],
        "thousands_of_names_are_listed" => {
            let rule = when(Matcher::contains("range(12_000)"));
            vec![(0..12_000).fold(rule, |rule, i| rule.binds(format!("n{i}"), i))]
        }
        "a_name_is_read_as_json" => vec![
            when(Matcher::contains("nothing = None"))
                .binds("x", serde_json::json!({"a": [1, 2.5, null, "grün"]}))
                .binds("nothing", serde_json::Value::Null),
        ],
        "a_name_that_is_not_bound_is_told" => vec![],
        "what_json_cannot_say_exactly_is_told" => vec![
            when(Matcher::contains("pair = (1, 2)"))
                .binds("pair", ScriptedValue::object("(1, 2)", "tuple"))
                .binds("nan", ScriptedValue::object("[nan]", "list"))
                .binds("lone", ScriptedValue::object("'\\ud800'", "str"))
                .binds("high", ScriptedValue::object("18446744073709551616", "int"))
                .binds("low", ScriptedValue::object("-9223372036854775809", "int"))
                .binds("huge", ScriptedValue::object("[1…]", "list"))
                .binds("most", serde_json::json!(u64::MAX))
                .binds("least", serde_json::json!([i64::MIN])),
        ],
        "limits_of_a_repr_that_make_no_sense_are_refused" => vec![binds_x()],
        "a_name_is_bound_to_what_the_host_gives" => {
            vec![shows("given['rows'][1] * 2", "5.0", "float"), when("given").value_of("given")]
        }
        "a_value_of_five_megabytes_goes_in_and_out" => vec![when("len(text)").computes(|scene| {
            let text = scene.value_of("text").and_then(|value| value.json.as_ref()?.as_str());
            Ending::Value(text.map_or(0, str::len).into())
        })],
        "what_cannot_be_a_name_is_refused" => vec![is("len([1, 2])", 2)],
        "what_the_host_binds_is_no_change_of_an_execution" => {
            vec![binds("old = 1", "old", 1), binds("mine = given", "mine", 1)]
        }
        "a_name_is_deleted_once" => vec![binds_x(), x()],
        "questions_about_names_take_their_turn" => {
            vec![when(Matcher::contains("x = 'first'")).waits(millis(300)).binds("x", "first")]
        }
        "a_question_about_names_that_is_dropped_leaves_the_session" => {
            vec![binds_x(), when(Matcher::contains("time.sleep(0.5)")).waits(millis(500)).binds("x", 2), x()]
        }
        "a_question_about_names_is_no_execution" => vec![binds_x(), x()],
        "a_question_about_names_of_a_closed_session_is_refused" => vec![],
        _ => return None,
    };
    Some(Script::in_order(rules))
}
