//! Detaching, attaching, and readers that are slow.

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let ready = |after: &str| waits_for("print('ready')", "go", after);
    let rules = match case {
        "a_detached_execution_runs_on_and_is_taken_up_again" => {
            vec![ready("print('done')\n7").value(7), makes("go")]
        }
        "an_execution_is_taken_up_after_any_event" => {
            let mut rule = when(Matcher::contains("for i in range(3)"));
            for i in 0..3 {
                rule = rule.prints(format!("{i}\n")).prints_to_stderr(format!("{i}\n"));
            }
            vec![rule.value("the end")]
        }
        "an_execution_that_runs_is_taken_up_in_the_middle" => {
            vec![waits_for("print('one')", "go", "print('two')"), makes("go")]
        }
        "a_newer_stream_takes_over" => vec![ready("'done'").value("done"), makes("go")],
        "a_detached_flood_is_told_as_a_gap" => {
            let lines = lines(0..8 * 1024, |i| format!("{i:<1023}\n"));
            let flood = when(Matcher::contains("for i in range(8 * 1024)")).prints(lines).signals("flooded");
            vec![flood.value("done"), waits_for("", "flooded", "")]
        }
        "a_detached_execution_meets_its_deadline" | "a_detached_execution_can_be_interrupted" => {
            vec![sleeper()]
        }
        "a_question_can_be_answered_after_a_detach" => {
            vec![
                when("input('? ')")
                    .asks("? ")
                    .computes(|scene| Ending::Value(scene.answers()[0].as_str().into())),
            ]
        }
        "an_unknown_execution_is_told" => vec![number(1)],
        "an_execution_that_ended_long_ago_is_forgotten" => {
            vec![is("'first'", "first"), is("'second'", "second"), number(20)]
        }
        _ => return None,
    };
    Some(Script::any_order(rules))
}
