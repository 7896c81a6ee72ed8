//! Deadlines, and giving up.

use hibernaculum::mock::Step;

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let rules = match case {
        "a_timeout_keeps_the_session" => {
            vec![binds("x = 41", "x", 41), sleeper(), busy(), is("x + 1", 42)]
        }
        "a_timeout_keeps_partial_output" => vec![
            when(Matcher::contains("while True: pass"))
                .prints("text\n")
                .writes("raw\n")
                .binds("x", 1)
                .prints("half")
                .hangs(),
            when("x").value_of("x"),
        ],
        "a_timeout_does_not_answer_for_the_next_call" => {
            let late = when(Matcher::regex(r"print\('(late \d)'\)").unwrap())
                .times(5)
                .waits(millis(250))
                .computes(|scene| Ending::Value(scene.group(1).into()));
            let answers = (0..5).map(|round| {
                let handled = Reaction::Handles(
                    vec![Step::Print("caught\n".to_owned())],
                    Ending::Value(format!("answer {round}").into()),
                );
                when(Matcher::contains(format!("'answer {round}'"))).hangs().on_interrupt(handled)
            });
            return Some(Script::any_order(answers.chain([late, number(10)])));
        }
        "stubborn_code_is_killed_at_its_deadline" => {
            vec![binds("x = 1", "x", 1), stubborn(), asks_for("x")]
        }
        "code_in_c_is_killed_at_its_deadline" => {
            vec![
                when(Matcher::contains("itertools.repeat")).prints("ready\n").hangs().ignores_interrupts(),
                number(1),
            ]
        }
        "a_process_that_stops_itself_is_killed_at_its_deadline" => {
            vec![when(Matcher::contains("SIGSTOP")).prints("ready\n").hangs().ignores_interrupts(), number(1)]
        }
        "a_deadline_counts_the_time_in_the_queue" => {
            vec![sleeper(), when("ran = True").binds("ran", true).times(0), asks_for("ran")]
        }
        "a_deadline_may_be_spent_in_the_queue_and_running" => {
            vec![when("import time\ntime.sleep(0.9)").waits(millis(900)), sleeper()]
        }
        "a_timeout_of_zero_is_refused" => vec![number(1)],
        "no_deadline_is_kept_where_none_is_asked_for" => {
            vec![when("import time\ntime.sleep(0.2)\n'done'").waits(millis(200)).value("done")]
        }
        "a_deadline_is_over_with_its_execution" => {
            vec![number(1), when(Matcher::contains("time.sleep(2)")).waits(millis(2000)).value("whole")]
        }
        "an_endless_flood_meets_its_deadline" => {
            let (text, bytes) = ("x".repeat(1000) + "\n", "x".repeat(65536));
            let mut print = when("while True: print('x' * 1000)").prints(text.repeat(20_000));
            let mut write =
                when("import os\nwhile True: os.write(1, b'x' * 65536)").writes(bytes.repeat(300));
            print = print.hangs();
            write = write.hangs();
            vec![print, write, when("print('after')").prints("after\n")]
        }

        "dropping_an_execution_interrupts_it" => {
            vec![binds("x = 1", "x", 1), sleeper(), when("x").value_of("x")]
        }
        "dropping_a_waiting_execution_keeps_it_from_running" => {
            let rules = [waits_for("", "go", ""), when("ran = True").times(0), asks_for("ran"), makes("go")];
            return Some(Script::any_order(rules));
        }
        "dropping_a_call_interrupts_what_it_runs" => {
            vec![binds("x = 1", "x", 1), sleeper(), when("x").value_of("x")]
        }
        "a_call_may_be_dropped_at_any_moment" => {
            let call = is("sum(range(20_000))", 199_990_000).any_times();
            let rules = [binds("x = 'kept'", "x", "kept"), call, number(40), when("x").value_of("x")];
            return Some(Script::any_order(rules));
        }
        "opening_a_session_may_be_dropped_at_any_moment"
        | "making_a_sandbox_may_be_dropped_at_any_moment" => {
            vec![number(1)]
        }
        "dropping_a_question_interrupts_it" => vec![when("input()").asks(""), is("'next'", "next")],
        _ => return None,
    };
    Some(Script::in_order(rules))
}
