//! What a session holds between executions, and values.

use serde_json::json;

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let rules = match case {
        "names_live_between_executions" => vec![binds("x = 41", "x", 41), is("x + 1", 42)],
        "a_failed_execution_keeps_what_it_did" => vec![
            when("x = 1\n1/0\ny = 2")
                .binds("x", 1)
                .raises(Exception::new("ZeroDivisionError", "division by zero")),
            shows("x, 'y' in globals()", "(1, False)", "tuple"),
        ],
        "changes_tell_what_was_bound_rebound_and_removed" => vec![
            when("x = 1; y = 'a'").binds("x", 1).binds("y", "a"),
            when("x = 2.5; z = [y]; del y").binds("x", 2.5).binds("z", json!(["a"])).unbinds("y"),
        ],
        "a_trailing_expression_is_the_value" => vec![when("x = 6\nx * 7").binds("x", 6).value(42)],
        "what_has_an_exact_json_form_has_it" => vec![
            is("True", true),
            is("-7", -7),
            is("-2**63", i64::MIN),
            is("2**63", json!(1_u64 << 63)),
            is("[2**64 - 1, True]", json!([u64::MAX, true])),
            is("2.5", 2.5),
            is("'grün\\n'", "grün\n"),
            is("[1, [2, None]]", json!([1, [2, null]])),
            is("{'a': {'b': []}}", json!({"a": {"b": []}})),
        ],
        "history_can_be_left_alone" => vec![is("10", 10), is("20", 20), is("_", 10), is("30", 30)],
        "a_value_beyond_its_limit_is_cut_and_counted" => vec![
            is("'x' * 10_000", "x".repeat(10_000)),
            is("len(_)", 10_000),
            is("'ü' * 10_000", "ü".repeat(10_000)),
        ],
        _ => return None,
    };
    Some(Script::in_order(rules))
}
