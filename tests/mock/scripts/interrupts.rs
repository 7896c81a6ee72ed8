//! Interrupts.

use super::prelude::*;
use hibernaculum::mock::Step;

pub(crate) fn script(case: &str) -> Option<Script> {
    let one = || number(1);
    let rules = match case {
        "an_interrupt_keeps_the_session" => vec![binds("x = 41", "x", 41), sleeper(), is("x + 1", 42)],
        "an_interrupt_ends_a_busy_loop" => vec![busy(), one()],
        "an_interrupt_ends_a_wait_for_a_child" => vec![
            when(Matcher::contains("subprocess.run(['sleep', '600'])")).prints("ready\n").hangs(),
            is("subprocess.run(['true']).returncode", 0),
        ],
        "an_interrupt_keeps_what_was_written" => vec![
            when(Matcher::contains("while True: pass"))
                .prints("text\n")
                .writes("raw\n")
                .binds("x", 1)
                .prints("ready\n")
                .hangs(),
            when("x").value_of("x"),
        ],
        "an_interrupt_lets_the_code_tidy_up" => vec![
            when(Matcher::contains("finally:"))
                .prints("ready\n")
                .hangs()
                .on_interrupt(Reaction::Tidies(vec![Step::Print("tidy\n".to_owned())])),
        ],
        "code_may_handle_an_interrupt_and_go_on" => vec![
            when(Matcher::contains("except KeyboardInterrupt:\n    x = 'handled'"))
                .prints("ready\n")
                .hangs()
                .on_interrupt(Reaction::Handles(vec![], Ending::Value("handled".into()))),
        ],
        "stubborn_code_is_killed_and_the_loss_told" => {
            vec![binds("x = 1", "x", 1), stubborn(), asks_for("x")]
        }
        "code_that_holds_the_gil_is_killed_and_the_loss_told" => {
            vec![
                when(Matcher::contains("itertools.repeat")).prints("ready\n").hangs().ignores_interrupts(),
                one(),
            ]
        }
        "a_waiting_execution_that_is_interrupted_never_begins" => {
            vec![sleeper(), when("ran = True").times(0), asks_for("ran")]
        }
        "an_interrupt_of_what_has_ended_does_nothing" => vec![number(2)],
        "an_interrupt_never_hits_the_next_execution" => {
            let first = is("sum(range(2000))", 1_999_000).times(40);
            let second = when(Matcher::regex(r"^sum\(range\(1000\)\); (\d+)$").unwrap())
                .times(40)
                .computes(|scene| Ending::Value(scene.group(1).parse::<u64>().unwrap().into()));
            // One that is interrupted before it begins is never sent.
            return Some(Script::any_order([first.any_times(), second]));
        }
        "two_interrupts_are_no_more_than_one" => vec![sleeper(), one()],
        "an_interrupt_stays_in_its_session" => {
            let untouched = waits_for("print('ready')", "go", "'untouched'").value("untouched");
            return Some(Script::any_order([untouched, sleeper(), makes("go")]));
        }
        "code_that_ignores_the_signal_is_killed_and_the_loss_told" => {
            vec![when(Matcher::contains("SIG_IGN")).prints("ready\n").hangs().ignores_interrupts(), one()]
        }
        "a_handler_of_the_codes_own_holds_for_its_execution" => {
            let caught = ScriptedValue::from(vec![2]);
            let handles = vec![Step::Bind([("caught".to_owned(), caught.clone())].into())];
            let rule = when(Matcher::contains("while not caught: pass"))
                .prints("ready\n")
                .hangs()
                .on_interrupt(Reaction::Handles(handles, Ending::Value(caught)));
            vec![rule, sleeper(), when("caught").value_of("caught")]
        }
        _ => return None,
    };
    Some(Script::in_order(rules))
}
