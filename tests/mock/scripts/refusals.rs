//! What is refused before any code runs.

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let rules = match case {
        "what_a_backend_lacks_is_refused_by_name"
        | "a_limit_that_is_not_enforced_is_refused"
        | "a_network_policy_that_is_not_enforced_is_refused"
        | "an_isolation_level_that_cannot_be_had_is_refused"
        | "a_spec_that_makes_no_sense_is_refused"
        | "a_session_spec_that_makes_no_sense_is_refused" => vec![],
        "a_refusal_leaves_the_session_as_it_was" => vec![binds("x = 1", "x", 1), when("x").value_of("x")],
        "code_that_is_too_large_is_refused" => vec![number(1)],
        "code_of_ten_megabytes_runs" => {
            let long = Matcher::predicate("ten megabytes of code", |code| code.len() > 10_000_000);
            vec![when(long).value(10_000_000), number(1)]
        }
        "an_execution_id_runs_once" => {
            vec![
                binds("n = 0", "n", 0),
                when("n += 1\nn").binds("n", 1).value_of("n"),
                when("n").value_of("n"),
            ]
        }
        "a_script_with_a_megabyte_of_arguments_is_refused" => {
            vec![when("len(__import__('sys').argv)").value(900)]
        }
        _ => return None,
    };
    Some(Script::in_order(rules))
}
