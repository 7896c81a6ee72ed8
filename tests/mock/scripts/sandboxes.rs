//! The life of sandboxes, and their limits.

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let rules = match case {
        "a_sandbox_is_made_listed_and_ended" => vec![is("6 * 7", 42)],
        "an_unknown_sandbox_is_told"
        | "ending_a_sandbox_twice_is_no_error"
        | "sandboxes_are_listed_in_the_order_of_their_making"
        | "the_session_of_another_sandbox_is_not_listed"
        | "limits_that_make_no_sense_are_refused" => vec![],
        "ending_a_sandbox_ends_its_sessions" => vec![number(1)],
        "ending_a_sandbox_ends_what_runs" => vec![sleeper()],
        "a_dropped_handle_ends_its_sandbox" => vec![sleeper().optional()],
        "a_kept_sandbox_outlives_its_handle" => vec![binds("x = 1", "x", 1), when("x").value_of("x")],
        _ => return None,
    };
    Some(Script::in_order(rules))
}
