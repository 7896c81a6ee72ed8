//! The life of sessions.

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let binds_x = || binds("x = 1", "x", 1);
    let x = || when("x").value_of("x");
    let rules = match case {
        "an_unknown_session_is_told"
        | "closing_a_session_twice_is_no_error"
        | "a_dropped_handle_closes_its_session"
        | "sessions_are_listed_in_the_order_of_their_opening" => vec![],
        "a_closed_session_says_so" => vec![binds_x()],
        "closing_a_session_ends_what_runs_and_waits" => vec![sleeper()],
        "a_session_can_be_asked_for_by_id" => vec![number(1)],
        "an_id_names_one_session" => vec![binds_x(), x()],
        "an_id_is_free_again_after_its_session" => vec![binds_x(), asks_for("x")],
        "fifty_sessions_live_side_by_side" => {
            let each = (0..50).map(|i| binds(&format!("x = {i}"), "x", i));
            return Some(Script::any_order(each.chain([x().times(50)])));
        }
        "closing_one_session_leaves_the_others" => vec![binds("x = 2", "x", 2), x()],
        _ => return None,
    };
    Some(Script::in_order(rules))
}
