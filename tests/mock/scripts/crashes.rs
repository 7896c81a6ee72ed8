//! Crashes, and what follows them.

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let segfault = || when("import ctypes\nctypes.string_at(0)").crashes(Crash::Signal(11));
    let binds_x = || binds("x = 1", "x", 1);
    let exits_when_told = || when(Matcher::contains("os._exit(9)")).waits_for("go").crashes(Crash::Exit(9));
    let rules = match case {
        "a_segfault_is_a_crash_with_its_signal" => vec![binds_x(), segfault(), asks_for("x")],
        "an_exit_past_python_is_a_crash_with_its_code" => vec![exits(0), exits(7), exits(255), number(1)],
        "a_killed_process_is_a_crash_with_its_signal" => vec![
            when(Matcher::contains("signal.SIGKILL")).crashes(Crash::Signal(9)),
            when(Matcher::contains("signal.SIGTERM")).crashes(Crash::Signal(15)),
            number(1),
        ],
        "an_abort_is_a_crash_with_its_signal" => {
            vec![when("import os; os.abort()").crashes(Crash::Signal(6)), number(1)]
        }
        "what_was_written_before_a_crash_is_there" => {
            let lines = lines(0..5000, |i| format!("{i}\n"));
            vec![
                when(Matcher::contains("last words"))
                    .prints("text\n")
                    .writes("raw\n")
                    .prints("half a line")
                    .prints_to_stderr("last words")
                    .crashes(Crash::Exit(1)),
                when(Matcher::contains("for i in range(5000)")).prints(lines).crashes(Crash::Signal(9)),
            ]
        }
        "a_crash_hurts_no_other_session" => {
            let running = waits_for("", "go", "x").value_of("x");
            let bound = binds("x = 'untouched'", "x", "untouched");
            return Some(Script::any_order([bound, running, segfault(), makes("go")]));
        }
        "crashes_are_counted" => vec![exits(1), divides_by_zero(), exits(2)],
        "a_session_crashes_as_often_as_it_likes" => {
            let rounds = (0..8)
                .flat_map(|round| [binds(&format!("x = {round}"), "x", round), exits(3), asks_for("x")]);
            rounds.collect()
        }

        "without_recovery_a_crashed_session_stays_crashed" => vec![exits(9)],
        "without_recovery_what_waits_is_refused" => {
            return Some(Script::any_order([exits_when_told(), makes("go")]));
        }
        "what_waits_runs_on_a_fresh_interpreter_and_is_warned" => {
            let rules = [binds_x(), exits_when_told(), makes("go"), asks_for("x"), number(1)];
            return Some(Script::any_order(rules));
        }
        "without_recovery_a_killed_session_stays_crashed" => vec![stubborn()],
        _ => return None,
    };
    Some(Script::in_order(rules))
}
